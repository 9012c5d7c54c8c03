"""Settings: a TOML file and `--set a.b=3`, checked by a pydantic model.  Unknown keys are errors naming the nearest."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from catalens.core.errors import ConfigError
from catalens.core.registry import hint

T = TypeVar("T", bound="Settings")
Layer = tuple[str | None, Mapping[str, Any]]  # where settings stand, None for the command line, and the settings
Preset = Callable[[str], Mapping[str, Any]]  # a name -> settings; raises ConfigError


class Settings(BaseModel):
    """Base of every settings model: frozen, and a key nobody reads is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def load(
    path: Path | None,
    model: type[T],
    overrides: Mapping[str, Any] | None = None,
    *,
    section: str,
    presets: Mapping[str, Preset] | None = None,
) -> T:
    """The settings of one verb.  Later wins: the model's defaults, a preset, `[section]` of the file, then `overrides`.

    `overrides` maps dotted keys under the section to values; a value that is None was not given and is passed over.
    `presets` maps a key to what gives the settings that its value names: {"recipe": values}; the key may stand in the
    file or among the overrides, and keeps its value.
    Raises ConfigError naming the key, what was expected and what came, and the file or preset where it stands.
    """
    given: dict[str, Any] = {}
    for key, value in (overrides or {}).items():
        if value is not None:
            _assign(given, key.split("."), value)
    layers: list[Layer] = [(None, given)]
    if path is not None:
        layers.insert(0, (str(path), _section(path, section)))
    for key, preset in (presets or {}).items():
        if isinstance(name := _together(layers).get(key), str):
            layers.insert(0, (f"{key} {name}", preset(name)))
    try:
        return model.model_validate(_together(layers))
    except ValidationError as error:
        raise _explain(error, model, section, layers) from None


def parse_assignments(assignments: list[str] | tuple[str, ...], *, section: str) -> dict[str, Any]:
    """["train.epochs=3"] -> {"epochs": 3}.  Values are TOML, and bare words are strings."""
    found: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        first, dot, rest = key.strip().partition(".")
        if not equals or not dot or first != section:
            raise ConfigError(f"expected --set {section}.KEY=VALUE, got {assignment!r}", key=key)
        found[rest] = _toml_value(text.strip())
    return found


def read(path: Path) -> dict[str, dict[str, Any]]:
    """The tables of a TOML file.  Raises ConfigError where it cannot be read or a key stands outside a table."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", source=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"is not TOML: {error}", source=str(path)) from None
    for key, value in document.items():
        if not isinstance(value, dict):
            raise ConfigError(f"{key!r} stands outside a table", source=str(path), key=key)
    return document


def _section(path: Path, section: str) -> dict[str, Any]:
    try:
        document = read(path)
    except ConfigError as error:
        if error.key is None:
            raise
        raise ConfigError(
            f"{error.key!r} stands outside a table; put it under [{section}]", source=str(path), key=error.key
        ) from None
    if section not in document and (near := get_close_matches(section, document, n=1, cutoff=0.75)):
        raise ConfigError(f"unknown table [{near[0]}]; did you mean [{section}]?", source=str(path), key=near[0])
    return document.get(section, {})


def _together(layers: Sequence[Layer]) -> dict[str, Any]:
    """All layers as one table; the last one wins."""
    return reduce(_merged, (values for _, values in layers), {})


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        lower = result.get(key)
        if isinstance(lower, Mapping) and isinstance(value, Mapping):
            value = _merged(lower, value)
        result[key] = value
    return result


def _assign(values: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise ConfigError(f"{key!r} is a value, not a table", key=".".join(keys))
    values[keys[-1]] = value


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _explain(error: ValidationError, model: type[BaseModel], section: str, layers: Sequence[Layer]) -> ConfigError:
    first = error.errors()[0]
    keys = [str(part) for part in first["loc"]]
    dotted = ".".join([section, *keys])
    if first["type"] == "extra_forbidden":
        message = f"unknown setting {dotted!r}{hint(keys[-1], _known_keys(model, keys[:-1]))}"
    else:
        message = f"{dotted}: {first['msg']}, got {first.get('input')!r}"
    return ConfigError(message, source=_source(keys, layers), key=dotted)


def _source(keys: list[str], layers: Sequence[Layer]) -> str | None:
    """Where the value stands that an error is about: in the last layer that has it, or that has what it is in."""
    for source, values in reversed(layers):
        inside: Any = values
        for key in keys:
            if not isinstance(inside, Mapping):
                return source
            if key not in inside:
                break
            inside = inside[key]
        else:
            return source
    return None


def _known_keys(model: type[BaseModel], parents: list[str]) -> list[str]:
    for parent in parents:
        field = model.model_fields.get(parent)
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            return []
        model = field.annotation
    return list(model.model_fields)

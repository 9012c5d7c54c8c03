"""Settings: a TOML file and `--set a.b=3`, checked by a pydantic model.  Unknown keys are errors naming the nearest."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from catalens.core.errors import ConfigError
from catalens.core.registry import hint

T = TypeVar("T", bound="Settings")


class Settings(BaseModel):
    """Base of every settings model: frozen, and a key nobody reads is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def load(path: Path | None, model: type[T], overrides: Mapping[str, Any] | None = None, *, section: str) -> T:
    """The settings of one verb.  Later wins: the model's defaults, `[section]` of the file, then `overrides`.

    `overrides` maps dotted keys under the section to values; a value that is None was not given and is passed over.
    Raises ConfigError naming the key, what was expected and what came.
    """
    values: dict[str, Any] = {}
    if path is not None:
        values = _section(path, section)
    for key, value in (overrides or {}).items():
        if value is not None:
            _assign(values, key.split("."), value)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _explain(error, model, section, path) from None


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


def _section(path: Path, section: str) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", source=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"is not TOML: {error}", source=str(path)) from None
    for key, value in document.items():
        if not isinstance(value, dict):
            raise ConfigError(f"{key!r} stands outside a table; put it under [{section}]", source=str(path), key=key)
    if section not in document and (near := get_close_matches(section, document, n=1, cutoff=0.75)):
        raise ConfigError(f"unknown table [{near[0]}]; did you mean [{section}]?", source=str(path), key=near[0])
    values: dict[str, Any] = document.get(section, {})
    return values


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


def _explain(error: ValidationError, model: type[BaseModel], section: str, path: Path | None) -> ConfigError:
    first = error.errors()[0]
    keys = [str(part) for part in first["loc"]]
    dotted = ".".join([section, *keys])
    if first["type"] == "extra_forbidden":
        message = f"unknown setting {dotted!r}{hint(keys[-1], _known_keys(model, keys[:-1]))}"
    else:
        message = f"{dotted}: {first['msg']}, got {first.get('input')!r}"
    return ConfigError(message, source=str(path) if path else None, key=dotted)


def _known_keys(model: type[BaseModel], parents: list[str]) -> list[str]:
    for parent in parents:
        field = model.model_fields.get(parent)
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            return []
        model = field.annotation
    return list(model.model_fields)

"""Which members a comparison has: every model with every recipe and every combination of what varies."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from catalens.compare.settings import CompareSettings, Entry
from catalens.core.catalog import Catalog
from catalens.core.config import load
from catalens.core.errors import ConfigError
from catalens.core.registry import hint
from catalens.train.settings import TrainSettings
from catalens.train.weights import content_digest

RecipeValues = Callable[[str], Mapping[str, Any]]
ALONE = 0.05  # multiply-adds, 10^9, that a photo costs besides the network: decoding, augmenting


@dataclass(frozen=True, slots=True)
class Member:
    """A row to be: its name, and all that its training depends on.  `digest` covers settings, catalog and weights."""

    name: str
    settings: TrainSettings
    digest: str

    @property
    def folder(self) -> str:
        """The name of its folder: other settings, another folder, whatever it is called in this comparison."""
        return f"{slug(self.settings.model)}-{self.digest[:8]}"


def members(settings: CompareSettings, catalog: Catalog, recipe_values: RecipeValues) -> list[Member]:
    """All members, in the order they were asked for.

    Raises ConfigError if there are none, a setting is unknown or cannot be used here, or two are the same.
    """
    listed = set(settings.models) | {entry.model for entry in settings.entries}
    for model in settings.own:
        if model not in listed:
            raise ConfigError(f"own settings of {model!r}, which is not compared{hint(model, listed)}", key="own")
    data = data_digest(catalog)
    weights = cache(_content)
    found: dict[str, Member] = {}
    trained: dict[str, str] = {}
    for name, values in _combinations(settings, recipe_values):
        chosen = load(None, TrainSettings, values, section="train")
        if chosen.devices > 1:  # the other processes would be started with the command line of the comparison
            message = f"{name!r} is to be trained by {chosen.devices} processes, which only `catalens train` starts"
            raise ConfigError(f"{message}; set train.devices=1", key="devices")
        depends = {"train": chosen.model_dump(mode="json"), "data": data, "weights": weights(chosen.weights)}
        member = Member(name, chosen, digest_of(depends))
        if member.digest in trained:
            raise ConfigError(f"{name!r} and {trained[member.digest]!r} are the same training", key="models")
        if name in found:
            raise ConfigError(f"two members are called {name!r}; give each entry a name of its own", key="name")
        found[name] = member
        trained[member.digest] = name
    if not found:
        raise ConfigError("nothing to compare; name the models: --models residual_cnn,resnet50", key="models")
    return list(found.values())


def data_digest(catalog: Catalog) -> str:
    """What a training sees of a catalog: its products and photos, and how they are divided."""
    return digest_of({"catalog": catalog.digest, "split": sorted(catalog.split.items())})


def _content(weights: str) -> str | None:
    """By what a file or a run holds: under the same name it may be something else the next time."""
    try:
        return content_digest(weights)
    except ConfigError:  # said in the row of who is trained with it
        return None


def digest_of(values: Any) -> str:
    """sha256 of JSON values, in hex."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def slug(name: str) -> str:
    """A name as part of a file name: letters, digits, dots and dashes."""
    return re.sub(r"[^\w.]+", "-", name, flags=re.ASCII).strip("-.")[:60] or "member"


def work(member: Member) -> float:
    """About how much its training is beside another's, for the time left: epochs times multiply-adds a photo."""
    from catalens.train.zoo import cost

    settings = member.settings
    try:
        usual = cost(settings.model)
        a_photo = usual.gmacs * (settings.size / usual.size) ** 2
    except Exception:  # a model that cannot be built fails later, in its own row
        a_photo = 0.0
    steps = 1 if settings.mode != "full" else 3  # forward only, or forward and backward
    return settings.epochs * (steps * a_photo + ALONE)


def _combinations(settings: CompareSettings, recipe_values: RecipeValues) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, settings of training under dotted keys)."""
    entries = [Entry(model=model) for model in settings.models]
    recipes = settings.recipes or (None,)
    for entry in (*entries, *settings.entries):
        for recipe in (entry.recipe,) if entry.recipe else recipes:
            for varied in _varied(settings.vary):
                known = (
                    {key: value for key, value in recipe_values(recipe).items() if key != "recipe"} if recipe else {}
                )
                own = {**settings.own.get(entry.model, {}), **entry.train}
                values = {**known, **settings.train, **own, **varied, "model": entry.model}
                words = [entry.name or entry.model]
                if (recipe and len(recipes) > 1) or (entry.recipe and not entry.name):
                    words.append(_short(recipe or ""))
                words += [f"{key}={_written(value)}" for key, value in varied.items()]
                yield " ".join(words), {**values, "recipe": recipe} if recipe else values


def _varied(vary: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    for values in product(*vary.values()):
        yield dict(zip(vary, values, strict=True))


def _short(recipe: str) -> str:
    """A recipe's name; of a path, the file's."""
    return recipe.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".toml")


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

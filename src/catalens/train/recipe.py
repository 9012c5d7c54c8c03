"""Recipes: named sets of training settings, one readable TOML file each, in the folder `recipes` beside this file.

A recipe lies between the defaults and what a user sets: `core.config.load(..., presets=PRESETS)` puts them together.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catalens.core.config import Preset, load, read
from catalens.core.errors import ConfigError
from catalens.core.registry import hint
from catalens.train.settings import TrainSettings

FOLDER = Path(__file__).parent / "recipes"


def names() -> list[str]:
    """The recipes that ship with the package, the plainest first."""
    order = ["classic", "probe", "last", "full", "progressive", "strong"]
    found = sorted(path.stem for path in FOLDER.glob("*.toml"))
    return [name for name in order if name in found] + [name for name in found if name not in order]


def path_of(name_or_path: str) -> Path:
    """The file of a recipe: by its name, or any path that ends in .toml.  Raises ConfigError."""
    if name_or_path.endswith(".toml"):
        return Path(name_or_path)
    if name_or_path not in names():
        message = f"unknown recipe {name_or_path!r}{hint(name_or_path, names())}"
        raise ConfigError(
            f"{message}; `catalens train --recipes` lists them, a file's name ends in .toml", key="recipe"
        )
    return FOLDER / f"{name_or_path}.toml"


def values(name_or_path: str) -> dict[str, Any]:
    """What a recipe sets: its table [train].  Raises ConfigError where there is none, or anything beside it."""
    path = path_of(name_or_path)
    tables = read(path)
    if "train" not in tables:
        raise ConfigError("expected a table [train], which is what a recipe sets", source=str(path), key="train")
    if others := sorted(set(tables) - {"train"}):
        message = f"a recipe has only the table [train], got [{others[0]}] too; for more, pass the file as --config"
        raise ConfigError(message, source=str(path), key=others[0])
    if "recipe" in tables["train"]:
        raise ConfigError("a recipe cannot name another one", source=str(path), key="train.recipe")
    return tables["train"]


PRESETS: dict[str, Preset] = {"recipe": values}


def settings(name_or_path: str | None = None, overrides: Mapping[str, Any] | None = None) -> TrainSettings:
    """Settings by a recipe, with what is to be different.  Raises ConfigError."""
    return load(None, TrainSettings, {"recipe": name_or_path, **(overrides or {})}, section="train", presets=PRESETS)


def describe() -> list[tuple[str, str]]:
    """(name, what it is in a line) of every recipe: the first comment of its file."""
    return [(name, _first_comment(FOLDER / f"{name}.toml")) for name in names()]


def advice(chosen: TrainSettings) -> list[str]:
    """Settings that contradict each other, in words: what it comes to and what to do.  Empty where all is well."""
    found = []
    scratch = chosen.weights == "scratch"
    if scratch and chosen.mode != "full":
        frozen = "the whole network" if chosen.mode == "probe" else "all but the last stages"
        found.append(
            f"mode {chosen.mode!r} freezes {frozen}, and without pretrained weights that stays random; "
            "pass --weights FILE, --weights timm or --mode full"
        )
    if scratch and chosen.mode == "full" and (chosen.layer_decay < 1 or chosen.backbone_lr < 1):
        slow = "layer_decay" if chosen.layer_decay < 1 else "backbone_lr"
        found.append(
            f"{slow} {getattr(chosen, slow):g} slows down layers that have everything to learn without pretrained "
            f"weights; pass --weights, or --set train.{slow}=1"
        )
    if chosen.sampling == "balanced" and chosen.class_weights != "none" and chosen.weight_clamp > 4:
        found.append(
            "sampling 'balanced' and class_weights count rare categories twice; "
            "leave one out, or --set train.weight_clamp=4"
        )
    if chosen.sizes and chosen.sizes[-1] != chosen.size:
        found.append(
            f"the last of sizes is {chosen.sizes[-1]} but the model is exported for {chosen.size} pixels; "
            "let the last of sizes be the size"
        )
    return found


def _first_comment(path: Path) -> str:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    return first.removeprefix("#").strip()

"""One suite over every recipe that ships: it is valid, says what it is, is part of the package, and trains."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from tests.builders.catalogs import striped_catalog

from catalens.core.config import load
from catalens.core.errors import ConfigError
from catalens.train import recipe
from catalens.train.run import run
from catalens.train.settings import TrainSettings

SHIPPED = {"classic", "probe", "last", "full", "progressive", "strong"}
RECIPES = pytest.mark.parametrize("name", recipe.names())
TINY = {"model": "lightweight_cnn", "size": 32, "epochs": 2, "batch": 8, "workers": 0, "tracking": "none"}


def test_they_are_those_of_the_documentation() -> None:
    assert set(recipe.names()) == SHIPPED
    page = (Path(__file__).parents[3] / "docs/how-to/recipes.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in SHIPPED)


@RECIPES
def test_it_is_valid_and_every_value_arrives(name: str) -> None:
    values = recipe.values(name)
    chosen = recipe.settings(name)
    assert chosen.recipe == name
    for key, value in values.items():
        found = getattr(chosen, key)
        assert found == (tuple(value) if isinstance(value, list) else value)
    assert set(values) <= set(TrainSettings.model_fields)
    assert not {"model", "weights", "seed", "devices"} & set(values), "what depends on the user and the machine"


@RECIPES
def test_it_explains_itself(name: str) -> None:
    text = (files("catalens.train") / "recipes" / f"{name}.toml").read_text(encoding="utf-8")
    about = dict(recipe.describe())[name]
    assert text.startswith(f"# {about}\n")
    assert 20 < len(about) <= 110
    assert about.endswith(".")
    assert list(tomllib.loads(text)) == ["train"]


@RECIPES
def test_with_pretrained_weights_there_is_nothing_to_advise(name: str) -> None:
    assert recipe.advice(recipe.settings(name, {"weights": "weights.safetensors"})) == []


@RECIPES
def test_it_trains(name: str, tmp_path: Path) -> None:
    catalog = striped_catalog(tmp_path / "striped.catalog", products=24)
    overrides: dict[str, object] = dict(TINY)
    values = recipe.values(name)
    if "sizes" in values:
        overrides["sizes"] = [24, 32]
    if "views" in values:
        overrides |= {"views": 2, "cache_dir": tmp_path / "cache"}
    info = run(catalog, tmp_path / "run", recipe.settings(name, overrides))
    assert info["status"] == "finished"
    assert info["settings"]["recipe"] == name
    assert info["epochs"] == 2


def test_later_wins(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text('[train]\nrecipe = "probe"\nepochs = 5\n')
    assert recipe.values("probe")["epochs"] != 5

    def chosen(**flags: object) -> TrainSettings:
        return load(file, TrainSettings, flags, section="train", presets=recipe.PRESETS)

    assert (chosen().mode, chosen().epochs) == ("probe", 5)
    assert (chosen(epochs=7).mode, chosen(epochs=7).epochs) == ("probe", 7)
    assert chosen(recipe="last", lr=0.5) == recipe.settings("last", {"lr": 0.5, "epochs": 5})
    assert recipe.settings() == TrainSettings()


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("# Mine.\n[train]\nepochs = 3\n")
    chosen = recipe.settings(str(path))
    assert (chosen.epochs, chosen.recipe) == (3, str(path))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("[train", "is not TOML"),
        ("epochs = 3", "'epochs' stands outside a table"),
        ("[export]\npromises = [0.9]", "expected a table [train]"),
        ("[train]\n[export]\n", "got [export] too"),
        ('[train]\nrecipe = "full"', "cannot name another one"),
        ("[train]\nepoch = 3", "unknown setting 'train.epoch'; did you mean 'epochs'?"),
        ("[train]\naugment = 'lihgt'", "did you mean 'light'?"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, content: str | None, words: str) -> None:
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        recipe.settings(str(path))
    assert str(path) in str(caught.value)


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown recipe 'strnog'; did you mean 'strong'\?.*--recipes"):
        recipe.settings("strnog")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"mode": "probe"}, "without pretrained weights that stays random"),
        ({"mode": "last"}, "all but the last stages"),
        ({"layer_decay": 0.7}, "layer_decay 0.7 slows down"),
        ({"backbone_lr": 0.1}, "backbone_lr 0.1 slows down"),
        ({"sampling": "balanced", "class_weights": "balanced"}, "count rare categories twice"),
        ({"size": 128, "sizes": (64, 96)}, "the last of sizes is 96"),
    ],
    ids=lambda value: "" if isinstance(value, str) else "-".join(value),
)
def test_advice(settings: dict[str, object], words: str) -> None:
    assert words in recipe.advice(TrainSettings(**settings))[0]
    assert recipe.advice(TrainSettings()) == []

"""Which members there are, what they are called, and whose setting wins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.unit.compare.conftest import quick

from catalens.compare.plan import members, slug
from catalens.core.catalog import Catalog
from catalens.core.errors import ConfigError

RECIPES: dict[str, dict[str, Any]] = {"classic": {"lr": 0.5, "size": 64}, "my/strong.toml": {"lr": 0.25}}


def plan(shop: Catalog, **values: Any) -> list[Any]:
    return members(quick(**values), shop, RECIPES.__getitem__)


def test_models_times_recipes_times_what_varies(shop: Catalog) -> None:
    found = plan(shop, models=("a", "b"), recipes=tuple(RECIPES), vary={"sampling": ["natural", "sqrt"]})
    assert [member.name for member in found][:4] == [
        "a classic sampling=natural",
        "a classic sampling=sqrt",
        "a strong sampling=natural",
        "a strong sampling=sqrt",
    ]
    assert len({member.folder for member in found}) == len(found) == 8
    assert {member.settings.recipe for member in found} == set(RECIPES)


def test_later_wins_recipe_train_own_vary(shop: Catalog) -> None:
    settings = {"recipes": ("classic",), "own": {"lightweight_cnn": {"epochs": 9, "dropout": 0.5}}}
    (found,) = plan(shop, **settings, vary={"dropout": [0.2]})
    chosen = found.settings
    assert (chosen.lr, chosen.size, chosen.epochs, chosen.dropout) == (0.5, 32, 9, 0.2)


def test_an_entry_has_settings_and_a_name_of_its_own(shop: Catalog) -> None:
    entry = {"model": "vgg16", "name": "large", "recipe": "classic", "train": {"size": 96}}
    found = plan(shop, models=(), entries=[entry])
    assert [(one.name, one.settings.model, one.settings.size) for one in found] == [("large", "vgg16", 96)]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"models": ()}, "nothing to compare"),
        ({"models": ("a", "a")}, "the same training"),
        ({"own": {"resnet5": {"size": 64}}}, "'resnet5', which is not compared"),
        ({"train": {"epoch": 3}}, "did you mean 'epochs'"),
        ({"entries": [{"model": "b", "name": "lightweight_cnn"}]}, "two members are called"),
        ({"train": {"devices": 2}}, "trained by 2 processes, which only `catalens train` starts"),
    ],
    ids=["nothing", "twice", "own of another", "unknown setting", "one name", "several processes"],
)
def test_what_cannot_be_meant_is_said_before_anything_is_trained(
    shop: Catalog, values: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        plan(shop, **values)


def test_other_settings_are_another_folder(shop: Catalog) -> None:
    (first,), (second,) = plan(shop), plan(shop, train={"lr": 0.1})
    assert first.name == second.name
    assert first.folder != second.folder
    assert slug("a/b class_weights=none ../") == "a-b-class_weights-none"


def test_other_weights_under_the_same_name_are_another_folder(shop: Catalog, tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    folders = []
    for content in (b"first", b"second", b"first"):
        file.write_bytes(content)
        (member,) = plan(shop, train={"weights": str(file)})
        folders.append(member.folder)
    assert folders[0] == folders[2] != folders[1]

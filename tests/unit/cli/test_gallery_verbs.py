"""`catalens gallery add, list, remove`: exit codes, data on stdout, and what a person reads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.builders.bundles import tiny_bundle
from tests.builders.galleries import colour_catalog, halves

from catalens.cli.main import main
from catalens.core.bundle import Bundle


class Verb:
    """`catalens gallery ...`, with what it ended with and said."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: object) -> None:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["gallery", *map(str, arguments)])
        self.code = ended.value.code
        self.out, self.err = capsys.readouterr()


def photos(folder: Path, *, seed: int, upside_down: bool = False) -> Path:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for number in range(4):
        levels = {"upper": 5, "lower": 250} if upside_down else {}
        (folder / f"{number}.png").write_bytes(halves(rng, **levels))
    (folder / "notes.txt").write_text("not a photo")
    return folder


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny.bundle, shop.catalog, half/ and many/Half, many/Upside > down."""
    folder = tmp_path_factory.mktemp("shop")
    tiny_bundle(folder / "tiny.bundle")
    colour_catalog(folder / "shop.catalog")
    photos(folder / "half", seed=0)
    photos(folder / "many" / "Half", seed=1)
    photos(folder / "many" / "a=b > c", seed=2, upside_down=True)
    return folder


def test_add_list_remove(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new, newer, last = (tmp_path / name for name in ("new.bundle", "newer.bundle", "last.bundle"))
    catalog = ("--catalog", shop / "shop.catalog", "--set", "gallery.rounds=3")
    verb = Verb(capsys, "add", shop / "tiny.bundle", new, "--category", "7=Home > Half", shop / "half", *catalog)
    assert verb.code == 0, verb.err
    assert verb.out.startswith("Home > Half  4 photos, no promise yet; most like ")
    assert verb.out.endswith("[7]\n")
    assert "1 category added to 7 trained ones" in verb.err
    assert "Simulated with 1 trained categories of 5 photos" in verb.err
    assert "On 21 calibration products of trained categories, accuracy was 100.0% before and is" in verb.err

    verb = Verb(capsys, "add", new, newer, shop / "many", "--parent", "Office > Stock", "--json")
    assert verb.code == 0, verb.err
    found = json.loads(verb.out)
    assert [one["path"] for one in found["categories"]] == [
        ["Home", "Half"],
        ["Office", "Stock", "Half"],
        ["Office", "Stock", "a=b > c"],
    ]
    assert found["made_from"] == Bundle(new).name
    assert found["categories"][0]["photos"] == 4

    verb = Verb(capsys, "list", newer, "--json")
    assert json.loads(verb.out) == found
    verb = Verb(capsys, "remove", newer, last, "7", found["categories"][1]["id"], "--name", "last", "--json")
    assert verb.code == 0, verb.err
    assert [one["path"][-1] for one in json.loads(verb.out)["categories"]] == ["a=b > c"]
    assert Bundle(last).manifest.name == "last"


def test_a_parent_by_id(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verb = Verb(
        capsys,
        *("add", shop / "tiny.bundle", tmp_path / "new.bundle", "--category", "Half", shop / "half"),
        *("--parent", "Grocery > Fruit", "--catalog", shop / "shop.catalog", "--json", "--cost", 0.02),
    )
    assert verb.code == 0, verb.err
    found = json.loads(verb.out)
    assert found["categories"][0]["path"] == ["Grocery", "Fruit", "Half"]
    assert found["fitted"]["cost"] == 0.02


def test_a_bundle_without_any(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verb = Verb(capsys, "list", shop / "tiny.bundle")
    assert (verb.code, verb.out) == (0, "")
    assert "0 categories added" in verb.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "expected a category to add"),
        (["--category", "Home > Half", "half"], 2, "pass the catalog it was trained on"),
        (["--category", "Home > Half", "nowhere"], 2, "it is not there"),
        (["--category", "Home > Half", "many"], 2, "the same|expected 3 to 20 photos|pass the catalog"),
        (["shop.catalog/tables"], 2, "expected a folder of folders"),
        (["--category", "Home > Half", "shop.catalog"], 2, "there is none in it"),
        (["--category", "Home > Lamp > Half", "half"], 1, "is a category of its own"),
        (["--category", "lamp=Home > Half", "half"], 1, "is taken"),
    ],
    ids=["nothing", "no catalog", "no folder", "mixed", "no folders", "no photos", "below a leaf", "id"],
)
def test_what_is_said_where_it_does_not_do(
    shop: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(shop)
    verb = Verb(capsys, "add", "tiny.bundle", tmp_path / "new.bundle", *arguments)
    assert verb.code == code, verb.err
    assert any(word in verb.err for word in words.split("|")), verb.err
    assert not (tmp_path / "new.bundle").exists()


def test_removing_what_was_trained(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verb = Verb(capsys, "remove", shop / "tiny.bundle", tmp_path / "new.bundle", "lamp")
    assert verb.code == 1
    assert "was trained, not added" in verb.err

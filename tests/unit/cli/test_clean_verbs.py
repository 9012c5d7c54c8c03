"""`catalens clean`, `sample`, `taxonomy show`, `edit` and `export`: stdout is data, stderr is talk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.builders.dumps import table_dump
from tests.builders.shops import assert_whole, products_of, shop

from catalens.cli.main import main
from catalens.core.catalog import Catalog

COUNTS = {"apple": 6, "pear": 2, "kiwi": 1, "milk": 3, "shirt": 3, None: 2}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a.catalog, which is the working one."""
    shop(tmp_path / "a.catalog", products_of(COUNTS, seller="anna"), level_names=("top", "group", "kind"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)


def data(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[Any, str]:
    """(what a verb prints with --json, what it says)."""
    capsys.readouterr()
    assert call(*words, "--json") == 0
    said = capsys.readouterr()
    return json.loads(said.out), said.err


@pytest.mark.parametrize(
    ("words", "values", "said"),
    [
        (["clean", "--require", "seller", "--require", "category"], {"products": 15, "images": 45}, "required field"),
        (
            ["clean", "--min-products", "3", "--small-categories", "merge"],
            {"products": 17, "refiled": 3, "set_aside": {}},
            'the attribute "original category"',
        ),
        (["sample", "--cap", "2", "--seed", "3"], {"products": 9, "categories": 5}, "at most 2 of each category"),
        (["sample", "--balanced", "3"], {"products": 9, "categories": 3}, "3 of each category: 9 products of 3"),
        (
            ["taxonomy", "edit", "--merge", "kiwi,pear=apple"],
            {"edits": 2, "refiled": 3, "categories_before": 7, "categories": 5},
            "edits: 2; levels now: top, group, kind",
        ),
        (["taxonomy", "edit", "--roll-up", "2"], {"levels": ["top", "group"], "categories": 4}, '"original category"'),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_catalog_comes_of_another(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], values: dict[str, Any], said: str
) -> None:
    verb = words.index(next(word for word in words if word.startswith("-")))
    got, talk = data(capsys, *words[:verb], "a.catalog", "b.catalog", *words[verb:])
    assert {key: got[key] for key in values} == values
    assert got["digest"] == Catalog(folder / "b.catalog").digest
    assert got["products_read"] == got["products"] + sum(got["set_aside"].values())
    assert said in " ".join(talk.split())
    assert_whole(Catalog(folder / "b.catalog"))


def test_it_is_said_whether_the_new_catalog_is_divided(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for verb, step in (("sample", "--cap"), ("clean", "--min-products")):
        assert "next: catalens split b.catalog" in data(capsys, verb, "a.catalog", "b.catalog", step, "2")[1]
        shutil.rmtree("b.catalog")
    assert call("split", "a.catalog") == 0
    said = data(capsys, "sample", "a.catalog", "b.catalog", "--cap", "2")[1]
    assert "products are in the parts they were in; `catalens split b.catalog`" in said


def test_a_config_file_and_set_say_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "run.toml").write_text('[taxonomy-edit]\ndrop = ["kiwi"]\n[sample]\ncap = 5\n')
    edited, _ = data(capsys, "taxonomy", "edit", "a.catalog", "b.catalog", "--config", "run.toml")
    assert edited["edits"] == 1
    sampled, _ = data(capsys, "sample", "a.catalog", "c.catalog", "--config", "run.toml", "--set", "sample.cap=1")
    assert sampled["products"] == 5
    assert call("taxonomy", "edit", "a.catalog", "d.catalog", "--set", "taxonomy-edit.rolup=1") == 2
    assert "did you mean 'roll_up'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["clean", "a.catalog", "b.catalog"], 2, "nothing to clean"),
        (["clean", "a.catalog", "b.catalog", "--small-categories", "drop"], 2, "needs min_products"),
        (["sample", "a.catalog", "b.catalog"], 2, "at least one of products, cap"),
        (["sample", "a.catalog", "b.catalog", "--cap", "1", "--balanced", "1"], 2, "exclude each other"),
        (["sample", "a.catalog", "a.catalog", "--cap", "1"], 1, "is the catalog that it would be made of"),
        (["sample", "nowhere", "b.catalog", "--cap", "1"], 1, "is not a catalog"),
        (["taxonomy", "edit", "a.catalog", "b.catalog", "--merge", "kiwi"], 2, "expected A,B=C, got 'kiwi'"),
        (["taxonomy", "edit", "a.catalog", "b.catalog", "--drop", "x"], 1, "no category 'x'"),
        (["taxonomy", "export", "a.catalog", "names.txt"], 2, "ending in .csv or .parquet"),
        (["taxonomy", "shw", "a.catalog"], 2, "did you mean 'show'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_errors_say_what_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str
) -> None:
    assert call(*words) == code
    said = capsys.readouterr()
    assert message in said.err
    assert said.out == ""
    assert sorted(path.name for path in folder.iterdir()) == ["a.catalog"]


def test_the_tree_is_printed_with_the_products_of_each_node(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("taxonomy", "show", "a.catalog", "--depth", "2") == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "Food  12",
        "  Fruit  9",
        "  Milk  3  [milk]",
        "Wear  3",
        "  Sock  0  [sock]",
        "  Tops  3",
    ]
    assert "7 categories in 3 levels (top, group, kind); 17 products" in said.err
    assert "2 products have no category" in said.err
    tree, _ = data(capsys, "taxonomy", "show", "a.catalog")
    assert tree["nodes"][2] == {
        "id": "apple", "parent": "Food > Fruit", "level": 2, "name": "Apple", "leaf": True, "products": 6,
    }  # fmt: skip
    assert (tree["products"], tree["without_category"], tree["levels"]) == (17, 2, ["top", "group", "kind"])


def test_an_exported_tree_makes_an_ingest_of_the_same_categories(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exported, _ = data(capsys, "taxonomy", "export", "a.catalog", "names.csv")
    assert exported == {"file": "names.csv", "categories": 7}
    edited, _ = data(capsys, "taxonomy", "edit", "a.catalog", "b.catalog", "--taxonomy", "names.csv")
    assert edited["digest"] == Catalog(folder / "a.catalog").digest


def test_a_dump_is_cleaned_while_it_is_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = str(table_dump(folder).source)
    flags = ("--require", "seller", "--min-products", "2", "--small-categories", "drop", "--unknown-category", "keep")
    assert call("ingest", source, "c.catalog", *flags) == 2
    assert "no category has 2 products" in capsys.readouterr().err
    values, said = data(capsys, "ingest", source, "c.catalog", "--require", "seller", "--min-products", "2")
    assert (values["products"], values["set_aside"]["required field missing"]) == (2, 1)
    assert values["findings"]["category below the minimum"] == 2
    assert "noted: category below the minimum" in said

"""Which products outside train share something with train."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner
from tests.builders.split_catalogs import catalog_of, product

from catalens.cli.split import command
from catalens.core.catalog import Catalog
from catalens.core.errors import CatalogError
from catalens.curate.duplicates import made_by
from catalens.curate.leaks import audit
from catalens.curate.split import SplitSettings, run

ROWS = [
    product("t1", photos=["1", "2"], seller="x", given_split="train"),
    product("t2", photos=["2"], seller="y", given_split="train"),
    product("t3", photos=["3"], given_split="train", group="g"),
    product("v1", photos=["v", "1", "2"], seller="x", given_split="val"),
    product("v2", photos=["5"], seller="y", given_split="val", group="g"),
    product("v3", photos=["6"], seller="z", given_split="val"),
    product("e1", photos=["7"], seller="z", given_split="test"),
    product("e2", photos=["8"], given_split="test"),
    product("u", photos=["1"], seller="x"),
]


def with_duplicates(folder: Path) -> Catalog:
    catalog = catalog_of(folder, ROWS)
    rows = [("near", 0, "3", "t3"), ("near", 0, "8", "e2"), ("near", 0, "7", "e1")]
    rows += [("pixel", 0, "3", "t3"), ("pixel", 0, "7", "e1"), ("near", 1, "6", "v3"), ("near", 1, "9", "v3")]
    columns = dict(zip(("kind", "group", "image_id", "product_id"), zip(*rows, strict=True), strict=True))
    catalog.write_table("duplicates", pa.table(columns).replace_schema_metadata(made_by(catalog)))
    return catalog


def rows_of(catalog: Catalog) -> set[tuple[Any, ...]]:
    return {tuple(row.values()) for row in catalog.table("leaks").to_pylist()}


def test_every_leak_with_what_is_shared_how_often_and_with_whom(tmp_path: Path):
    catalog = with_duplicates(tmp_path)
    report = audit(catalog)
    assert report.split == "given"
    assert rows_of(catalog) == {
        ("v1", "val", "exact", "1", 2, "t1"),
        ("v1", "val", "seller", "x", 1, "t1"),
        ("v2", "val", "seller", "y", 1, "t2"),
        ("v2", "val", "group", "g", 1, "t3"),
        ("e2", "test", "near", "0", 1, "t3"),
        ("e1", "test", "pixel", "0", 1, "t3"),
        ("e1", "test", "near", "0", 1, "t3"),
    }
    assert {name: (part.products, part.copy) for name, part in report.parts.items()} == {"val": (3, 1), "test": (2, 2)}
    assert report.parts["val"].kinds == {"exact": 1, "pixel": 0, "near": 0, "group": 1, "seller": 2}
    assert [leak.product_id for leak in report.leaks if leak.kind == "seller"] == ["v1", "v2"]


def test_the_table_of_the_split_comes_before_the_dump(tmp_path: Path):
    catalog = catalog_of(tmp_path, ROWS)
    parts = ["test" if row["product_id"] == "t1" else "train" for row in ROWS]
    catalog.write_table("splits", pa.table({"product_id": [row["product_id"] for row in ROWS], "part": parts}))
    report = audit(catalog)
    assert report.split == "splits"
    assert ("t1", "test", "exact", "1", 3, "t2") in rows_of(catalog)
    assert report.parts["test"].kinds == {"exact": 1, "group": 0, "seller": 1}


def test_what_cannot_be_looked_at_is_said(tmp_path: Path):
    rows = [product("a", given_split="train"), product("b", given_split="test")]
    report = audit(catalog_of(tmp_path, rows))
    assert report.leaks == ()
    assert report.not_looked_at == {
        "pixel": "run `catalens duplicates` first",
        "near": "run `catalens duplicates` first",
        "group": "no product has a group",
        "seller": "no product has a seller",
    }
    assert report.parts["test"].kinds == {"exact": 0}


def test_unused_products_neither_leak_nor_are_leaked_to(tmp_path: Path):
    rows = [product("a", photos=["1"], given_split="unused"), product("b", photos=["1"], given_split="test")]
    assert audit(catalog_of(tmp_path, [*rows, product("c", given_split="train")])).leaks == ()


@pytest.mark.parametrize("rows", [[], [product("a", given_split="train")]], ids=["no products", "train alone"])
def test_parts_that_hold_nothing_leak_nothing(tmp_path: Path, rows: list[dict[str, Any]]):
    catalog = catalog_of(tmp_path, rows)
    run(catalog, SplitSettings())
    report = audit(catalog)
    assert (report.parts, report.leaks) == ({}, ())
    assert catalog.table("leaks").num_rows == 0


def test_a_catalog_without_parts_is_an_error(tmp_path: Path):
    with pytest.raises(CatalogError, match="is not split, and the dump gave no parts; run `catalens split` first"):
        audit(catalog_of(tmp_path, [product("a")]))


def test_a_seller_of_thousands_on_both_sides_is_fast(tmp_path: Path):
    # 4,000 x 4,000 pairs would be 16 million
    rows = [product(f"{n:05}", seller="x", given_split="train" if n % 2 else "test") for n in range(8000)]
    report = audit(catalog_of(tmp_path, rows))
    assert report.parts["test"].kinds["seller"] == 4000
    assert {(leak.in_train, leak.example) for leak in report.leaks} == {(4000, "00001")}


def test_the_verb_divides_nothing(tmp_path: Path):
    catalog = with_duplicates(tmp_path)
    result = CliRunner().invoke(command, [str(tmp_path), "--check", "--json"])
    assert result.exit_code == 0, result.output
    assert not catalog.has_table("splits")
    values = json.loads(result.stdout)
    assert values["parts"]["test"]["kinds"]["near"] == 2
    assert {
        "product_id": "e2",
        "part": "test",
        "kind": "near",
        "shared": "0",
        "in_train": 1,
        "example": "t3",
    } in values["leaks"]
    assert "test: e2 has a copy (near) in train: t3" in result.stderr
    assert "val: v1 has a copy (exact) in train: t1 and 1 more" in result.stderr


@pytest.mark.parametrize("more", [["--seed", "1"], ["--together", "seller"], ["--set", "split.seed=1"], ["--anew"]])
def test_check_goes_with_no_option_that_it_would_not_heed(tmp_path: Path, more: list[str]):
    catalog_of(tmp_path, ROWS)
    result = CliRunner().invoke(command, [str(tmp_path), "--check", *more])
    assert result.exit_code == 2
    assert "goes with no other option" in result.stderr


def test_parts_come_in_the_order_of_their_use(tmp_path: Path):
    rows = [product(part, given_split=part) for part in ("unused", "dev", "test", "calib", "val", "train")]
    assert list(audit(catalog_of(tmp_path, rows)).parts) == ["val", "calib", "test", "dev"]


def test_without_a_train_part_nothing_was_looked_at(tmp_path: Path):
    catalog = catalog_of(tmp_path, [product("a", photos=["1"], given_split="test"), product("b", photos=["1"])])
    report = audit(catalog)
    assert report.parts["test"].kinds == {}
    assert set(report.not_looked_at.values()) == {"no product is in train"}
    assert "no product is in train" in CliRunner().invoke(command, [str(tmp_path), "--check"]).stderr


def test_a_split_without_other_parts_says_so(tmp_path: Path):
    run(catalog_of(tmp_path, [product("a")]), SplitSettings(ratios=(1, 0, 0, 0)))
    assert "no product is in another part than train" in CliRunner().invoke(command, [str(tmp_path), "--check"]).stderr

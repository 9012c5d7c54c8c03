"""Splits by seller, attribute and near copies: whoever shares one of these is in one part."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner
from tests.builders.split_catalogs import catalog_of, product

from catalens.cli.split import command
from catalens.core.catalog import Catalog
from catalens.core.config import load
from catalens.core.errors import CatalogError, ConfigError
from catalens.curate.duplicates import made_by
from catalens.curate.parts.bonds import bond, bond_of_rows
from catalens.curate.parts.grouping import connect
from catalens.curate.split import SplitSettings, run

LEAVES = "abcdefgh"


def sellers(count: int = 60, each: int = 12) -> list[dict[str, Any]]:
    """Sellers with products of several leaves; every third product has a brand, spread over the sellers."""
    return [
        product(
            f"s{seller}-{number}",
            LEAVES[(seller + number) % len(LEAVES)],
            seller=f"seller {seller}",
            attributes={"brand": f"brand {number}"} if number % 3 == 0 else {},
        )
        for seller in range(count)
        for number in range(each)
    ]


def parts_by(catalog: Catalog, rows: list[dict[str, Any]], key: str) -> dict[str, set[str]]:
    """value of `key` ("seller", or an attribute) -> the parts that its products are in."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        value = row.get(key) or row["attributes"].get(key)
        if value:
            found[value].add(catalog.split[row["product_id"]])
    return found


def write_duplicates(catalog: Catalog, rows: list[tuple[str, int, str, str]]) -> None:
    """Rows of (kind, group, image_id, product_id)."""
    columns = zip(*rows, strict=True)
    table = pa.table(dict(zip(("kind", "group", "image_id", "product_id"), columns, strict=True)))
    catalog.write_table("duplicates", table.replace_schema_metadata(made_by(catalog)))


def test_sellers_stay_together_and_shares_hold_in_every_leaf(tmp_path: Path):
    rows = sellers()
    catalog = catalog_of(tmp_path, rows)
    report = run(catalog, SplitSettings(together=("seller",)))
    assert all(len(parts) == 1 for parts in parts_by(catalog, rows, "seller").values())
    assert report.groups == 60
    assert report.largest_group == 12
    assert set(report.leaks.values()) == {0}
    for part, ratio in zip(("train", "val", "calib", "test"), (0.7, 0.1, 0.1, 0.1), strict=True):
        assert report.parts[part].products / len(rows) == pytest.approx(ratio, abs=0.02)
        for leaf in LEAVES:
            inside = [row for row in rows if row["category_id"] == leaf]
            share = sum(catalog.split[row["product_id"]] == part for row in inside) / len(inside)
            assert share == pytest.approx(ratio, abs=0.05)


def test_an_attribute_binds_those_that_have_it_and_bonds_add_up(tmp_path: Path):
    rows = sellers(each=4)
    catalog = catalog_of(tmp_path, rows)
    report = run(catalog, SplitSettings(together=("attribute:brand",)))
    assert all(len(parts) == 1 for parts in parts_by(catalog, rows, "brand").values())
    assert report.groups == 2 + 120  # two brands of 60 products each, and the 120 without a brand, each on its own
    assert run(catalog, SplitSettings(together=("seller", "attribute:brand"))).groups == 1


def test_a_seller_of_half_the_catalog_is_said(tmp_path: Path):
    rows = [product(f"big{n}", seller="big") for n in range(55)] + [
        product(f"own{n}", seller=f"s{n}") for n in range(45)
    ]
    catalog = catalog_of(tmp_path, rows)
    report = run(catalog, SplitSettings(ratios=(0.3, 0.2, 0.2, 0.3), together=("seller",)))
    assert report.largest_group == 55
    assert report.off["train"] == pytest.approx(0.25), "the largest share takes it, and the others get the rest"
    result = CliRunner().invoke(command, [str(tmp_path), "--together", "seller", "--ratios", "0.3,0.2,0.2,0.3"])
    assert "the largest holds 55" in result.stderr
    assert "train +25.0" in result.stderr


@pytest.mark.parametrize("kind", ["near", "pixel"])
def test_groups_of_copies_bind_every_product_that_has_the_photo(tmp_path: Path, kind: str):
    rows = [product(f"p{n}", photos=[f"i{n}"]) for n in range(40)]
    rows += [product("twin", photos=["i1", "own"])]  # shares the photo i1, byte for byte
    catalog = catalog_of(tmp_path, rows)
    chain = [(kind, number // 2, f"i{number}", f"p{number}") for number in range(20)]
    other = ("near" if kind == "pixel" else "pixel", 0, "i38", "p38")
    write_duplicates(catalog, [*chain, other, (other[0], 0, "i39", "p39")])
    report = run(catalog, SplitSettings(together=(kind,)))
    assert report.groups == (29 if kind == "near" else 30), "near copies are pixel-exact ones, too, and not the reverse"
    assert all(catalog.split[f"p{number}"] == catalog.split[f"p{number + 1}"] for number in range(0, 20, 2))
    assert catalog.split["twin"] == catalog.split["p0"] == catalog.split["p1"]


def test_near_copies_that_nobody_looked_for_are_an_error(tmp_path: Path):
    with pytest.raises(CatalogError, match="run `catalens duplicates"):
        run(catalog_of(tmp_path, [product("a")]), SplitSettings(together=("near",)))


@pytest.mark.parametrize(
    ("together", "message"),
    [
        (["sellr"], "unknown bond 'sellr'; did you mean 'seller'"),
        (["attribute:"], "unknown bond 'attribute:'"),
        (["brand"], "unknown bond 'brand'"),
    ],
)
def test_an_unknown_bond_is_a_config_error(together: list[str], message: str):
    with pytest.raises(ConfigError, match=message):
        load(None, SplitSettings, {"together": together}, section="split")


@pytest.mark.parametrize(
    ("together", "message"),
    [
        ("attribute:brnad", "no product of this catalog has an attribute 'brnad'; did you mean 'brand'"),
        ("seller", "no product of this catalog has a seller"),
    ],
)
def test_a_bond_that_binds_nothing_is_an_error(tmp_path: Path, together: str, message: str):
    catalog = catalog_of(tmp_path, [product("a", attributes={"brand": "x"}, seller="")])
    with pytest.raises(ConfigError, match=message):
        run(catalog, SplitSettings(together=(together,)))


def test_empty_values_bind_nobody(tmp_path: Path):
    rows = [product(f"p{n}", seller="" if n < 3 else None, attributes={"brand": ""}) for n in range(6)]
    catalog = catalog_of(tmp_path, [*rows, product("last", seller="x", attributes={"brand": "x"})])
    assert run(catalog, SplitSettings(together=("seller", "attribute:brand"))).groups == 7


def test_contradictory_counts_copies_alone(tmp_path: Path):
    rows = [product("x", "a", photos=["i"]), product("y", "b", photos=["i"]), *sellers(4)]
    assert run(catalog_of(tmp_path, rows), SplitSettings(together=("seller",))).contradictory == 1


def test_anew_takes_no_notice_of_the_dump(tmp_path: Path):
    rows = [product(f"p{n}", seller=f"s{n % 20}", given_split="train" if n < 50 else "test") for n in range(100)]
    catalog = catalog_of(tmp_path, rows)
    kept = run(catalog, SplitSettings(together=("seller",)))
    assert kept.leaks == {"test": 50}
    anew = run(catalog, SplitSettings(together=("seller",), anew=True))
    assert anew.given == 0
    assert set(anew.leaks.values()) == {0}
    assert {name: part.products for name, part in anew.parts.items()} == {
        "train": 70, "val": 10, "calib": 10, "test": 10,
    }  # fmt: skip


def test_carve_by_seller(tmp_path: Path):
    rows = [row | {"given_split": "train"} for row in sellers()]
    catalog = catalog_of(tmp_path, rows)
    report = run(catalog, SplitSettings(together=("seller",), carve={"calib": 0.2}))
    assert report.parts["calib"].products == pytest.approx(0.2 * len(rows), abs=12)
    assert all(len(parts) == 1 for parts in parts_by(catalog, rows, "seller").values())


def test_the_names_of_a_bond_say_what_is_shared(tmp_path: Path):
    catalog = catalog_of(tmp_path, [product("a", seller="x"), product("b"), product("c", seller="x")])
    shared = bond(catalog, "seller")
    assert shared.members.tolist() == [0, 2]
    assert [shared.names[key].as_py() for key in shared.keys.tolist()] == ["x", "x"]
    assert connect(3, [bond_of_rows(catalog, [("b", "g"), ("c", "g")]).link]).tolist() == [0, 1, 1]


def test_the_verb_takes_several_bonds(tmp_path: Path):
    catalog_of(tmp_path, sellers(each=4))
    arguments = [str(tmp_path), "--together", "seller", "--together", "attribute:brand", "--json"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["groups"] == 1

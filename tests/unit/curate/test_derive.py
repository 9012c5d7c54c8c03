"""A catalog made of another: whole, or not there; photos where they belong; the first one untouched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.builders.dumps import write
from tests.builders.shops import assert_whole, products_of, shop

from catalens.core import slices
from catalens.core.catalog import IMAGES, Catalog, write_parquet
from catalens.core.errors import CatalogError
from catalens.curate import derive as stage
from catalens.curate.categories.filing import Filing
from catalens.curate.derive import DeriveReport, derive
from catalens.curate.making import photo_copy
from catalens.curate.making.contents import pieces_of

HOW = {"verb": "test"}


@pytest.fixture
def parent(tmp_path: Path) -> Catalog:
    """12 products in 3 shards."""
    return shop(tmp_path / "a.catalog", products_of({"apple": 4, "shirt": 4, None: 4}))


def keep(*places: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    mask = np.zeros(12, bool)
    mask[list(places)] = True
    return mask


def some(parent: Catalog, out: Path, *places: int, **more: Any) -> DeriveReport:
    return derive(parent, out, HOW, filing=Filing(parent.taxonomy), keep=keep(*places), left_out="other", **more)


def test_all_products_are_the_same_catalog_without_a_byte_copied(parent: Catalog, tmp_path: Path) -> None:
    report = derive(parent, tmp_path / "b.catalog", HOW, filing=Filing(parent.taxonomy))
    made = Catalog(tmp_path / "b.catalog")
    assert_whole(made)
    assert (report.digest, report.products, report.set_aside) == (parent.digest, 12, {})
    assert all(shard.stat().st_nlink == 2 for shard in (made.path / "images").iterdir())


def test_a_file_system_without_links_gets_copies(
    parent: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(photo_copy.os, "link", refuse)
    derive(parent, tmp_path / "b.catalog", HOW, filing=Filing(parent.taxonomy))
    assert_whole(Catalog(tmp_path / "b.catalog"))


@pytest.mark.parametrize("length", [1, 3, 5, 65_536], ids="slices of {}".format)
@pytest.mark.parametrize(
    ("places", "shards"),
    [
        ([0, 1, 2, 3], 1),
        ([4, 5, 6, 7, 9], 2),
        ([0, 5, 11], 1),
        ([0, 4, 5, 6, 7, 8], 2),
        ([11], 1),
    ],
    ids=["a whole shard", "a whole one and a part", "a part of each", "parts on both sides of a whole one", "the last"],
)
def test_kept_products_have_their_own_photos(
    parent: Catalog, tmp_path: Path, places: list[int], shards: int, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "SLICE", length)
    report = some(parent, tmp_path / "b.catalog", *places)
    made = Catalog(tmp_path / "b.catalog")
    expected = [row for place, row in enumerate(parent.products.to_pylist()) if place in places]
    assert made.products.to_pylist() == expected
    for row in made.images.to_pylist():
        assert made.photos.read(row["shard"], row["row"]).decode().endswith(row["product_id"])
    assert_whole(made)
    assert (report.products, report.images, report.set_aside) == (
        len(places),
        3 * len(places),
        {"other": 12 - len(places)},
    )
    assert len(list((made.path / "images").iterdir())) == shards


def test_names_of_photos_are_kept(parent: Catalog, tmp_path: Path) -> None:
    some(parent, tmp_path / "b.catalog", 0, 5)
    photos = Catalog(tmp_path / "b.catalog").photos
    assert [path for _, _, path in photos.entries("part-00000.arrow", range(4))] == [
        "apple-0/0.jpg",
        "apple-0/1.jpg",
        "None-1/0.jpg",
        "None-1/1.jpg",
    ]


def test_the_split_and_names_that_still_hold_are_taken_along(parent: Catalog, tmp_path: Path) -> None:
    ids = parent.products["product_id"].to_pylist()
    parent.write_table("splits", pa.table({"product_id": ids, "part": ["train", "test"] * 6}))
    names = [
        {"category_id": "apple", "language": "fr", "name": "Pomme", "source": "Apple", "origin": "glossary"},
        {"category_id": "pear", "language": "fr", "name": "Poirier", "source": "Pear tree", "origin": "glossary"},
        {"category_id": "milk", "language": "fr", "name": "Lait", "source": "Milk", "origin": "glossary"},
    ]
    write_parquet(pa.Table.from_pylist(names), parent.path / "tables" / "names.parquet")
    parent.write_table("quality", pa.table({"image_id": ["x"]}))
    without_milk = Filing(parent.taxonomy.subset(["apple", "pear", "shirt"]))
    derive(parent, tmp_path / "b.catalog", HOW, filing=without_milk, keep=keep(0, 5), left_out="other")
    made = Catalog(tmp_path / "b.catalog")
    assert made.split == {ids[0]: "train", ids[5]: "test"}
    assert made.taxonomy["apple"].name("fr") == "Pomme"
    assert [row["category_id"] for row in made.table("names").to_pylist()] == ["apple"]
    assert not made.has_table("quality")


def test_catalog_json_says_where_it_comes_from(parent: Catalog, tmp_path: Path) -> None:
    some(parent, tmp_path / "b.catalog", 0, 5)
    info = Catalog(tmp_path / "b.catalog").info
    assert (info.name, info.rows_read, info.set_aside) == ("b", 12, {"other": 10})
    assert info.made_by["verb"] == "test"
    assert info.made_by["parent"]["digest"] == parent.digest
    assert info.made_by["parent"]["made_by"] == {"tests": "shop"}


def test_nothing_left_is_an_error_and_no_catalog(parent: Catalog, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"no product would be left: other \(12\)"):
        some(parent, tmp_path / "b.catalog")
    assert [path.name for path in tmp_path.iterdir()] == ["a.catalog"]


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("a.catalog", "is the catalog that it would be made of"),
        ("x/../a.catalog", "is the catalog that it would be made of"),
        ("a.catalog/b.catalog", "overlaps with"),
        (".", "overlaps with"),
        ("mine", "is not a catalog"),
        ("mine/thesis.txt", "is not a catalog"),
        ("theirs", "catalog.json: Field required"),
        ("with models.catalog", "holds 'models', which is no part of a catalog"),
        ("diary", "holds 'thesis.txt', which is no part of a catalog"),
        ("other.catalog", "pass --overwrite"),
        ("begun.catalog", "pass --overwrite"),
    ],
)
def test_nothing_of_others_is_written_over(parent: Catalog, tmp_path: Path, out: str, message: str) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    (tmp_path / "begun.catalog" / "journal").mkdir(parents=True)
    write(tmp_path, {"theirs/catalog.json": "{}", "diary/journal/monday.txt": "mine", "diary/thesis.txt": "mine"})
    shop(tmp_path / "with models.catalog", products_of({"sock": 1}))
    write(tmp_path, {"with models.catalog/models/best.safetensors": "weights"})
    shop(tmp_path / "other.catalog", products_of({"sock": 1}))
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    with pytest.raises(CatalogError, match=message):
        some(parent, tmp_path / out, 0)
    if message != "pass --overwrite":
        with pytest.raises(CatalogError, match=message):
            some(parent, tmp_path / out, 0, overwrite=True)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before


def test_another_catalog_is_replaced_when_told_to(parent: Catalog, tmp_path: Path) -> None:
    shop(tmp_path / "other.catalog", products_of({"sock": 1}))
    some(parent, tmp_path / "other.catalog", 0, overwrite=True)
    assert_whole(Catalog(tmp_path / "other.catalog"))
    assert Catalog(tmp_path / "other.catalog").products["product_id"].to_pylist() == ["apple-0"]


@pytest.mark.parametrize("step", ["write_contents", "_take_split", "write_json"])
def test_an_end_in_the_middle_leaves_the_old_catalog_and_nothing_else(
    parent: Catalog, tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = shop(tmp_path / "b.catalog", products_of({"sock": 1}))

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stage, step, stop)
    with pytest.raises(KeyboardInterrupt):
        some(parent, old.path, 0, overwrite=True)
    assert_whole(Catalog(old.path))
    assert_whole(Catalog(parent.path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.catalog", "b.catalog"]


def test_photos_in_another_order_than_products_are_an_error(parent: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "SLICE", 3)
    images = parent.images
    write_parquet(pa.concat_tables([images.slice(3), images.slice(0, 3)]), parent.path / "images.parquet")
    with pytest.raises(CatalogError, match="photos of 'apple-0' do not stand in the order of products"):
        list(pieces_of(Catalog(parent.path)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"row": 8}, "part-00000.arrow: has 8 rows, no row 8"),
        ({"row": -1}, "part-00000.arrow: has 8 rows, no row -1"),
        ({"row": None}, "images.parquet: a photo without its shard or row"),
        ({"shard": None}, "images.parquet: a photo without its shard or row"),
        ({"shard": "part-7.arrow"}, "part-7.arrow: cannot be read as a photo shard"),
    ],
    ids=str,
)
def test_a_photo_that_is_not_where_its_row_says_is_an_error(
    parent: Catalog, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    rows = parent.images.to_pylist()
    write_parquet(pa.Table.from_pylist([rows[0] | change, *rows[1:]], IMAGES), parent.path / "images.parquet")
    with pytest.raises(CatalogError, match=message):
        some(Catalog(parent.path), tmp_path / "b.catalog", 0, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["a.catalog"]


@pytest.mark.parametrize("table", ["splits", "names"])
def test_a_side_table_that_is_damaged_is_named(parent: Catalog, tmp_path: Path, table: str) -> None:
    write(parent.path, {f"tables/{table}.parquet": "no table"})
    with pytest.raises(CatalogError, match=rf"{table}.parquet: cannot be read as a Parquet table"):
        some(Catalog(parent.path), tmp_path / "b.catalog", 0)
    assert [path.name for path in tmp_path.iterdir()] == ["a.catalog"]

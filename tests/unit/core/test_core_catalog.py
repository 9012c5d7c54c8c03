from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from tests.builders.catalogs import striped_catalog

from catalens.core.catalog import IMAGES, PRODUCTS, Catalog, content_digest, is_marked, write_json, write_parquet
from catalens.core.errors import CatalogError
from catalens.core.shards import image_id
from catalens.core.taxonomy import Taxonomy

TAXONOMY = Taxonomy.from_paths({"a": ("A",), "b": ("B",)})


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return striped_catalog(tmp_path / "shop.catalog", products=24, photos=2)


def product_rows(count: int = 6) -> list[dict[str, object]]:
    return [
        {
            "product_id": f"p{n}",
            "category_id": "a" if n % 2 else None,
            "seller": None,
            "group": None,
            "attributes": [("colour", "red"), ("size", "M")] if n != 3 else None,
            "source": f"row {n}",
            "given_split": None,
        }
        for n in range(count)
    ]


def image_rows(count: int = 6) -> list[dict[str, object]]:
    return [
        {"image_id": f"i{n}", "product_id": f"p{n}", "position": 0, "shard": "part-0.arrow", "row": n}
        for n in range(count)
    ]


def tables() -> tuple[pa.Table, pa.Table]:
    return pa.Table.from_pylist(product_rows(), PRODUCTS), pa.Table.from_pylist(image_rows(), IMAGES)


def test_a_catalog_is_read(catalog: Catalog) -> None:
    assert catalog.products.schema.names == PRODUCTS.names
    assert catalog.images.num_rows == 48
    assert len(catalog.taxonomy.leaves) == 4
    assert catalog.categories["p000"] in catalog.taxonomy
    row = catalog.images.slice(5, 1).to_pylist()[0]
    assert image_id(catalog.photos.read(row["shard"], row["row"])) == row["image_id"]
    assert catalog.digest == content_digest(catalog.taxonomy, catalog.products, catalog.images)


def test_names_that_were_translated_are_read_with_the_taxonomy_and_change_no_digest(catalog: Catalog) -> None:
    before = catalog.digest
    rows = {"category_id": ["mug"], "language": ["fr"], "name": ["Tasse à café"], "source": ["Mug"], "origin": ["x"]}
    catalog.write_table("names", pa.table(rows))
    again = Catalog(catalog.path)
    assert again.taxonomy["mug"].names == {"": "Mug", "fr": "Tasse à café"}
    assert again.delivered_taxonomy == Taxonomy.read(catalog.path / "taxonomy.parquet")
    assert again.digest == before == content_digest(again.delivered_taxonomy, again.products, again.images)
    assert again.split


def test_images_of_a_part(catalog: Catalog) -> None:
    of_val = catalog.images_of("val")
    assert set(of_val["product_id"].to_pylist()) == {p for p, part in catalog.split.items() if part == "val"}
    assert of_val.num_rows == 2 * sum(part == "val" for part in catalog.split.values())
    assert catalog.images_of().equals(catalog.images)


def test_a_part_that_is_not_there(catalog: Catalog) -> None:
    with pytest.raises(CatalogError, match=r"no products in part 'tset'; it has \['calib', 'test', 'train', 'val'\]"):
        catalog.images_of("tset")


def test_an_unsplit_catalog_says_what_to_run(tmp_path: Path) -> None:
    unsplit = striped_catalog(tmp_path / "shop.catalog", products=4, split=False)
    assert not unsplit.has_table("splits")
    with pytest.raises(CatalogError, match="run `catalens split` first") as caught:
        unsplit.images_of("train")
    assert caught.value.key == "splits"


def test_a_side_table_comes_back(catalog: Catalog) -> None:
    table = pa.table({"image_id": ["x"], "sharpness": [0.5]})
    catalog.write_table("quality", table)
    assert Catalog(catalog.path).table("quality").equals(table)
    assert catalog.has_table("quality")


def test_a_side_table_of_fixed_form_is_checked(catalog: Catalog) -> None:
    with pytest.raises(KeyError):
        catalog.write_table("splits", pa.table({"product_id": ["p000"]}))
    write_parquet(pa.table({"product_id": ["p000"]}), catalog.path / "tables" / "splits.parquet")
    with pytest.raises(CatalogError, match=r"missing \['part'\]"):
        catalog.table("splits")


@pytest.mark.parametrize("name", ["products.parquet", "images.parquet"])
def test_a_damaged_table_is_named(catalog: Catalog, name: str) -> None:
    path = catalog.path / name
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CatalogError, match="cannot be read as a Parquet table") as caught:
        getattr(Catalog(catalog.path), path.stem)
    assert caught.value.source == str(path)


@pytest.mark.parametrize("name", ["products.parquet", "images.parquet"])
def test_a_column_whose_name_is_damaged_is_an_error(catalog: Catalog, name: str) -> None:
    path = catalog.path / name
    path.write_bytes(path.read_bytes().replace(b"product_id", b"\xffroduct_id"))
    with pytest.raises(CatalogError, match="cannot be read as a Parquet table") as whole:
        getattr(Catalog(catalog.path), path.stem)
    with pytest.raises(CatalogError, match="cannot be read as a Parquet table") as sliced:
        list(
            Catalog(catalog.path).product_slices() if path.stem == "products" else Catalog(catalog.path).image_slices()
        )
    assert whole.value.source == sliced.value.source == str(path)


def test_a_damaged_table_bears_no_mark(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_parquet(pa.table({"a": [1]}).replace_schema_metadata({"catalog": "x"}), path)
    assert is_marked(path, {"catalog": "x"})
    assert not is_marked(path, {"catalog": "y"})
    path.write_bytes(path.read_bytes()[:50])
    assert not is_marked(path, {"catalog": "x"})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "is not a catalog: it has no catalog.json"),
        (b"{", "catalog.json: Invalid JSON"),
        (b"\xff", "catalog.json: Invalid JSON"),
        (b"{}", "catalog.json: Field required"),
        ({"format_version": 99}, "expected catalog format 1, got 99"),
        ({"colour": "red"}, "catalog.json: Extra inputs are not permitted"),
    ],
    ids=["missing", "not json", "not text", "empty", "newer", "unknown key"],
)
def test_a_folder_that_is_no_catalog(catalog: Catalog, content: bytes | dict[str, object] | None, words: str) -> None:
    path = catalog.path / "catalog.json"
    if content is None:
        path.unlink()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        write_json({**json.loads(path.read_text()), **content}, path)
    with pytest.raises(CatalogError, match=words) as caught:
        Catalog(catalog.path)
    assert caught.value.source == str(catalog.path)


def test_the_digest_does_not_see_how_a_table_was_put_together() -> None:
    products, images = tables()
    whole = content_digest(TAXONOMY, products, images)
    pieces = pa.concat_tables([images.slice(0, 1), images.slice(1, 4), images.slice(5)])
    assert content_digest(TAXONOMY, products, pieces) == whole
    reordered = images.select(list(reversed(images.schema.names)))
    assert content_digest(TAXONOMY, products, reordered) == whole
    rows = product_rows()
    rows[1]["attributes"] = [("size", "M"), ("colour", "red")]
    assert content_digest(TAXONOMY, pa.Table.from_pylist(rows, PRODUCTS), images) == whole


def test_the_digest_sees_every_value() -> None:
    products, images = tables()
    digests = {content_digest(TAXONOMY, products, images)}
    changes: list[dict[str, object]] = [{name: "other"} for name in PRODUCTS.names if name != "attributes"]
    changes += [{"attributes": []}, {"attributes": [("colour", "blue"), ("size", "M")]}]
    for change in changes:
        rows = product_rows()
        rows[2] |= change
        digests.add(content_digest(TAXONOMY, pa.Table.from_pylist(rows, PRODUCTS), images))
    for name in IMAGES.names:
        changed = image_rows()
        changed[2] |= {name: 7 if pa.types.is_int32(IMAGES.field(name).type) else "other"}
        digests.add(content_digest(TAXONOMY, products, pa.Table.from_pylist(changed, IMAGES)))
    digests.add(content_digest(TAXONOMY.subset(["a"]), products, images))
    digests.add(content_digest(TAXONOMY, products.slice(1), images))
    assert len(digests) == 1 + len(changes) + len(IMAGES.names) + 2


def test_the_digest_is_the_same_on_every_machine() -> None:
    assert content_digest(TAXONOMY, *tables()) == "42e540ecbf930698622b5423adca81e331c18bae05d0789e479e911192f373e2"

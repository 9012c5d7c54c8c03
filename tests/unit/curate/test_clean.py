"""Cleaning: required fields, unknown categories, small ones; in an ingest and of a catalog that is there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError
from tests.builders.dumps import bson_dump, jsonl, photo, write
from tests.builders.shops import PATHS, assert_whole, products_of, shop

from catalens.core import shards
from catalens.core.catalog import PRODUCTS, Catalog
from catalens.core.errors import CatalogError, ConfigError, SourceError
from catalens.core.taxonomy import Category, Taxonomy
from catalens.curate import clean
from catalens.curate.categories import small
from catalens.curate.categories.clean_settings import CleanSettings
from catalens.curate.categories.filing import INNER, MISSING, ORIGINAL, UNKNOWN, Filing
from catalens.curate.ingest import run
from catalens.curate.making.finish import IngestReport
from catalens.curate.sources import IngestSettings

TREE = Taxonomy.from_paths(PATHS)
COUNTS = {"apple": 9, "pear": 2, "kiwi": 1, "milk": 5, "shirt": 2, "tee": 2, "sock": 5}


def rows(*products: Mapping[str, Any]) -> pa.Table:
    full = [
        {name: row.get(name) for name in PRODUCTS.names} | {"attributes": row.get("attributes", [])} for row in products
    ]
    return pa.Table.from_pylist(full, PRODUCTS)


def filed(filing: Filing, *products: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """{product: (category, original)}, {product: (cause, detail, set aside)}."""
    kept, findings = filing.file(rows(*products))
    return (
        {row["product_id"]: (row["category_id"], dict(row["attributes"]).get(ORIGINAL)) for row in kept.to_pylist()},
        {row["product_id"]: (row["cause"], row["detail"], row["set_aside"]) for row in findings.to_pylist()},
    )


def test_products_go_where_the_filing_says() -> None:
    filing = Filing(TREE, moves={"old": "apple"}, unfiled={"lost": "no place"}, set_aside={"bad": "unwanted"})
    said = ("old", "lost", "bad", "never heard of", "Food > Fruit", "apple")
    products = [{"product_id": category, "category_id": category} for category in said]
    kept, found = filed(filing, *products, {"product_id": "none", "category_id": None})
    assert kept == {
        "old": ("apple", "old"),
        "lost": (None, "lost"),
        "never heard of": (None, "never heard of"),
        "Food > Fruit": (None, "Food > Fruit"),
        "apple": ("apple", None),
        "none": (None, None),
    }
    assert found == {
        "lost": ("no place", "lost", False),
        "bad": ("unwanted", "bad", True),
        "never heard of": (UNKNOWN, "never heard of", False),
        "Food > Fruit": (INNER, "Food > Fruit", False),
    }


def test_the_first_of_several_original_categories_stays() -> None:
    filing = Filing(TREE, moves={"b": "apple"})
    kept, _ = filed(filing, {"product_id": "p", "category_id": "b", "attributes": [("size", "L"), (ORIGINAL, "a")]})
    assert kept == {"p": ("apple", "a")}


def test_nothing_to_change_leaves_the_table_as_it_is() -> None:
    table = rows(*products_of(COUNTS, attributes=[("a", "b")]))
    kept, findings = Filing(TREE).file(table)
    assert kept.equals(table.combine_chunks())
    assert (len(findings), Filing(TREE).file(table.slice(0, 0))[0].num_rows) == (0, 0)


@pytest.mark.parametrize(
    ("require", "kept"),
    [
        (["seller"], ["all", "no brand", "empty brand", "no leaf"]),
        (["brand"], ["all", "no seller", "no leaf"]),
        (["category"], ["all", "no seller", "no brand", "empty brand"]),
        (["split", "group"], ["all"]),
        (["seller", "brand"], ["all", "no leaf"]),
        (["a field that nobody has"], []),
    ],
    ids=" and ".join,
)
def test_products_without_a_required_field_are_set_aside(require: list[str], kept: list[str]) -> None:
    whole = {"seller": "s", "attributes": [("brand", "b")], "category_id": "apple"}
    products = [
        {"product_id": "all", **whole, "group": "g", "given_split": "train"},
        {"product_id": "no seller", **whole, "seller": None},
        {"product_id": "no brand", **whole, "attributes": []},
        {"product_id": "empty brand", **whole, "attributes": [("brand", "")]},
        {"product_id": "no leaf", **whole, "category_id": None},
    ]
    left, found = filed(Filing(TREE, require=tuple(require)), *products)
    assert list(left) == kept
    assert {product: cause for product, (cause, _, aside) in found.items() if aside} == {
        row["product_id"]: MISSING for row in products if row["product_id"] not in kept
    }


def test_the_finding_names_all_fields_that_are_missing() -> None:
    _, found = filed(Filing(TREE, require=("seller", "category", "price")), {"product_id": "p", "category_id": None})
    assert found == {"p": (MISSING, "seller, category, price", True)}


def merged(counts: Mapping[str | None, int], minimum: int, **more: Any) -> tuple[dict[str, int], dict[str, str]]:
    """({leaf of the new tree: products}, {former leaf: finding})."""
    tree = more.get("tree", TREE)
    filing, findings = small.merge(Filing(tree), counts, minimum, more.get("other_name", "Other {parent}"))
    sizes = dict.fromkeys(filing.taxonomy.leaves, 0)
    for leaf, count in counts.items():
        if leaf is not None and count:
            sizes[filing.moves.get(leaf, leaf)] += count
    return sizes, {row["source"]: row["cause"] for row in findings.to_pylist()}


@pytest.mark.parametrize(
    ("counts", "sizes"),
    [
        (COUNTS, {"apple": 9, "milk": 5, "Food > Fruit > Other Fruit": 3, "Wear > Tops": 4, "sock": 5}),
        (COUNTS | {"kiwi": 0}, {"apple": 9, "pear": 2, "milk": 5, "Wear > Tops": 4, "sock": 5}),
        (COUNTS | {"apple": 1}, {"Food > Fruit": 4, "milk": 5, "Wear > Tops": 4, "sock": 5}),
        (COUNTS | {"apple": 0, "pear": 0}, {"Food > Fruit": 1, "milk": 5, "Wear > Tops": 4, "sock": 5}),
        (
            COUNTS | {"shirt": 1, "tee": 1, "sock": 1},
            {"apple": 9, "Food > Fruit > Other Fruit": 3, "milk": 5, "Wear": 3},
        ),
        (COUNTS | {None: 100}, {"apple": 9, "milk": 5, "Food > Fruit > Other Fruit": 3, "Wear > Tops": 4, "sock": 5}),
    ],
    ids=[
        "siblings into one, a whole branch into its parent",
        "a small one that is alone stays",
        "all small",
        "empty ones do not count",
        "two levels up",
        "products without a category do not count",
    ],
)
def test_small_categories_merge(counts: dict[str | None, int], sizes: dict[str, int]) -> None:
    found, _ = merged(counts, 4)
    assert found == sizes


def test_merging_says_what_it_did_and_what_is_still_small() -> None:
    _, said = merged(COUNTS, 4)
    assert said == {
        "pear": small.MERGED,
        "kiwi": small.MERGED,
        "shirt": small.MERGED,
        "tee": small.MERGED,
        "Food > Fruit > Other Fruit": small.SMALL,
    }


def test_merged_siblings_join_one_that_is_called_so_already() -> None:
    tree = Taxonomy.from_paths({**PATHS, "rest": ("Food", "Fruit", "Other Fruit")})
    sizes, _ = merged({**COUNTS, "rest": 1}, 4, tree=tree)
    assert (sizes["rest"], "kiwi" in sizes) == (4, False)


def test_the_id_of_merged_siblings_is_their_path_of_names() -> None:
    # the parent has an id of its own, and ">" in its name
    nodes = [("7", "", 0, "Cables > adapters"), ("8", "7", 1, "a"), ("9", "7", 1, "b"), ("10", "7", 1, "c")]
    tree = Taxonomy(tuple(Category(node, parent, level, {"": name}) for node, parent, level, name in nodes))
    sizes, _ = merged({"8": 9, "9": 1, "10": 1}, 3, tree=tree)
    assert sizes == {"8": 9, "Cables \\> adapters > Other Cables \\> adapters": 2}


def test_what_merged_siblings_are_called_can_be_said() -> None:
    sizes, _ = merged(COUNTS, 4, other_name="Divers ({parent})")
    assert sizes["Food > Fruit > Divers (Fruit)"] == 3


def test_small_categories_at_the_top_of_a_flat_tree_merge_beside_the_others() -> None:
    flat = Taxonomy.from_paths({name: [name] for name in "abc"})
    assert merged({"a": 9, "b": 1, "c": 2}, 3, tree=flat)[0] == {"a": 9, "Other": 3}
    with pytest.raises(ConfigError, match="no category has 10 products"):
        merged({"a": 9, "b": 1, "c": 2}, 10, tree=flat)


def test_a_tree_in_which_no_category_is_small_stays_as_it_is() -> None:
    filing, findings = small.merge(Filing(TREE), COUNTS, 1, "Other {parent}")
    assert (filing.taxonomy.digest, len(filing.moves), len(findings)) == (TREE.digest, 0, 0)


def test_small_categories_drop_with_their_products(tmp_path: Path) -> None:
    parent = shop(tmp_path / "a.catalog", products_of({**COUNTS, None: 3}))
    settings = CleanSettings(min_products=4, small_categories="drop")
    report = clean.run(parent, tmp_path / "b.catalog", settings)
    made = Catalog(tmp_path / "b.catalog")
    assert_whole(made)
    assert made.taxonomy.leaves == ("apple", "milk", "sock")
    assert (report.products, report.set_aside, report.findings) == (22, {small.SMALL: 7}, {small.DROPPED: 4})
    aside = {row["product_id"] for row in made.table("findings").to_pylist() if row["set_aside"]}
    assert aside == {"pear-0", "pear-1", "kiwi-0", "shirt-0", "shirt-1", "tee-0", "tee-1"}


def test_small_categories_are_kept_and_told(tmp_path: Path) -> None:
    parent = shop(tmp_path / "a.catalog", products_of(COUNTS))
    report = clean.run(parent, tmp_path / "b.catalog", CleanSettings(min_products=4))
    assert (report.digest, report.set_aside, report.findings) == (parent.digest, {}, {small.SMALL: 4})
    assert set(report.examples[small.SMALL]) == {"pear", "kiwi", "shirt", "tee"}


def test_a_catalog_is_cleaned_by_all_rules_at_once(tmp_path: Path) -> None:
    products = products_of(COUNTS, seller="anna") + [{"product_id": f"x{n}", "category_id": "kiwi"} for n in range(9)]
    parent = shop(tmp_path / "a.catalog", products)
    settings = CleanSettings(require=("seller",), min_products=4, small_categories="merge")
    report = clean.run(parent, tmp_path / "b.catalog", settings)
    made = Catalog(tmp_path / "b.catalog")
    assert_whole(made)
    assert report.set_aside == {MISSING: 9}
    # kiwi is small once those without a seller are gone
    assert (report.refiled, made.categories["kiwi-0"]) == (7, "Food > Fruit > Other Fruit")
    originals = {row["product_id"]: dict(row["attributes"]).get(ORIGINAL) for row in made.products.to_pylist()}
    assert (originals["kiwi-0"], originals["shirt-0"], originals["apple-0"]) == ("kiwi", "shirt", None)


def test_nothing_to_clean_is_an_error(tmp_path: Path) -> None:
    parent = shop(tmp_path / "a.catalog", products_of(COUNTS))
    with pytest.raises(ConfigError, match="nothing to clean"):
        clean.run(parent, tmp_path / "b.catalog", CleanSettings())
    with pytest.raises(ValidationError, match="needs min_products"):
        CleanSettings(small_categories="drop")


def test_no_product_left_is_an_error(tmp_path: Path) -> None:
    products = [*products_of({"apple": 2}, seller="anna"), *products_of({"milk": 1}, attributes={"brand": "b"})]
    parent = shop(tmp_path / "a.catalog", products)
    with pytest.raises(CatalogError, match=r"no product would be left: required field missing \(3\)"):
        clean.run(parent, tmp_path / "b.catalog", CleanSettings(require=("seller", "brand")))


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("group", "no product has 'group'"),
        ("selller", "no product has 'selller'; did you mean 'seller'"),
        ("Brand", "no product has 'Brand'; did you mean 'brand'"),
        ("price", "no product has 'price'"),
    ],
)
def test_a_required_field_that_no_product_has_is_an_error(tmp_path: Path, field: str, message: str) -> None:
    products = products_of({"apple": 2, "milk": 1}, seller="anna", attributes={"brand": "b", "price": ""})
    parent = shop(tmp_path / "a.catalog", products)
    with pytest.raises(ConfigError, match=message):
        clean.run(parent, tmp_path / "b.catalog", CleanSettings(require=("seller", field)))
    assert [path.name for path in tmp_path.iterdir()] == ["a.catalog"]


def listings(folder: Path) -> Path:
    """12 products: 5 mugs, 2 plates, 1 bowl, 2 lamps in categories; 2 of a category that has subcategories."""
    kinds = ["Kitchen > Mug"] * 5 + ["Kitchen > Plate"] * 2 + ["Kitchen > Bowl"] + ["Home > Lamp"] * 2 + ["Kitchen"] * 2
    rows = [
        {"sku": f"p{number}", "image": f"{number}.jpg", "category": kind, "seller": "anna" if number % 5 else ""}
        for number, kind in enumerate(kinds)
    ]
    photos = {f"images/{number}.jpg": photo(number) for number in range(len(kinds))}
    return write(folder / "shop", {"listings.jsonl": jsonl(rows), **photos})


@pytest.mark.parametrize(
    ("settings", "set_aside", "leaves"),
    [
        ({}, {}, {"Home > Lamp", "Kitchen > Bowl", "Kitchen > Mug", "Kitchen > Plate"}),
        ({"require": "seller"}, {MISSING: 3}, {"Home > Lamp", "Kitchen > Bowl", "Kitchen > Mug", "Kitchen > Plate"}),
        (
            {"unknown_category": "set_aside"},
            {"category has subcategories": 2},
            {"Home > Lamp", "Kitchen > Bowl", "Kitchen > Mug", "Kitchen > Plate"},
        ),
        ({"min_products": 3, "small_categories": "drop"}, {small.SMALL: 5}, {"Kitchen > Mug"}),
        (
            {"min_products": 3, "small_categories": "merge"},
            {},
            {"Home", "Kitchen > Mug", "Kitchen > Other Kitchen"},
        ),
        (
            {"require": ["category", "seller"], "min_products": 3, "small_categories": "drop"},
            {MISSING: 4, small.SMALL: 4},
            {"Kitchen > Mug"},
        ),
    ],
    ids=["as it is", "required", "unknown", "drop", "merge", "all at once"],
)
def test_a_dump_is_cleaned_and_every_row_accounted_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    set_aside: dict[str, int],
    leaves: set[str],
) -> None:
    monkeypatch.setattr(shards, "SHARD_PHOTOS", 2)
    report = run(listings(tmp_path), tmp_path / "shop.catalog", IngestSettings(**settings))
    made = Catalog(tmp_path / "shop.catalog")
    assert_whole(made)
    assert (report.rows_read, report.set_aside, set(made.taxonomy.leaves)) == (12, set_aside, leaves)
    assert report.products == 12 - sum(set_aside.values())
    assert sum(row["set_aside"] for row in made.table("findings").to_pylist()) == sum(set_aside.values())


def test_other_cleaning_of_a_dump_that_was_read_needs_no_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, catalog = listings(tmp_path), tmp_path / "shop.catalog"
    with pytest.raises(SourceError, match=r"no product could be used: required field missing \(12\)"):
        run(source, catalog, IngestSettings(require=("price",)))
    with pytest.raises(CatalogError, match="its ingest was not finished"):
        Catalog(catalog)
    (source / "images").rename(tmp_path / "gone")
    report: IngestReport = run(source, catalog, IngestSettings(require=("seller",)))
    assert (report.products, report.set_aside) == (9, {MISSING: 3})
    assert_whole(Catalog(catalog))


def test_a_category_that_the_dump_does_not_list_is_set_aside(tmp_path: Path) -> None:
    report = run(bson_dump(tmp_path).source, tmp_path / "shop.catalog", IngestSettings(unknown_category="set_aside"))
    assert report.set_aside["category not in the taxonomy"] == 1
    assert Catalog(tmp_path / "shop.catalog").categories == {"7": "1", "8": "2"}

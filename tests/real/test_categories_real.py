"""Trees of real shops: rolled up, exported and read again, merged; every product accounted for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from tests.builders.shops import assert_whole

from catalens.core.catalog import Catalog
from catalens.core.errors import TaxonomyError
from catalens.curate import clean, edit_taxonomy, sample
from catalens.curate.categories.clean_settings import CleanSettings
from catalens.curate.categories.filing import ORIGINAL
from catalens.curate.categories.listing import write_listing
from catalens.curate.edit_taxonomy import EditSettings
from catalens.curate.ingest import run
from catalens.curate.sources import IngestSettings
from catalens.curate.sources.listed import read_taxonomy

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def grocery(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    folder = tmp_path_factory.mktemp("grocery") / "grocery.catalog"
    run(real_data / "grocery", folder, IngestSettings())
    return Catalog(folder)


def test_grocery_rolled_up_to_its_second_level(grocery: Catalog, tmp_path: Path) -> None:
    report = edit_taxonomy.run(grocery, tmp_path / "b.catalog", EditSettings(roll_up="2"))
    made = Catalog(tmp_path / "b.catalog")
    assert_whole(made)
    assert (report.catalog.categories_before, report.catalog.categories, made.taxonomy.depth) == (81, 43, 2)
    apples = [row for row in made.products.to_pylist() if row["category_id"] == "Fruit > Apple"]
    assert len(apples) == 300
    originals = Counter(dict(row["attributes"])[ORIGINAL] for row in apples)
    assert originals == {
        leaf: count
        for leaf, count in Counter(grocery.categories.values()).items()
        if leaf.startswith("Fruit > Apple >")
    }


def test_grocery_without_categories_below_30(grocery: Catalog, tmp_path: Path) -> None:
    settings = CleanSettings(min_products=30, small_categories="merge")
    report = clean.run(grocery, tmp_path / "b.catalog", settings)
    made = Catalog(tmp_path / "b.catalog")
    assert_whole(made)
    assert (report.products, report.set_aside) == (2_936, {})
    sizes = Counter(made.categories.values())
    told = {row["source"] for row in made.table("findings").to_pylist() if row["cause"] == "category below the minimum"}
    assert {leaf for leaf, size in sizes.items() if size < 30} == told
    assert report.categories == len(sizes) < 81


def test_grocery_sampled_evenly(grocery: Catalog, tmp_path: Path) -> None:
    sample.run(grocery, tmp_path / "b.catalog", sample.SampleSettings(balanced=30, seed=1))
    made = Catalog(tmp_path / "b.catalog")
    assert_whole(made)
    assert set(Counter(made.categories.values()).values()) == {30}
    assert len(made.taxonomy.leaves) == sum(size >= 30 for size in Counter(grocery.categories.values()).values())


def test_the_5270_categories_of_cdiscount(real_data: Path, tmp_path: Path) -> None:
    run(real_data / "cdiscount" / "train_example.bson", tmp_path / "a.catalog", IngestSettings())
    catalog = Catalog(tmp_path / "a.catalog")
    assert write_listing(catalog.taxonomy, tmp_path / "names.csv") == 5_270
    assert read_taxonomy(tmp_path / "names.csv").digest == catalog.taxonomy.digest
    settings = EditSettings(taxonomy=tmp_path / "names.csv")
    assert edit_taxonomy.run(catalog, tmp_path / "b.catalog", settings).catalog.digest == catalog.digest
    with pytest.raises(TaxonomyError, match=r"\d categories are named '.*': 1000\d{6} \(.*; use the id"):
        edit_taxonomy.run(catalog, tmp_path / "c.catalog", EditSettings(drop=_named_twice(catalog)))
    rolled = edit_taxonomy.run(catalog, tmp_path / "d.catalog", EditSettings(roll_up="category_level2"))
    assert (rolled.catalog.categories, rolled.catalog.refiled) == (486, 82)  # of 483 names
    assert_whole(Catalog(tmp_path / "d.catalog"))


def _named_twice(catalog: Catalog) -> str:
    names = Counter(catalog.taxonomy[leaf].name() for leaf in catalog.taxonomy.leaves)
    return next(name for name, count in names.items() if count > 1)

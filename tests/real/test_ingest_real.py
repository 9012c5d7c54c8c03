"""The real dumps, ingested: every row accounted for."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalens.core.catalog import Catalog
from catalens.curate.ingest import run
from catalens.curate.sources import IngestSettings

pytestmark = pytest.mark.real


def test_fashion(real_data: Path, tmp_path: Path) -> None:
    report = run(real_data / "fashion", tmp_path / "fashion.catalog", IngestSettings())
    catalog = Catalog(tmp_path / "fashion.catalog")
    assert (report.format, report.rows_read, report.products, report.images) == ("fashion", 22_385, 22_380, 22_380)
    assert report.set_aside == {"no photo": 5}
    aside = [row for row in catalog.table("findings").to_pylist() if row["set_aside"]]
    assert {row["product_id"] for row in aside} == {"39403", "39410", "39401", "39425", "12347"}
    assert all(row["cause"] == "no photo" and row["source"].startswith("styles.csv: row ") for row in aside)
    assert catalog.taxonomy.level_names == ("masterCategory", "subCategory", "articleType")
    assert [level["categories"] for level in report.levels] == [7, 45, 154]
    rows = {row["product_id"]: row for row in catalog.products.to_pylist()}
    assert rows["15970"]["category_id"] == "Apparel > Topwear > Shirts"
    assert dict(rows["44065"]["attributes"])["productDisplayName"].startswith("Boss Men Perfume, After Shave Balm and")
    assert any(dict(row["attributes"]).get("usage") == "NA" for row in rows.values())


def test_grocery(real_data: Path, tmp_path: Path) -> None:
    report = run(real_data / "grocery", tmp_path / "grocery.catalog", IngestSettings())
    catalog = Catalog(tmp_path / "grocery.catalog")
    assert (report.format, report.products, report.images, report.set_aside) == ("grocery", 2_936, 2_936, {})
    assert (report.categories, catalog.taxonomy.depth) == (81, 3)
    splits = catalog.products["given_split"].to_pylist()
    assert (splits.count("train"), splits.count("val")) == (2_640, 296)
    assert "Fruit > Apple > Granny-Smith" in catalog.taxonomy.leaves


def test_clothing(real_data: Path, tmp_path: Path) -> None:
    settings = IngestSettings(split="benchmark_split")
    report = run(real_data / "clothing" / "images.csv", tmp_path / "clothing.catalog", settings)
    products = Catalog(tmp_path / "clothing.catalog").products
    assert (report.format, report.products, report.images, report.set_aside) == ("table", 5_026, 5_026, {})
    assert "seller: column sender_id" in report.remarks
    assert products["seller"].null_count == 0
    assert len(products["seller"].unique()) > 30
    splits = products["given_split"].to_pylist()
    assert (splits.count("train"), splits.count("val")) == (3_068, 341)


def test_cdiscount(real_data: Path, tmp_path: Path) -> None:
    report = run(real_data / "cdiscount" / "train_example.bson", tmp_path / "cdiscount.catalog", IngestSettings())
    catalog = Catalog(tmp_path / "cdiscount.catalog")
    assert (report.format, report.products, report.images, report.set_aside) == ("bson", 82, 110, {})
    assert (report.categories, catalog.taxonomy.depth) == (5_270, 3)
    assert set(catalog.categories.values()) <= set(catalog.taxonomy.leaves)
    assert report.findings == {"same photo twice": 1}

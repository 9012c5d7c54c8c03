"""The copies of the fashion data: exact groups counted, and a few near ones that people have looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalens.core.catalog import Catalog
from catalens.curate.copies.find_copies import CopyFinder
from catalens.curate.duplicates import SCHEMA, DuplicatesSettings, groups_of, run
from catalens.curate.ingest import run as ingest
from catalens.curate.sources import IngestSettings

pytestmark = pytest.mark.real


def test_fashion(real_data: Path, tmp_path: Path) -> None:
    ingest(real_data / "fashion", tmp_path / "fashion.catalog", IngestSettings())
    catalog = Catalog(tmp_path / "fashion.catalog")
    # without near copies: what takes most of the time has tests of its own
    report = run(catalog, DuplicatesSettings(radius=0, listed=10_000))
    assert (report.exact.groups, report.exact.photos) == (335, 729)
    assert report.pixel.groups == 0
    assert catalog.table("duplicates").schema.names == SCHEMA.names
    products = {product for group in report.groups if group.kind == "exact" for product in group.products}
    assert {"33259", "39336"} <= products, "capris and shorts in one photo"
    assert report.contradictory >= 4
    assert len(groups_of(catalog, "exact")) == 335
    finder = CopyFinder(catalog)
    row = catalog.images.slice(0, 1).to_pylist()[0]
    found = finder.find(catalog.photos.read(row["shard"], row["row"]))
    assert (found[0].kind, found[0].image_id) == ("exact", row["image_id"])

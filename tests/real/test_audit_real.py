"""The audit of real dumps: what a category manager must find on the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalens.core.catalog import Catalog
from catalens.curate import ingest, sample
from catalens.curate.audit.page import page
from catalens.curate.audit.run import run
from catalens.curate.audit.settings import AuditSettings
from catalens.curate.sources import IngestSettings

pytestmark = pytest.mark.real


def test_clothing_shows_its_label_trouble(real_data: Path, tmp_path: Path) -> None:
    ingest.run(real_data / "clothing" / "images.csv", tmp_path / "whole.catalog", IngestSettings())
    some = sample.SampleSettings(products=600)
    sample.run(Catalog(tmp_path / "whole.catalog"), tmp_path / "some.catalog", some)
    catalog = Catalog(tmp_path / "some.catalog")
    audit = run(catalog, AuditSettings(workers=1))
    assert {one.path for one in audit.strange} >= {"Not sure", "Other"}
    html = page(audit, catalog)
    assert "Categories that are no product" in html
    assert "Not sure" in html

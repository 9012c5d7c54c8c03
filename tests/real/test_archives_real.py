"""Real dumps in archives are the catalogs that they are in folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.builders.archives import pack

from catalens.curate.ingest import run
from catalens.curate.sources import IngestSettings

pytestmark = pytest.mark.real


@pytest.mark.parametrize("name", ["grocery.zip", "grocery.tar.gz"])
def test_grocery(real_data: Path, tmp_path: Path, name: str) -> None:
    expected = run(real_data / "grocery", tmp_path / "folder.catalog", IngestSettings())
    archive = pack(real_data / "grocery", tmp_path / name, "GroceryStoreDataset-master/dataset/")
    report = run(archive, tmp_path / "archive.catalog", IngestSettings())
    assert (report.format, report.products, report.digest) == ("grocery", 2_936, expected.digest)


def test_cdiscount(real_data: Path, tmp_path: Path) -> None:
    expected = run(real_data / "cdiscount", tmp_path / "folder.catalog", IngestSettings())
    report = run(pack(real_data / "cdiscount", tmp_path / "x.zip"), tmp_path / "archive.catalog", IngestSettings())
    assert (report.format, report.products, report.digest) == ("bson", 82, expected.digest)

"""The table `quality` of a catalog, and what its report says."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from tests.builders import photos as p
from tests.builders.catalogs import catalog_of

from catalens.core.catalog import Catalog
from catalens.core.errors import CatalogError
from catalens.core.image import decode
from catalens.core.quality import Thresholds, measure
from catalens.core.shards import image_id
from catalens.curate import quality
from catalens.curate.scan import DecodedPhoto

PHOTOS = {
    "good": p.jpeg(p.scene()),
    "soft": p.jpeg(p.blurred(p.scene(), 3)),
    "softer": p.jpeg(p.blurred(p.scene(), 6)),
    "cut": p.cut_short(p.packshot(), 0.5),
    "small": p.jpeg(p.scene(60, 40)),
}
IDS = {name: image_id(data) for name, data in PHOTOS.items()}


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return catalog_of(tmp_path / "shop.catalog", [*PHOTOS.values(), PHOTOS["soft"]])


def test_every_distinct_photo_has_a_row(catalog: Catalog) -> None:
    report = quality.run(catalog, workers=1)
    table = catalog.table("quality")
    assert table.schema.names == quality.SCHEMA.names
    assert table["image_id"].to_pylist() == list(IDS.values())
    assert report.photos == 5
    rows = {row["image_id"]: row for row in table.to_pylist()}
    for name, data in PHOTOS.items():
        scores = measure(decode(data), data=data)
        assert tuple(rows[IDS[name]]["flags"]) == scores.flags
        assert rows[IDS[name]]["edge_width_px"] == pytest.approx(scores.edge_width_px, rel=1e-6)
        assert rows[IDS[name]]["burnt"] == pytest.approx(scores.burnt, rel=1e-6)


def test_the_worst_come_first(catalog: Catalog) -> None:
    report = quality.run(catalog, workers=1)
    assert report.counts["blurred"] == 2
    assert [photo.image_id for photo in report.worst["blurred"]] == [IDS["softer"], IDS["soft"]]
    assert report.worst["blurred"][0].score > report.worst["blurred"][1].score > Thresholds().blurred
    assert [photo.image_id for photo in report.worst["tiny"]] == [IDS["small"]]
    assert report.worst["tiny"][0].score == 40
    assert report.worst["cut short"][0].image_id == IDS["cut"]
    assert report.flagged == 4
    assert set(report.worst) == set(report.counts)
    assert json.loads(json.dumps(report.to_json()))["worst"]["tiny"] == [{"image_id": IDS["small"], "score": 40}]


def test_other_thresholds_make_the_table_anew(catalog: Catalog) -> None:
    assert "tiny" in quality.run(catalog, workers=1).counts
    assert "tiny" not in quality.run(catalog, thresholds=Thresholds(tiny=8), workers=1).counts


def test_a_catalog_without_flags_is_a_report_too(tmp_path: Path) -> None:
    report = quality.run(catalog_of(tmp_path / "one.catalog", [PHOTOS["good"]]), workers=1)
    assert (report.photos, report.flagged, report.counts, report.worst) == (1, 0, {}, {})


def test_the_measure_travels_to_workers() -> None:
    there = pickle.loads(pickle.dumps(quality.QualityMeasure(Thresholds(dark=90))))
    here = quality.QualityMeasure(Thresholds(dark=90))
    photo = DecodedPhoto("a", PHOTOS["good"], decode(PHOTOS["good"]))
    assert there.version == here.version != quality.QualityMeasure().version
    assert there(photo) == here(photo)


def test_a_damaged_shard_is_an_error(catalog: Catalog) -> None:
    shard = next((catalog.path / "images").iterdir())
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(CatalogError):
        quality.run(Catalog(catalog.path), workers=1)

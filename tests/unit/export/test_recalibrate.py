"""A bundle calibrated anew: the same graph and answers, other probabilities and promises, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from tests.builders.catalogs import striped_catalog
from tests.builders.networks import small_run

from catalens.cli.calibrate import command
from catalens.core.bundle import Bundle
from catalens.core.catalog import Catalog
from catalens.core.errors import BundleError, CatalogError
from catalens.export import recalibrate
from catalens.export import run as export
from catalens.export.recalibrate import RecalibrateSettings
from catalens.predict.doctor import examine
from catalens.predict.session import Session


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return striped_catalog(tmp_path / "shop.catalog", products=48, photos=1)


@pytest.fixture
def bundle(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    monkeypatch.setattr(export, "load_run", lambda folder, weights: small_run(catalog))
    return export.run(tmp_path / "run", tmp_path / "shirts.bundle", export.ExportSettings())


def test_the_same_graph_with_other_promises(bundle: Bundle, catalog: Catalog, tmp_path: Path) -> None:
    settings = RecalibrateSettings(calibrate_on="test", promises=(0.8,), sets=0.9)
    new = recalibrate.run(bundle, catalog, tmp_path / "new.bundle", settings)
    assert [promise.precision for promise in new.promises] == [0.8]
    assert new.sets is not None
    assert new.sets.coverage == 0.9
    calibration = new.manifest.calibration
    assert (calibration["part"], calibration["calibrated_from"]) == ("test", bundle.name)
    assert calibration["before"] != bundle.manifest.calibration["before"]
    assert new.manifest.name == "shirts"
    assert new.name != bundle.name
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    np.testing.assert_array_equal(Session(new).run(pixels)[0], Session(bundle).run(pixels)[0])
    assert new.manifest.training == bundle.manifest.training
    assert "part `test`" in (new.path / "card.md").read_text()
    assert all(check.ok for check in examine(new.path))


def test_in_place_only_when_asked(bundle: Bundle, catalog: Catalog) -> None:
    before = bundle.digest
    with pytest.raises(BundleError, match="already exists"):
        recalibrate.run(bundle, catalog, bundle.path, RecalibrateSettings())
    assert Bundle(bundle.path).digest == before
    new = recalibrate.run(bundle, catalog, bundle.path, RecalibrateSettings(delta=0.2, overwrite=True))
    assert {promise.delta for promise in new.promises} == {0.2}


def test_what_was_trained_on_is_not_calibrated_on(bundle: Bundle, catalog: Catalog, tmp_path: Path) -> None:
    table = catalog.table("splits")
    swapped = {"train": "calib", "calib": "train"}
    parts = [swapped.get(part, part) for part in table["part"].to_pylist()]
    catalog.write_table("splits", pa.table({"product_id": table["product_id"], "part": parts}))
    with pytest.raises(CatalogError, match="split anew"):
        recalibrate.run(bundle, Catalog(catalog.path), tmp_path / "new.bundle", RecalibrateSettings())
    with pytest.raises(CatalogError, match="trained on"):
        recalibrate.run(bundle, catalog, tmp_path / "new.bundle", RecalibrateSettings(calibrate_on="train"))
    assert not (tmp_path / "new.bundle").exists()


def test_the_command_says_what_changed(bundle: Bundle, catalog: Catalog, tmp_path: Path) -> None:
    out = tmp_path / "new.bundle"
    done = CliRunner().invoke(command, [str(bundle.path), str(catalog.path), str(out), "--on", "test", "--sets", "0"])
    assert done.exit_code == 0, done.output
    assert "Calibrated on" in done.output
    assert Bundle(out).sets is None

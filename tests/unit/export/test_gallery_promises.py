"""An added category has no promise until the bundle is calibrated on products of it; then it is filed as others are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.builders.bundles import TAXONOMY, tiny_bundle
from tests.builders.galleries import colour_catalog, halves

from catalens.cli.evaluating import measure, more
from catalens.core.bundle import Bundle
from catalens.core.errors import ConfigError
from catalens.core.gallery_tree import leaf_at
from catalens.export import gallery, recalibrate
from catalens.export.gallery import GallerySettings, NewCategory
from catalens.export.recalibrate import RecalibrateSettings
from catalens.predict.predictor import Photo, Predictor

TRAINING = {  # what a card says of it
    "catalog": {"name": "colours", "digest": "0" * 64},
    "left_out": 0,
    "export": {"weights": "last", "parity": {"images": 1, "logit_delta": 0.0}},
}
SETTINGS = RecalibrateSettings(promises=(0.8,), open_world=False)


def shots(seed: int, count: int = 5) -> tuple[Photo, ...]:
    rng = np.random.default_rng(seed)
    return tuple(Photo(f"half-{number}.png", halves(rng)) for number in range(count))


@pytest.fixture
def grown(tmp_path: Path) -> Bundle:
    bundle = tiny_bundle(tmp_path / "tiny.bundle", training=TRAINING)
    shop = colour_catalog(tmp_path / "shop.catalog")
    new = NewCategory(leaf_at(TAXONOMY, ("Home", "Half")), shots(0))
    return gallery.add(bundle, tmp_path / "grown.bundle", [new], GallerySettings(rounds=3), catalog=shop)


@pytest.mark.parametrize(("half", "action"), [(8, "file"), (4, "suggest"), (0, "suggest")])
def test_promises_hold_after_enough_of_it(grown: Bundle, tmp_path: Path, half: int, action: str) -> None:
    labelled = colour_catalog(tmp_path / "new.catalog", seed=1, half=half)
    calibrated = recalibrate.run(grown, labelled, tmp_path / "calibrated.bundle", SETTINGS)
    assert calibrated.manifest.gallery is not None
    assert calibrated.manifest.gallery["categories"][0]["calibrated"] == half
    assert calibrated.manifest.gallery["fitted"] == (grown.manifest.gallery or {})["fitted"]
    assert calibrated.manifest.calibration["products"] == 21 + half
    assert f"| {'yes' if action == 'file' else 'not yet'} |" in (calibrated.path / "card.md").read_text()
    assert Predictor(grown).predict(shots(9, 1), promise=0.9).decision.action == "suggest"
    found = Predictor(calibrated).predict(shots(9, 1), promise=0.8)
    assert (found.decision.action, found.labels[0].id) == (action, "Home > Half")


def test_evaluation_reports_it_by_itself(grown: Bundle, tmp_path: Path) -> None:
    shop = colour_catalog(tmp_path / "new.catalog", seed=1, half=8)
    measured = measure(grown, shop, "calib")
    assert measured.evaluation.products == 21 + 8
    assert np.isfinite(measured.evaluation.before_temperature["nll"])
    found = json.loads(json.dumps(more(measured)["gallery"]))
    assert (found["new"], found["new_right"], found["old"], found["old_before"]) == (8, 1.0, 21, 1.0)
    by_leaf = {row["id"]: row for row in measured.evaluation.per_class}
    assert by_leaf["Home > Half"]["recall"] == 1.0


def test_a_mix_and_a_gallery_exclude_each_other(grown: Bundle, tmp_path: Path) -> None:
    shop = colour_catalog(tmp_path / "new.catalog", half=8)
    settings = SETTINGS.model_copy(update={"mix_of": shop.path})
    with pytest.raises(ConfigError, match="not corrected for a mix"):
        recalibrate.run(grown, shop, tmp_path / "calibrated.bundle", settings)

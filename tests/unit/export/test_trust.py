"""What a bundle knows of strangers and of another mix: learnt at export, kept in the bundle, obeyed by serving."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from tests.builders.catalogs import striped_catalog
from tests.builders.networks import small_run

from catalens.core.bundle import Bundle
from catalens.core.catalog import Catalog
from catalens.core.errors import BundleCorrupt, CatalogError
from catalens.evaluate import run as evaluate
from catalens.export import recalibrate
from catalens.export import run as export
from catalens.export.recalibrate import RecalibrateSettings
from catalens.predict.catalog import score
from catalens.predict.predictor import Photo, Predictor
from catalens.predict.session import Session


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return striped_catalog(tmp_path / "shop.catalog", products=160, photos=1)


@pytest.fixture
def strangers(tmp_path: Path) -> Path:
    folder = tmp_path / "strangers"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(24):
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    (folder / "broken.jpg").write_bytes(b"no photo")
    return folder


def _export(catalog: Catalog, path: Path, monkeypatch: pytest.MonkeyPatch, **settings: object) -> Bundle:
    monkeypatch.setattr(export, "load_run", lambda folder, weights: small_run(catalog))
    return export.run(path.with_name("run"), path, export.ExportSettings.model_validate(settings))


@pytest.fixture
def bundle(catalog: Catalog, strangers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    return _export(catalog, tmp_path / "shirts.bundle", monkeypatch, strangers=strangers, keep=0.8)


def test_strangers_are_told_at_serving(bundle: Bundle, strangers: Path) -> None:
    assert bundle.manifest.open_world is not None
    assert bundle.manifest.open_world["strangers"]["count"] == 12  # the others taught
    predictor = Predictor(bundle)
    answers = [predictor.predict([Photo(file.name, file.read_bytes())]) for file in sorted(strangers.glob("*.png"))]
    verdicts = [answer.open_world for answer in answers]
    assert verdicts.count("far") >= 20
    told = answers[verdicts.index("far")]
    assert (told.decision.action, told.decision.node) == ("review", None)
    assert "shop sells" in told.decision.reason


def test_its_own_products_pass_as_often_as_it_was_told(bundle: Bundle, catalog: Catalog) -> None:
    scores, _ = score(Session(bundle), catalog, part="calib")
    found = evaluate(scores, catalog.categories, bundle.taxonomy, rules=bundle.rules(), fusion=bundle.fusion)
    assert sum(found.strangers.values()) <= 0.2
    strange = found.outcomes.strange > 0
    assert (found.outcomes.filed_level[:, strange] == -1).all()
    assert found.to_json()["strangers"].keys() == {"near", "far"}


def test_a_bundle_that_is_not_to_tell_strangers(catalog: Catalog, tmp_path: Path, monkeypatch) -> None:
    bundle = _export(catalog, tmp_path / "b.bundle", monkeypatch, open_world=False)
    assert (bundle.manifest.open_world, bundle.open_world) == (None, None)
    photo = Image.fromarray(np.zeros((32, 32, 3), np.uint8))
    photo.save(tmp_path / "black.png")
    answer = Predictor(bundle).predict([Photo("black.png", (tmp_path / "black.png").read_bytes())])
    assert answer.open_world is None


def test_a_photo_of_no_use_is_asked_for_again(bundle: Bundle, tmp_path: Path) -> None:
    Image.fromarray(np.full((64, 64, 3), 3, np.uint8)).save(tmp_path / "black.png")
    answer = Predictor(bundle).predict([Photo("black.png", (tmp_path / "black.png").read_bytes())], promise=0.99)
    assert (answer.open_world, answer.decision.action) == ("bad photo", "review")
    assert {finding.cause for finding in answer.findings} == {"bad photo"}
    assert "dark" in answer.decision.reason


def test_a_bank_that_is_not_listed_is_damage(bundle: Bundle) -> None:
    (bundle.path / "openworld.npz").unlink()
    with pytest.raises(BundleCorrupt, match=r"openworld\.npz"):
        Bundle(bundle.path)


def test_a_folder_without_pictures(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CatalogError, match="two photos or more"):
        _export(catalog, tmp_path / "b.bundle", monkeypatch, strangers=tmp_path / "empty")
    assert not (tmp_path / "b.bundle").exists()


def test_another_mix_is_told_corrected_and_can_be_switched_off(
    bundle: Bundle, catalog: Catalog, tmp_path: Path
) -> None:
    """A catalog in which one category is all there is."""
    other = striped_catalog(tmp_path / "winter.catalog", products=160, photos=1)
    leaf = other.taxonomy.leaves[0]
    winter = {product for product, of in other.categories.items() if of == leaf}
    table = other.table("splits")
    parts = ["winter" if product in winter else "rest" for product in table["product_id"].to_pylist()]
    other.write_table("splits", pa.table({"product_id": table["product_id"], "part": parts}))
    settings = RecalibrateSettings(mix_of=other.path, mix_part="winter", open_world=False)
    new = recalibrate.run(bundle, catalog, tmp_path / "winter.bundle", settings)
    mix = new.manifest.mix
    assert mix is not None
    assert mix["estimate"]["products"] == len(winter)
    assert "mix of 40 products" in mix["sentence"]
    assert mix["before_after"]["products"] == len(winter)
    if mix["estimate"]["significant"]:
        assert mix["promised_on"] < new.manifest.calibration["products"]
        assert new.rules().shift.ratio[0] > 1  # type: ignore[union-attr]
    assert new.rules(mix=False).shift is None
    assert new.rules(mix=False).promises == new.promises
    assert Predictor(new, mix=False).rules.shift is None


def test_no_shift_changes_nothing(bundle: Bundle, catalog: Catalog, tmp_path: Path) -> None:
    settings = RecalibrateSettings(mix_of=catalog.path, mix_part="calib", open_world=False)
    new = recalibrate.run(bundle, catalog, tmp_path / "same.bundle", settings)
    shift = new.rules().shift
    assert shift is not None
    assert not shift.changes
    assert new.rules().promises == new.promises

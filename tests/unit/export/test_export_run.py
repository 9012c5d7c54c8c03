"""A run to a bundle: whole or not at all, calibrated on the right part, and saying so."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from PIL import Image
from tests.builders.catalogs import striped_catalog
from tests.builders.networks import small_network, small_run

from catalens.cli.export import command
from catalens.core.bundle import Bundle, write_bundle
from catalens.core.catalog import IMAGES, Catalog, write_parquet
from catalens.core.errors import BundleError, CatalogError, ConfigError, ParityError
from catalens.core.progress import silent
from catalens.core.scores import product_logits, softmax
from catalens.core.shards import ShardWriter, image_id
from catalens.evaluate.calibrate import fit_temperature, nll
from catalens.export import parity
from catalens.export import run as export
from catalens.export.run import ExportSettings
from catalens.predict.catalog import score
from catalens.predict.doctor import examine
from catalens.predict.session import Session
from catalens.train.checkpoint import TrainedRun


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return striped_catalog(tmp_path / "shop.catalog", products=48, photos=1)


@pytest.fixture
def run_folder(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for a trained run on `catalog`; `load_run` is tested with train."""
    trained = small_run(catalog)
    monkeypatch.setattr(export, "load_run", lambda folder, weights: trained)
    return tmp_path / "run"


@pytest.fixture
def bundle(run_folder: Path, tmp_path: Path) -> Bundle:
    return export.run(run_folder, tmp_path / "shirts.bundle", ExportSettings())


def _without_part(catalog: Catalog, part: str, instead: str) -> None:
    table = catalog.table("splits")
    parts = [instead if value == part else value for value in table["part"].to_pylist()]
    catalog.write_table("splits", pa.table({"product_id": table["product_id"], "part": parts}))


def test_the_manifest_says_what_it_is(bundle: Bundle, catalog: Catalog) -> None:
    manifest = bundle.manifest
    assert (manifest.name, manifest.classes, manifest.embedding_dim) == ("shirts", 4, 16)
    assert manifest.catalog_digest == catalog.digest
    assert {"torch", "onnxruntime", "pillow", "timm"} <= set(manifest.libraries)
    assert manifest.training["settings"]["model"] == "small"
    assert manifest.training["train_counts"] == {"lamp": 6, "sofa": 6, "mug": 6, "plate": 6}
    assert manifest.training["export"]["parity"]["logit_delta"] < 1e-3
    assert str(catalog.path) not in (bundle.path / "manifest.json").read_text()
    assert [promise.precision for promise in bundle.promises] == [0.9, 0.95, 0.98, 0.99]


def test_temperature_is_that_of_the_calibration_part(bundle: Bundle, catalog: Catalog) -> None:
    calibration = bundle.manifest.calibration
    assert (calibration["part"], calibration["products"], calibration["note"]) == ("calib", 8, "")
    scores, _ = score(Session(bundle), catalog, part="calib")
    ids, logits = product_logits(scores.product_ids, scores.logits)
    truth = np.array([bundle.taxonomy.leaf_index[str(catalog.categories[product])] for product in ids])
    assert bundle.manifest.temperature == pytest.approx(fit_temperature(logits, truth))
    assert calibration["before"]["nll"] == pytest.approx(nll(logits, truth, 1.0))
    assert calibration["after"]["nll"] <= calibration["before"]["nll"]
    assert calibration["top1"] == pytest.approx((softmax(logits).argmax(axis=1) == truth).mean())


def test_without_a_calib_part_it_uses_val_and_says_so(catalog: Catalog, run_folder: Path, tmp_path: Path) -> None:
    _without_part(catalog, "calib", "test")
    bundle = export.run(run_folder, tmp_path / "b.bundle", ExportSettings())
    calibration = bundle.manifest.calibration
    assert calibration["part"] == "val"
    assert "no part 'calib'" in calibration["note"]
    assert calibration["note"] in (bundle.path / "card.md").read_text()


def test_the_card_says_which_epoch_and_what_chose_it(run_folder: Path, tmp_path: Path) -> None:
    best = export.run(run_folder, tmp_path / "best.bundle", ExportSettings())
    last = export.run(run_folder, tmp_path / "last.bundle", ExportSettings(weights="last"))
    cards = [(bundle.path / "card.md").read_text(encoding="utf-8") for bundle in (best, last)]
    assert "epoch 1 | val, which chose the epoch | 0.5000" in cards[0]
    assert "of which the best is exported" in cards[0]
    assert "which chose the epoch" not in cards[1]
    assert "of which the last is exported" in cards[1]
    assert last.manifest.training["export"]["weights"] == "last"


def test_a_run_that_nothing_was_validated_in(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = small_run(catalog)
    trained.info["best"] = None
    monkeypatch.setattr(export, "load_run", lambda folder, weights: trained)
    bundle = export.run(tmp_path / "run", tmp_path / "b.bundle", ExportSettings())
    assert "single photos" not in (bundle.path / "card.md").read_text(encoding="utf-8")


def test_without_val_either_it_is_an_error_and_nothing_is_left(
    catalog: Catalog, run_folder: Path, tmp_path: Path
) -> None:
    _without_part(catalog, "calib", "test")
    _without_part(Catalog(catalog.path), "val", "test")
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(CatalogError, match=r"neither part 'calib' nor 'val' to calibrate on, only \['test', 'train'\]"):
        export.run(run_folder, tmp_path / "b.bundle", ExportSettings())
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_catalog_that_was_split_anew_is_refused(catalog: Catalog, run_folder: Path, tmp_path: Path) -> None:
    """Products moved from train to calib: the model has learnt them, so a promise on them would mean nothing."""
    table = catalog.table("splits")
    parts = table["part"].to_pylist()
    first, last = parts.index("train"), parts.index("calib")
    parts[first], parts[last] = "calib", "train"
    catalog.write_table("splits", pa.table({"product_id": table["product_id"], "part": parts}))
    with pytest.raises(CatalogError, match="its part 'train' is not what the model was trained on"):
        export.run(run_folder, tmp_path / "b.bundle", ExportSettings())
    assert not (tmp_path / "b.bundle").exists()


def test_another_catalog_may_calibrate_and_the_card_says_so(run_folder: Path, tmp_path: Path) -> None:
    other = striped_catalog(tmp_path / "other.catalog", products=72, photos=1, seed=5)
    bundle = export.run(run_folder, tmp_path / "b.bundle", ExportSettings(), catalog=other)
    assert bundle.manifest.catalog_digest == other.digest
    assert bundle.manifest.calibration["products"] == 12
    assert "another catalog than it was trained on" in (bundle.path / "card.md").read_text()


def test_a_graph_that_fails_the_gate_is_not_written(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = export.export_onnx

    def wrong_mean(model: object, preprocess: object, path: Path) -> object:
        return write(small_network(replace(preprocess, mean=(0.5, 0.5, 0.5)), 4), preprocess, path)  # type: ignore[type-var]

    monkeypatch.setattr(export, "export_onnx", wrong_mean)
    with pytest.raises(ParityError, match="the graph's logits differ"):
        export.run(run_folder, tmp_path / "b.bundle", ExportSettings())
    assert not [path.name for path in tmp_path.iterdir() if "bundle" in path.name]


def test_the_gate_is_asked(run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity, "LOGIT_TOLERANCE", 0.0)
    with pytest.raises(ParityError):
        export.run(run_folder, tmp_path / "b.bundle", ExportSettings())


def test_products_the_model_does_not_know_are_outside(catalog: Catalog, tmp_path: Path) -> None:
    taxonomy = catalog.taxonomy.subset(["mug", "plate", "lamp"])
    (tmp_path / "filled").mkdir()
    fields = export.fill_bundle(
        tmp_path / "filled", small_run(catalog, taxonomy), catalog, ExportSettings(), name="b", progress=lambda *_: None
    )
    assert (fields["calibration"]["products"], fields["calibration"]["outside"]) == (6, 2)
    assert "2 products of `calib`" in (tmp_path / "filled" / "card.md").read_text()


def test_a_taken_name_is_said_before_the_work(
    bundle: Bundle, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "export_onnx", lambda *_: pytest.fail("worked before it looked"))
    with pytest.raises(BundleError, match="already exists"):
        export.run(run_folder, bundle.path, ExportSettings())


def test_overwrite_replaces(bundle: Bundle, run_folder: Path) -> None:
    before = bundle.digest
    again = export.run(run_folder, bundle.path, ExportSettings(overwrite=True, promises=(0.9,)))
    assert [promise.precision for promise in Bundle(bundle.path).promises] == [0.9]
    assert again.digest != before


def test_a_catalog_that_is_gone_asks_for_the_option(catalog: Catalog, run_folder: Path, tmp_path: Path) -> None:
    catalog.path.rename(tmp_path / "elsewhere")
    with pytest.raises(CatalogError, match="pass --catalog"):
        export.run(run_folder, tmp_path / "b.bundle", ExportSettings())


@pytest.mark.parametrize("promises", [(1.0,), (0.0,), (0.98, 0.98)], ids=["certainty", "zero", "twice"])
def test_promises_that_cannot_be_made_are_usage_errors(
    run_folder: Path, tmp_path: Path, promises: tuple[float, ...]
) -> None:
    with pytest.raises(ConfigError, match=r"export\.promises"):
        CliRunner().invoke(
            command,
            [str(run_folder), str(tmp_path / "b.bundle"), "--set", f"export.promises={list(promises)}"],
            standalone_mode=False,
            catch_exceptions=False,
        )


def test_the_card_has_every_figure(bundle: Bundle) -> None:
    text = (bundle.path / "card.md").read_text()
    for words in (
        "4 categories",
        "`striped`",
        "`small`",
        "top-1",
        "temperature",
        "0.98",
        "kind",
        "## Limits",
        "doctor",
    ):
        assert words in text
    assert "/home/someone" not in text
    assert "w.safetensors" in text


def test_the_bundle_is_healthy(bundle: Bundle) -> None:
    assert [(check.name, check.ok) for check in examine(bundle.path)] == [
        ("digests", True),
        ("graph", True),
        ("decoder", True),
        ("examples", True),
        ("batches", True),
    ]


def test_the_verb_prints_one_object(run_folder: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        command, [str(run_folder), str(tmp_path / "b.bundle"), "--json"], standalone_mode=False, catch_exceptions=False
    )
    values = json.loads(result.stdout)
    assert values["digest"] == Bundle(tmp_path / "b.bundle").digest
    assert values["speed"]["bytes"] > 1000
    assert values["speed"]["model_ms"] > 0


def _noisy_catalog(folder: Path) -> Catalog:
    """Products of three photos, one of which is the same useless card for all."""
    catalog = striped_catalog(folder, products=432, photos=2)
    card = io.BytesIO()
    Image.new("RGB", (40, 40), (250, 250, 250)).save(card, "PNG")
    identity = image_id(card.getvalue())
    writer = ShardWriter(folder / "images" / "part-00001.arrow")
    row = writer.add(identity, card.getvalue(), "card.png")
    writer.close()
    ids = catalog.products["product_id"].to_pylist()
    added = [(identity, product, 2, writer.path.name, row, 40, 40, "png") for product in ids]
    columns = [pa.array(column, field.type) for column, field in zip(zip(*added, strict=True), IMAGES, strict=True)]
    images = pa.concat_tables([catalog.images.cast(IMAGES), pa.table(columns, schema=IMAGES)])
    write_parquet(images.sort_by([("product_id", "ascending"), ("position", "ascending")]), folder / "images.parquet")
    return Catalog(folder)


def _filled(catalog: Catalog, folder: Path, trained: TrainedRun, settings: ExportSettings) -> Bundle:
    return write_bundle(
        folder, lambda partial: export.fill_bundle(partial, trained, catalog, settings, name="b", progress=silent)
    )


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalog, TrainedRun]:
    catalog = _noisy_catalog(tmp_path_factory.mktemp("noisy") / "noisy.catalog")
    return catalog, small_run(catalog)


def test_the_runs_setting_is_in_effect_and_export_overrides_it(
    noisy: tuple[Catalog, TrainedRun], tmp_path: Path
) -> None:
    catalog, trained = noisy
    told = replace(trained, info={**trained.info, "settings": {**trained.info["settings"], "fusion": "max"}})
    bundle = _filled(catalog, tmp_path / "max.bundle", told, ExportSettings())
    assert (bundle.fusion.kind, bundle.manifest.calibration["fusion"]["asked"]) == ("max", "max")
    assert "the surest photo decides" in (bundle.path / "card.md").read_text()
    assert _filled(catalog, tmp_path / "mean.bundle", told, ExportSettings(fusion="mean")).fusion.kind == "mean"
    assert _filled(catalog, tmp_path / "old.bundle", trained, ExportSettings()).fusion.kind == "mean"


def test_a_gate_is_fitted_on_val_and_calibration_is_of_what_it_fuses(
    noisy: tuple[Catalog, TrainedRun], tmp_path: Path
) -> None:
    catalog, trained = noisy
    bundle = _filled(
        catalog, tmp_path / "gated.bundle", trained, ExportSettings(fusion="gated", calibrator="temperature")
    )
    chosen = bundle.manifest.calibration["fusion"]
    assert (chosen["kind"], chosen["part"], chosen["several"]) == ("gated", "val", 72)
    assert set(chosen["table"]) == {"mean", "max", "gated"}
    assert f"| gated | {chosen['table']['gated']['top1']:.4f}" in (bundle.path / "card.md").read_text()
    scores, _ = score(Session(bundle), catalog, part="calib")
    ids, logits = bundle.fusion.fuse(scores.product_ids, scores.logits, scores.embeddings)
    truth = np.array([bundle.taxonomy.leaf_index[str(catalog.categories[product])] for product in ids])
    assert bundle.manifest.temperature == pytest.approx(fit_temperature(logits, truth))
    again = _filled(
        catalog, tmp_path / "again.bundle", trained, ExportSettings(fusion="gated", calibrator="temperature")
    )
    assert again.manifest.files["fusion.npz"] == bundle.manifest.files["fusion.npz"]


def test_few_products_of_several_photos_are_averaged_with_a_note(run_folder: Path, tmp_path: Path) -> None:
    bundle = export.run(run_folder, tmp_path / "b.bundle", ExportSettings(fusion="auto"))
    note = "0 products with several photos are too few to fit a gate (50 are needed)"
    assert (bundle.fusion.kind, bundle.manifest.calibration["fusion"]["note"]) == ("mean", note)
    assert note in (bundle.path / "card.md").read_text()


def test_without_val_there_is_nothing_to_fit_a_gate_on(catalog: Catalog, run_folder: Path, tmp_path: Path) -> None:
    _without_part(catalog, "val", "test")
    bundle = export.run(run_folder, tmp_path / "b.bundle", ExportSettings(fusion="gated", calibrator="temperature"))
    assert bundle.fusion.kind == "mean"
    assert "no part 'val' to fit a gate on" in bundle.manifest.calibration["fusion"]["note"]


def test_a_gate_fitted_on_what_is_calibrated_on_says_so(noisy: tuple[Catalog, TrainedRun], tmp_path: Path) -> None:
    catalog, trained = noisy
    bundle = _filled(catalog, tmp_path / "b.bundle", trained, ExportSettings(fusion="gated", calibrate_on="val"))
    assert "The gate was fitted on `val` too" in (bundle.path / "card.md").read_text()

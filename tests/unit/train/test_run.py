"""A run from a catalog to a folder, and back out of it."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from PIL import Image
from tests.builders.catalogs import striped_catalog

from catalens.core.catalog import Catalog
from catalens.core.errors import CatalogError, ConfigError
from catalens.train.checkpoint import load_run
from catalens.train.dataset import PhotoDataset, photos_of
from catalens.train.run import run
from catalens.train.settings import TrainSettings
from catalens.train.weights import content_digest

SETTINGS = TrainSettings(model="lightweight_cnn", size=32, epochs=8, batch=8, workers=0, augment="none")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory) -> Catalog:
    return striped_catalog(tmp_path_factory.mktemp("run") / "striped.catalog")


@pytest.fixture(scope="module")
def finished(catalog: Catalog, tmp_path_factory) -> tuple[Path, dict, list[str]]:
    folder, lines = tmp_path_factory.mktemp("run") / "first", []
    return folder, run(catalog, folder, SETTINGS, say=lines.append), lines


def test_it_learns_and_says_each_epoch(finished) -> None:
    _, info, lines = finished
    assert info["best"]["val_top1"] > 0.9
    assert info["epochs"] == 8
    assert len(lines) == 9
    assert "val top-1" in lines[0]


def test_the_folder_holds_what_it_should(finished) -> None:
    folder, _, _ = finished
    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    assert [int(row["epoch"]) for row in rows] == list(range(1, 9))
    assert float(rows[-1]["train_loss"]) < float(rows[0]["train_loss"])
    assert Image.open(folder / "curves.png").size[0] > 500
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]


def test_the_model_that_comes_back_is_the_one_that_was_validated(catalog: Catalog, finished) -> None:
    folder, info, _ = finished
    trained = load_run(folder)
    photos = photos_of(catalog, "val", trained.taxonomy)
    dataset = PhotoDataset(photos, trained.preprocess)
    pixels = torch.stack([dataset[0, photo][0] for photo in range(len(photos))])
    with torch.no_grad():
        logits, _ = trained.model(pixels)
    top1 = (logits.argmax(dim=1).numpy() == photos.labels).mean()
    assert top1 == pytest.approx(info["best"]["val_top1"], abs=1e-6)
    assert not trained.model.training
    assert trained.info["train_counts"] == {"lamp": 6, "sofa": 6, "mug": 6, "plate": 6}


def test_best_and_last_are_different_epochs(finished) -> None:
    folder, _, _ = finished
    best, last = (load_run(folder, weights).model.state_dict() for weights in ("best", "last"))
    assert not torch.equal(best["head.weight"], last["head.weight"])


def test_the_same_seed_is_the_same_run(catalog: Catalog, tmp_path: Path) -> None:
    short = SETTINGS.model_copy(update={"epochs": 2, "augment": "light"})
    for name in ("a", "b"):
        run(catalog, tmp_path / name, short)
    a, b = (load_run(tmp_path / name, "last").model.state_dict() for name in ("a", "b"))
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_patience_stops_early(catalog: Catalog, tmp_path: Path) -> None:
    patient = SETTINGS.model_copy(update={"patience": 1, "epochs": 30})
    assert run(catalog, tmp_path / "run", patient)["epochs"] < 30


def test_a_folder_that_holds_a_run_is_refused(catalog: Catalog, finished) -> None:
    with pytest.raises(ConfigError, match="already holds a run; pass --resume"):
        run(catalog, finished[0], SETTINGS)


def test_a_resumed_run_must_be_the_same_run(catalog: Catalog, finished) -> None:
    with pytest.raises(ConfigError, match=r"settings changed \(lr: 0.001 -> 0.5\)"):
        run(catalog, finished[0], SETTINGS.model_copy(update={"lr": 0.5}), resume=True)


def test_a_run_begins_with_the_network_of_an_earlier_one(catalog: Catalog, finished, tmp_path: Path) -> None:
    earlier, _, _ = finished
    changes = {"weights": str(earlier), "mode": "probe", "size": 48, "epochs": 1}
    info = run(catalog, tmp_path / "probe", SETTINGS.model_copy(update=changes))
    before, after = load_run(earlier), load_run(tmp_path / "probe")
    for name, value in before.model.backbone.state_dict().items():
        assert torch.equal(value, after.model.backbone.state_dict()[name]), name
    assert after.preprocess.size == 48
    assert info["weights_digest"] == content_digest(str(earlier))


def test_what_is_no_run_of_this_network_is_no_beginning(catalog: Catalog, finished, tmp_path: Path) -> None:
    earlier, _, _ = finished

    def begin(weights: Path, **changes: object) -> None:
        run(catalog, tmp_path / "run", SETTINGS.model_copy(update={"weights": str(weights), **changes}))

    with pytest.raises(ConfigError, match="holds weights of 'lightweight_cnn', not of 'basic_cnn'"):
        begin(earlier, model="basic_cnn")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="not a training run"):
        begin(tmp_path / "empty")
    with pytest.raises(ConfigError, match="is no run folder, and cannot be read"):
        begin(tmp_path / "frist")
    damaged = shutil.copytree(earlier, tmp_path / "damaged")
    best = damaged / "checkpoints" / "best.ckpt"
    best.write_bytes(best.read_bytes()[:5000])
    with pytest.raises(ConfigError, match="is no whole checkpoint"):
        begin(damaged)
    info = json.loads((damaged / "run.json").read_text())
    info["settings"]["a setting of tomorrow"] = 3
    (damaged / "run.json").write_text(json.dumps(info))
    with pytest.raises(ConfigError, match="no settings of this version"):
        begin(damaged)


@pytest.mark.parametrize(("ema", "keep"), [(0.0, "last"), (0.9, "best")])
def test_the_epoch_that_a_run_keeps_is_the_beginning(catalog: Catalog, tmp_path: Path, ema: float, keep: str) -> None:
    earlier = SETTINGS.model_copy(update={"ema": ema, "keep": keep, "epochs": 2})
    run(catalog, tmp_path / "earlier", earlier)
    later = SETTINGS.model_copy(update={"weights": str(tmp_path / "earlier"), "mode": "probe"})
    run(catalog, tmp_path / "probe", later)
    before, after = (load_run(tmp_path / name).model.backbone.state_dict() for name in ("earlier", "probe"))
    assert all(torch.equal(value, after[name]) for name, value in before.items())


@pytest.mark.parametrize("views", [0, 1])
def test_weights_that_changed_under_a_run_stop_it_where_it_needs_them(
    catalog: Catalog, tmp_path: Path, views: int
) -> None:
    """The checkpoint holds all weights; but outputs of frozen layers may have to be computed again."""
    for folder, seed in (("one", 1), ("other", 2)):
        run(catalog, tmp_path / folder, SETTINGS.model_copy(update={"epochs": 1, "seed": seed}))
    changes = {"weights": str(tmp_path / "one"), "epochs": 1, "mode": "probe", "views": views, "cache_dir": tmp_path}
    later = SETTINGS.model_copy(update=changes)
    began = run(catalog, tmp_path / "later", later)
    shutil.rmtree(tmp_path / "one")
    (tmp_path / "other").rename(tmp_path / "one")
    if views:
        with pytest.raises(ConfigError, match="one does not hold the weights it began with"):
            run(catalog, tmp_path / "later", later, resume=True)
    else:
        assert run(catalog, tmp_path / "later", later, resume=True)["weights_digest"] == began["weights_digest"]


def test_a_run_of_before_there_were_digests_goes_on(catalog: Catalog, finished, tmp_path: Path) -> None:
    earlier, _, _ = finished
    later = SETTINGS.model_copy(update={"weights": str(earlier), "epochs": 1, "mode": "probe"})
    run(catalog, tmp_path / "later", later)
    info = json.loads((tmp_path / "later" / "run.json").read_text())
    del info["weights_digest"]
    (tmp_path / "later" / "run.json").write_text(json.dumps(info))
    assert run(catalog, tmp_path / "later", later, resume=True)["status"] == "finished"


def test_resuming_what_never_was_says_so(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a training run"):
        run(catalog, tmp_path / "none", SETTINGS, resume=True)


def test_small_leaves_are_left_out_and_counted(tmp_path: Path) -> None:
    catalog = striped_catalog(tmp_path / "c.catalog", split=False)
    products, leaves = (catalog.products[name].to_pylist() for name in ("product_id", "category_id"))
    parts = ["val" if n // 4 % 4 == 3 or (leaf == "mug" and n) else "train" for n, leaf in enumerate(leaves)]
    catalog.write_table("splits", pa.table({"product_id": products, "part": parts}))
    info = run(catalog, tmp_path / "run", SETTINGS.model_copy(update={"epochs": 1, "min_products": 2}))
    assert info["left_out"] == {"mug": 1}
    assert "mug" not in info["train_counts"]


def test_a_catalog_without_val_cannot_choose_an_epoch(tmp_path: Path) -> None:
    catalog = striped_catalog(tmp_path / "c.catalog", split=False)
    products = catalog.products["product_id"].to_pylist()
    catalog.write_table("splits", pa.table({"product_id": products, "part": ["train"] * len(products)}))
    with pytest.raises(ConfigError, match="no part 'val'"):
        run(catalog, tmp_path / "run", SETTINGS)
    info = run(catalog, tmp_path / "run", SETTINGS.model_copy(update={"keep": "last", "epochs": 1}))
    assert info["best"] is None
    assert load_run(tmp_path / "run").taxonomy == catalog.taxonomy


def test_an_unsplit_catalog_says_what_to_do(tmp_path: Path) -> None:
    catalog = striped_catalog(tmp_path / "c.catalog", split=False)
    with pytest.raises(CatalogError, match="run `catalens split` first"):
        run(catalog, tmp_path / "run", SETTINGS)


def test_a_val_part_of_other_categories_is_an_error(tmp_path: Path) -> None:
    catalog = striped_catalog(tmp_path / "c.catalog", split=False)
    products, leaves = (catalog.products[name].to_pylist() for name in ("product_id", "category_id"))
    parts = ["val" if leaf == "sofa" else "train" for leaf in leaves]
    catalog.write_table("splits", pa.table({"product_id": products, "part": parts}))
    with pytest.raises(CatalogError, match="no photo of part 'val' is in one of the 3 categories"):
        run(catalog, tmp_path / "run", SETTINGS)

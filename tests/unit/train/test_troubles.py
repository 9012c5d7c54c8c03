"""What goes wrong in training, and what a person is told then."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from tests.builders.catalogs import striped_catalog

from catalens.core.catalog import Catalog
from catalens.core.errors import ConfigError, TrainingError
from catalens.train import faults
from catalens.train.checkpoint import load_run
from catalens.train.model import Classifier
from catalens.train.run import run
from catalens.train.settings import TrainSettings
from catalens.train.trainer import DurableCheckpoints

SETTINGS = TrainSettings(
    model="lightweight_cnn", size=32, epochs=2, batch=8, workers=0, augment="none", tracking="none", cache="none"
)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory) -> Catalog:
    return striped_catalog(tmp_path_factory.mktemp("troubles") / "striped.catalog")


def split_by(catalog: Catalog, part_of) -> None:
    """`part_of(leaf, number within the leaf) -> part`."""
    products, leaves = (catalog.products[name].to_pylist() for name in ("product_id", "category_id"))
    seen: dict[str, int] = {}
    parts = []
    for leaf in leaves:
        parts.append(part_of(leaf, seen.setdefault(leaf, 0)))
        seen[leaf] += 1
    catalog.write_table("splits", pa.table({"product_id": products, "part": parts}))


def test_a_loss_that_is_no_number_stops_the_run_with_advice(catalog: Catalog, tmp_path: Path) -> None:
    wild = SETTINGS.model_copy(update={"lr": 1e30, "ema": 0.0, "warmup_epochs": 0.0, "optimizer": "adam", "epochs": 4})
    with pytest.raises(TrainingError, match=r"the loss became (nan|inf) in epoch \d, batch \d+.*train.lr=1e\+29"):
        run(catalog, tmp_path / "run", wild)


def test_a_run_that_diverged_keeps_its_last_good_epoch(catalog: Catalog, tmp_path: Path, monkeypatch) -> None:
    forward, calls = Classifier.forward, []

    def diverging(self, pixels):
        logits, *rest = forward(self, pixels)
        calls.append(self.training)
        return (logits * float("nan") if self.training and sum(calls) > 4 else logits, *rest)

    monkeypatch.setattr(Classifier, "forward", diverging)
    with pytest.raises(TrainingError, match=r"the loss became nan in epoch 2, batch"):
        run(catalog, tmp_path / "run", SETTINGS.model_copy(update={"batch": 12}))
    kept = load_run(tmp_path / "run", "last").model
    assert all(torch.isfinite(value).all() for value in kept.state_dict().values())


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:115] DefaultCPUAllocator: can't allocate memory: 8 bytes"),
        MemoryError(),
    ],
    ids=["gpu", "cpu", "python"],
)
def test_no_memory_is_answered_with_a_smaller_batch(catalog: Catalog, tmp_path: Path, monkeypatch, error) -> None:
    def hungry(self, pixels):
        raise error

    monkeypatch.setattr(Classifier, "forward", hungry)
    with pytest.raises(TrainingError, match=r"batches of 8.*--batch 4 --set train.accumulate=2"):
        run(catalog, tmp_path / "run", SETTINGS)


def test_other_errors_pass_as_they_are() -> None:
    assert not faults.is_out_of_memory(RuntimeError("shapes do not fit"))
    with pytest.raises(RuntimeError, match="shapes"), faults.explained(Path("run"), batch=8, accumulate=1):
        raise RuntimeError("shapes do not fit")
    with pytest.raises(PermissionError), faults.explained(Path("run"), batch=8, accumulate=1):
        raise PermissionError(errno.EACCES, "denied")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_says_what_to_do_and_the_run_goes_on_when_there_is_room(catalog: Catalog, tmp_path: Path) -> None:
    disturbed = tmp_path / "disturbed"
    checkpoints = disturbed / "checkpoints"
    checkpoints.mkdir(parents=True)
    os.symlink("/dev/full", checkpoints / "last.ckpt.partial")
    with pytest.raises(TrainingError, match=r"no room on the disk.*make room, then go on with --resume"):
        run(catalog, disturbed, SETTINGS)
    assert not (checkpoints / "last.ckpt").exists()
    assert run(catalog, disturbed, SETTINGS, resume=True)["epochs"] == 2


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    DurableCheckpoints().save_checkpoint({"epoch": 1}, path)

    class Unwritable:
        def __reduce__(self):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=r"No space left"):
        DurableCheckpoints().save_checkpoint({"epoch": 2, "state": Unwritable()}, path)
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    assert [found.name for found in tmp_path.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"class_weights": "balanced"},
        {"sampling": "balanced"},
        {"loss": "logit_adjusted"},
        {"loss": "focal"},
        {"tail": "auto"},
    ],
    ids=["plain", "weights", "oversampling", "adjusted", "focal", "tail"],
)
def test_a_class_with_one_photo_and_a_class_absent_from_val(tmp_path: Path, changes) -> None:
    catalog = striped_catalog(tmp_path / "c.catalog", split=False)
    split_by(
        catalog,
        lambda leaf, number: (
            ("train" if number == 0 else "test")
            if leaf == "mug"
            else "val"
            if number < 2 and leaf != "sofa"
            else "train"
        ),
    )
    info = run(catalog, tmp_path / "run", SETTINGS.model_copy(update={"epochs": 3, **changes}))
    assert info["train_counts"]["mug"] == 1
    assert 0 <= info["best"]["val_top1"] <= 1
    assert len(load_run(tmp_path / "run").taxonomy.leaves) == 4


def test_sixteen_bits_need_a_gpu(catalog: Catalog, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ConfigError, match="16-bit floats need a GPU"):
        run(catalog, tmp_path / "run", SETTINGS.model_copy(update={"precision": "16"}))


@pytest.mark.parametrize(
    "changes",
    [
        {"precision": "bf16"},
        {"channels_last": False},
        {"accumulate": 2, "clip": 0.5},
        {"batch": "auto"},
        {"sizes": (16, 32)},
        {"cache": "memory"},
        {"window": 4},
        {"mixup": 0.2, "cutmix": 1.0, "erasing": 0.5, "schedule": "constant", "layer_decay": 0.7},
    ],
    ids=["bf16", "contiguous", "accumulated", "auto batch", "growing", "cached", "streamed", "mixed"],
)
def test_every_way_of_running_learns(catalog: Catalog, tmp_path: Path, changes) -> None:
    chosen = SETTINGS.model_copy(update={"epochs": 3, "ema": 0.0, **changes})
    run(catalog, tmp_path / "run", chosen)
    rows = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    losses = [float(row.split(",")[1]) for row in rows[1:]]
    assert losses[-1] < losses[0]


def test_mixing_and_computing_once_exclude_each_other(catalog: Catalog, tmp_path: Path) -> None:
    chosen = SETTINGS.model_copy(update={"mode": "probe", "views": 2, "mixup": 0.2})
    with pytest.raises(ConfigError, match=r"photos that are mixed cannot be computed once"):
        run(catalog, tmp_path / "run", chosen)

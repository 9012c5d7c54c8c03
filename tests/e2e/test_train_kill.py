"""`kill -9` in the middle of training: nothing lives on, and the resumed run is the run."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from tests.builders.catalogs import striped_catalog

EPOCHS = 8


def train(catalog: Path, run: Path, *more: str) -> subprocess.Popen[bytes]:
    settings = ["--model", "lightweight_cnn", "--size", "32", "--epochs", str(EPOCHS), "--batch", "8"]
    command = [sys.executable, "-m", "catalens", "train", str(catalog), str(run), *settings, *more]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})


def wait_for(what, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not what():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)


def losses(run: Path) -> list[list[float]]:
    rows = csv.DictReader((run / "metrics.csv").open())
    return [[float(row[name]) for name in ("epoch", "train_loss", "val_loss", "lr")] for row in rows]


def test_a_killed_run_resumes_exactly_and_leaves_no_worker(tmp_path: Path) -> None:
    catalog = tmp_path / "striped.catalog"
    striped_catalog(catalog)
    assert train(catalog, tmp_path / "whole").wait(120) == 0

    killed = train(catalog, tmp_path / "killed")
    metrics = tmp_path / "killed" / "metrics.csv"
    wait_for(lambda: metrics.exists() and metrics.read_text().count("\n") > 3, killed)
    workers = psutil.Process(killed.pid).children(recursive=True)
    assert workers, "photos are decoded by worker processes"
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    _, alive = psutil.wait_procs(workers, timeout=3)
    assert not alive

    before = len(losses(tmp_path / "killed"))
    assert 3 <= before < EPOCHS
    assert train(catalog, tmp_path / "killed", "--resume").wait(120) == 0
    for whole, resumed in zip(losses(tmp_path / "whole"), losses(tmp_path / "killed"), strict=True):
        assert resumed == pytest.approx(whole, abs=1e-4)


def test_a_run_killed_in_mid_epoch_goes_on_with_the_next_batch(tmp_path: Path) -> None:
    """One long epoch of many batches, with a checkpoint after each: what is resumed cannot be an epoch's beginning."""
    catalog, few = tmp_path / "striped.catalog", ["--epochs", "2", "--batch", "2", "--set", "train.mixup=0.2"]
    striped_catalog(catalog)
    often = ["--set", "train.checkpoint_s=1e-6", "--set", "train.workers=0"]
    assert train(catalog, tmp_path / "whole", *few, *often).wait(120) == 0

    last = tmp_path / "killed" / "checkpoints" / "last.ckpt"
    killed = train(catalog, tmp_path / "killed", *few, *often)
    places: list[list[int]] = []

    def in_mid_epoch() -> bool:
        if last.exists():
            places.append(torch.load(last, weights_only=True)["place"])
        return bool(places) and places[-1][0] == 0 and places[-1][1] >= 2

    wait_for(in_mid_epoch, killed)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    epoch, batches = torch.load(last, weights_only=True)["place"]
    if (epoch, batches) >= (1, 0):
        pytest.skip("the epoch was over before the kill arrived")
    assert 2 <= batches < 12
    assert train(catalog, tmp_path / "killed", *few, *often, "--resume").wait(120) == 0
    assert losses(tmp_path / "killed") == [pytest.approx(row, abs=1e-4) for row in losses(tmp_path / "whole")]
    whole, resumed = (
        torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for name in ("whole", "killed")
    )
    assert all(torch.allclose(whole[key], resumed[key], atol=1e-4) for key in whole)


def test_two_processes_have_the_loss_of_one(tmp_path: Path) -> None:
    """A network without batch norm: its statistics would be of half a batch in each process."""
    catalog = tmp_path / "striped.catalog"
    striped_catalog(catalog)
    few = ["--model", "vit_tiny_patch16_224", "--epochs", "2", "--set", "train.workers=0", "--set", "train.dropout=0"]
    one = train(catalog, tmp_path / "one", *few)
    two = train(catalog, tmp_path / "two", *few, "--devices", "2")
    assert one.wait(200) == 0
    assert two.wait(200) == 0
    assert losses(tmp_path / "two") == [pytest.approx(row, abs=2e-3) for row in losses(tmp_path / "one")]
    assert json.loads((tmp_path / "two" / "run.json").read_text())["status"] == "finished"

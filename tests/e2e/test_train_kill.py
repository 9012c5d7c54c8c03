"""`kill -9` in the middle of training: nothing lives on, and the resumed run is the run."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tests.builders.catalogs import striped_catalog

EPOCHS = 8


def train(catalog: Path, run: Path, *more: str) -> subprocess.Popen[bytes]:
    settings = ["--model", "lightweight_cnn", "--size", "32", "--epochs", str(EPOCHS), "--batch", "8"]
    command = [sys.executable, "-m", "catalens", "train", str(catalog), str(run), *settings, *more]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})


def losses(run: Path) -> list[list[float]]:
    rows = csv.DictReader((run / "metrics.csv").open())
    return [[float(row[name]) for name in ("epoch", "train_loss", "val_loss", "lr")] for row in rows]


def test_a_killed_run_resumes_exactly_and_leaves_no_worker(tmp_path: Path) -> None:
    catalog = tmp_path / "striped.catalog"
    striped_catalog(catalog)
    assert train(catalog, tmp_path / "whole").wait(120) == 0

    killed = train(catalog, tmp_path / "killed")
    metrics = tmp_path / "killed" / "metrics.csv"
    deadline = time.monotonic() + 120
    while not (metrics.exists() and metrics.read_text().count("\n") > 3):
        assert time.monotonic() < deadline
        assert killed.poll() is None
        time.sleep(0.01)
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

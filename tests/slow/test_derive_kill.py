"""`kill -9` at random moments of a sample of a real catalog: what is there is the old one or the new one, whole."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.builders.shops import assert_whole

from catalens.core.catalog import Catalog
from catalens.curate.ingest import run
from catalens.curate.sources import IngestSettings


@pytest.mark.timeout(600)
def test_a_sample_that_is_killed_leaves_nothing_by_half(real_data: Path, tmp_path: Path) -> None:
    run(real_data / "fashion", tmp_path / "a.catalog", IngestSettings())
    out = tmp_path / "b.catalog"

    def command(seed: int) -> list[str]:
        words = f"-m catalens sample {tmp_path / 'a.catalog'} {out} --products 15000 --seed {seed} --overwrite --json"
        return [sys.executable, *words.split()]

    started = time.monotonic()
    done = subprocess.run(command(0), check=True, capture_output=True, text=True)
    whole = time.monotonic() - started
    generator, killed = random.Random(0), 0
    for seed in range(1, 11):
        process = subprocess.Popen(command(seed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=generator.uniform(0.3, whole))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
        # between two renames the old one has another name, from where the next run puts it back
        assert_whole(Catalog(out if out.exists() else tmp_path / ".b.catalog.old"))
    assert killed >= 3
    again = subprocess.run(command(0), check=True, capture_output=True, text=True)
    assert json.loads(again.stdout)["digest"] == json.loads(done.stdout)["digest"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.catalog", "b.catalog"]

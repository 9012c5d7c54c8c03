"""`kill -9` at random moments of a real ingest (benchmarks/ingest_kill.py with fewer kills)."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.bson_dump import write_dump
from benchmarks.ingest_kill import measure


@pytest.mark.timeout(600)
def test_a_killed_fashion_ingest_ends_with_the_same_digest(real_data: Path, tmp_path: Path) -> None:
    killed(real_data / "fashion", tmp_path)


@pytest.mark.timeout(600)
def test_a_killed_bson_ingest_ends_with_the_same_digest(tmp_path: Path) -> None:
    killed(write_dump(tmp_path / "dump", megabytes=100), tmp_path)


def killed(source: Path, folder: Path) -> None:
    outcome = measure(source, folder, kills=3, seed=1)
    assert all(done["same"] for done in outcome["rounds"])
    assert outcome["same"]
    assert any("sealed" in done["left"] for done in outcome["rounds"])

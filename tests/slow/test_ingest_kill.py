"""`kill -9` at random moments of a real ingest (benchmarks/ingest_kill.py with fewer kills)."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.ingest_kill import measure


@pytest.mark.timeout(600)
def test_a_killed_fashion_ingest_ends_with_the_same_digest(real_data: Path, tmp_path: Path) -> None:
    outcome = measure(real_data / "fashion", tmp_path, kills=3, seed=1)
    assert all(done["same"] for done in outcome["rounds"])
    assert outcome["same"]
    assert any("sealed" in done["left"] for done in outcome["rounds"])

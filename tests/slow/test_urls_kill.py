"""`kill -9` at random moments of an ingest from URLs (benchmarks/urls_kill.py with fewer kills)."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.urls_kill import CONNECTIONS, measure


@pytest.mark.timeout(600)
def test_a_killed_ingest_from_urls_ends_with_the_same_digest(tmp_path: Path) -> None:
    outcome = measure(tmp_path, photos=200, kills=3, seed=1)
    assert outcome["same"]
    assert outcome["whole"]
    assert outcome["twice"] <= CONNECTIONS
    assert any(done["fetched"] for done in outcome["rounds"])

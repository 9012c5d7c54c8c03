from __future__ import annotations

from pathlib import Path
from threading import Timer

import pytest

from catalens.core.lock import lock


def test_one_at_a_time_and_what_is_in_the_file_stays(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    path = tmp_path / "lines.csv"
    path.write_bytes(b"first\n")
    held = lock(path)
    assert held is not None
    assert lock(path) is None
    held.write(b"second\n")
    held.close()
    assert path.read_bytes() == b"first\nsecond\n"
    again = lock(path)
    assert again is not None
    again.close()


def test_waiting_ends_when_the_other_lets_go(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    path = tmp_path / "lines.csv"
    first = lock(path)
    assert first is not None
    Timer(0.2, first.close).start()
    second = lock(path, wait=True)
    assert second is not None
    assert first.closed
    second.close()

from __future__ import annotations

import errno
import tracemalloc

import pytest

from catalens.core.seen import SeenIds


def test_what_was_added_is_there_and_nothing_else() -> None:
    with SeenIds() as seen:
        assert seen.add("a")
        assert not seen.add("a")
        for text in ("A", "a ", "\0", "é", "e\u0301", "10", "1e1", "\udcff"):
            assert text not in seen
            assert seen.add(text)
            assert text in seen
        assert len(seen) == 9


def test_ids_do_not_stay_in_memory() -> None:
    tracemalloc.start()
    with SeenIds() as seen:
        for number in range(20_000):
            seen.add(f"product {number}")
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(seen) == 20_000
    assert held < 100_000  # a set of them takes two million bytes


def test_a_full_disk_is_an_error_of_the_system() -> None:
    with SeenIds() as seen:
        seen._ids.execute("PRAGMA max_page_count = 2")
        with pytest.raises(OSError, match="temporary files has no room") as caught:
            [seen.add(f"product {number}") for number in range(2000)]
        assert caught.value.errno == errno.ENOSPC

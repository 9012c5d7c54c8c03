"""Threads that work ahead: in order, bounded, and quiet once nobody listens."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from catalens.predict.ahead import ahead


def test_results_come_in_order_whatever_finishes_first() -> None:
    def work(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        return number * number

    assert list(ahead(work, range(40), threads=4, window=7)) == [number * number for number in range(40)]


def test_no_more_than_the_window_is_taken_from_the_source() -> None:
    taken = 0

    def source() -> Iterator[int]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield number

    results = ahead(lambda number: number, source(), threads=2, window=5)
    for seen in range(1, 11):
        next(results)
        assert taken <= seen + 5
    results.close()
    assert taken <= 16


def test_an_error_is_raised_at_its_turn_and_stops_the_rest() -> None:
    started: list[int] = []

    def work(number: int) -> int:
        started.append(number)
        if number == 3:
            raise ValueError("three")
        return number

    results = ahead(work, range(1000), threads=1, window=4)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert max(started) < 20


def test_it_leaves_no_thread_behind() -> None:
    assert list(ahead(lambda number: number, range(3), threads=3)) == [0, 1, 2]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]

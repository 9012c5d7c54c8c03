"""Photos are checked in threads and worker processes: the same verdicts in the same order, in bounded memory."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
from collections.abc import Iterator
from functools import partial

import psutil
import pytest
from tests.builders.damage import damaged
from tests.builders.dumps import BAD, photo

from catalens.core.errors import ImageError, SourceError
from catalens.core.image import decode, inspect
from catalens.curate.making import check, verdicts
from catalens.curate.making.check import CheckedRow, checked
from catalens.curate.making.verdicts import Judges, Sound, judge
from catalens.curate.sources.protocol import IngestSettings, Item, Note, Photo, Row, Unusable


def opened(data: bytes, log: list[int] | None = None) -> io.BytesIO:
    if log is not None:
        log.append(len(data))
    return io.BytesIO(data)


def row(number: int, *pictures: bytes, sized: bool = True) -> Row:
    photos = [
        Photo(f"{number}-{place}", partial(opened, data), len(data) if sized else None)
        for place, data in enumerate(pictures)
    ]
    return Row(str(number), tuple(photos), (f"row {number}",))


def mixed(count: int, *, sized: bool = True) -> Iterator[tuple[int, Item]]:
    """Rows of 0 to 3 photos, good and bad, with notes and rows set aside between."""
    for number in range(count):
        kinds = [photo(number), BAD, photo(number + 1), photo(number)]
        item: Item = row(number, *kinds[: number % 4], sized=sized)
        if number % 7 == 0:
            item = Note(f"row {number}", "hidden folder")
        if number % 11 == 0:
            item = Unusable(f"row {number}", "broken row")
        yield number + 1, item


def told(settings: IngestSettings, items: Iterator[tuple[int, Item]]) -> list[str]:
    return [
        f"{cursor} {[(good.name, good.image_id, good.info, len(good.data)) for good in item.photos]} {item.notes}"
        if isinstance(item, CheckedRow)
        else f"{cursor} {item}"
        for cursor, item in checked(items, settings)
    ]


@pytest.mark.parametrize("sized", [True, False], ids=["sizes known", "sizes unknown"])
def test_threads_and_processes_say_the_same_in_the_same_order(monkeypatch: pytest.MonkeyPatch, sized: bool) -> None:
    alone = told(IngestSettings(threads=1, workers=1), mixed(120, sized=sized))
    assert len(alone) == 120
    monkeypatch.setattr(verdicts, "FEW_PHOTOS", 10)
    monkeypatch.setattr(check, "GROUP_BYTES", 2000)
    assert told(IngestSettings(threads=3, workers=2), mixed(120, sized=sized)) == alone


def test_photos_are_read_ahead_but_not_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "GROUP_BYTES", 1000)
    given: list[int] = []

    def endless() -> Iterator[tuple[int, Item]]:
        for number in range(10**9):
            given.append(number)
            yield number, row(number, photo(number))

    items = checked(endless(), IngestSettings(threads=2, workers=1))
    for _ in range(50):
        next(items)
    rows_a_group = -(-1000 // len(photo(1)))
    assert len(given) <= 50 + rows_a_group * 6  # 2 threads, 2 groups each, one being filled and one being given
    items.close()


def test_a_worker_that_is_killed_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "FEW_PHOTOS", 0)
    with Judges(2, 10**6) as judges:
        assert isinstance(judges([("a", photo(1))])[0], Sound)
        for worker in multiprocessing.active_children():
            os.kill(worker.pid or 0, signal.SIGKILL)
        with pytest.raises(SourceError, match=r"was ended from outside.*ingest\.workers=1"):
            [judges([("a", photo(1))]) for _ in range(100)]  # it is noticed a little later


def test_workers_end_with_the_ingest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "FEW_PHOTOS", 0)
    before = {child.pid for child in psutil.Process().children()}
    items = checked(mixed(50), IngestSettings(workers=2))
    next(items)
    items.close()
    left = [child for child in psutil.Process().children() if child.pid not in before]
    assert ["spawn_main" in " ".join(child.cmdline()) for child in left].count(True) == 0


def test_large_photos_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[str] = []

    class Turn:
        def __enter__(self) -> None:
            turns.append("taken")

        def __exit__(self, *error: object) -> None:
            turns.append("given back")

    monkeypatch.setattr(verdicts, "_turn", Turn())
    monkeypatch.setattr(verdicts, "LIGHT_PIXELS", 100)
    small, large, refused = photo(1, size=(10, 10)), photo(1, size=(11, 10)), photo(1, size=(50, 50))
    kinds = [type(verdict).__name__ for verdict in judge([("s", small), ("l", large), ("r", refused)], 2000)]
    assert kinds == ["Sound", "Sound", "Faulty"]
    assert turns == ["taken", "given back"] * 2


def test_the_quick_check_finds_what_full_decoding_finds() -> None:
    """`inspect` decodes a JPEG at an eighth of its size: all of its coded data is read, so nothing is missed."""

    def works(look: object, data: bytes) -> bool:
        try:
            look(data)
        except ImageError:
            return False
        return True

    outcomes = [(works(inspect, data), works(decode, data)) for data in damaged(400, seed=5)]
    assert {quick for quick, _ in outcomes} == {True, False}
    assert [quick for quick, _ in outcomes] == [full for _, full in outcomes]
    whole = photo(1, size=(180, 180))
    assert not any(works(inspect, whole[:length]) for length in range(0, len(whole) - 2, 7))

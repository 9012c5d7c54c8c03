"""Squares are decoded once: what is kept is what `Preprocess.square` gives, whole, wherever it lies."""

from __future__ import annotations

import errno
import gc
import multiprocessing
import os
import pickle
import signal
import weakref
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.builders.catalogs import striped_catalog

from catalens.core.errors import ConfigError, ImageError
from catalens.core.preprocess import Preprocess
from catalens.core.shards import ShardReader
from catalens.train import rowfile, squares
from catalens.train.augment import Augment
from catalens.train.batches import InOrder, loader
from catalens.train.dataset import PhotoDataset, photos_of
from catalens.train.rowfile import RowFile
from catalens.train.run import run
from catalens.train.settings import TrainSettings
from catalens.train.squares import open_squares

PREPROCESS = Preprocess(size=32)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    catalog = striped_catalog(tmp_path_factory.mktemp("train") / "striped.catalog")
    return photos_of(catalog, "train", catalog.taxonomy)


def settings(folder: Path, **changes: object) -> TrainSettings:
    return TrainSettings.model_validate({"size": 32, "cache_dir": folder, **changes})


def on_disk(path: Path, rows: int = 6) -> RowFile:
    return RowFile.on_disk(path, rows, (5, 3), "uint8")


def row_of(number: int) -> np.ndarray:
    return np.full((5, 3), number + 1, np.uint8)


@pytest.mark.parametrize("cache", ["memory", "disk"])
@pytest.mark.parametrize("workers", [0, 2])
def test_kept_squares_change_nothing(photos, tmp_path: Path, cache: str, workers: int) -> None:
    (kept,) = open_squares([photos], PREPROCESS, settings(tmp_path, cache=cache))
    assert kept is not None
    augment = Augment("light", 32, seed=1)
    cached = PhotoDataset(photos, PREPROCESS, augment, kept)
    order = InOrder(len(photos), 8)
    for _ in range(2):
        plain = loader(PhotoDataset(photos, PREPROCESS, augment), order, workers=0)
        for expected, got in zip(plain, loader(cached, order, workers=workers), strict=True):
            assert all(torch.equal(a, b) for a, b in zip(expected, got, strict=True))
    assert len(kept.missing()) == 0, "workers fill what this process sees"
    for photo in range(len(photos)):
        data = photos.reader.read(photos.shards[photo], photos.rows[photo])
        assert np.array_equal(kept.get(photo), PREPROCESS.square(data))


def test_kept_squares_are_not_decoded_again(photos, tmp_path: Path, monkeypatch) -> None:
    for _ in range(2):  # the second as a later run: nothing but the file is left
        (kept,) = open_squares([photos], PREPROCESS, settings(tmp_path, cache="disk"))
        dataset = PhotoDataset(photos, PREPROCESS, None, kept)
        pixels = [dataset[0, photo][0] for photo in range(len(photos))]
        monkeypatch.setattr(Preprocess, "square", None)
    assert len(pixels) == len(photos)


@pytest.mark.parametrize(("cache", "workers"), [("memory", 0), ("disk", 0), ("memory", 2)])
def test_what_comes_after_training_decodes_nothing_again(tmp_path: Path, monkeypatch, cache: str, workers: int) -> None:
    """Of this process; workers that are forked write what they decode into `log`."""
    log, square = tmp_path / "decoded.txt", Preprocess.square

    def counted(self: Preprocess, data: bytes, *, source: str) -> np.ndarray:
        with log.open("a") as file:
            file.write(f"{source}\n")
        return square(self, data, source=source)

    monkeypatch.setattr(Preprocess, "square", counted)
    catalog = striped_catalog(tmp_path / "shop.catalog", products=32)
    changes = {"model": "lightweight_cnn", "epochs": 2, "batch": 8, "workers": workers, "cache": cache, "tail": "crt"}
    run(catalog, tmp_path / "run", settings(tmp_path, **changes, tracking="none"))
    decoded = Counter(log.read_text().splitlines())
    assert len(decoded) == sum(catalog.images_of(part).num_rows for part in ("train", "val"))
    assert set(decoded.values()) == {1}


def test_squares_that_nobody_reads_any_more_are_given_back(tmp_path: Path, monkeypatch) -> None:
    from lightning import Trainer  # not above: a spawned process would import it before catalens.train prepares it

    kept: list[weakref.ref[RowFile]] = []
    in_memory, fit = RowFile.in_memory, Trainer.fit

    def noted(*form: object) -> RowFile:
        file = in_memory(*form)
        kept.append(weakref.ref(file))
        return file

    def looked(trainer: Trainer, *inputs: object, **more: object) -> None:
        gc.collect()
        assert [file() for file in kept] == [None, None]
        fit(trainer, *inputs, **more)

    monkeypatch.setattr(RowFile, "in_memory", noted)
    monkeypatch.setattr(Trainer, "fit", looked)
    catalog = striped_catalog(tmp_path / "shop.catalog", products=32)
    changes = {"model": "lightweight_cnn", "epochs": 1, "batch": 8, "workers": 0, "mode": "probe", "views": 1}
    run(catalog, tmp_path / "run", settings(tmp_path, **changes, tracking="none"))
    assert len(kept) == 2


@pytest.mark.parametrize(
    ("changes", "shared"),
    [({}, True), ({"mean": (0.5, 0.5, 0.5)}, True), ({"resize": "crop"}, False), ({"size": 40}, False)],
    ids=["same", "another network's mean", "cropped", "larger"],
)
def test_a_file_is_known_by_what_the_pixels_follow_from(photos, tmp_path: Path, changes, shared: bool) -> None:
    for preprocess in (PREPROCESS, Preprocess(**{"size": 32, **changes})):
        open_squares([photos], preprocess, settings(tmp_path, cache="disk"))
    assert len(list((tmp_path / "squares").glob("*.rows"))) == (1 if shared else 2)


@pytest.mark.parametrize(
    ("changes", "free_memory", "found"),
    [
        ({}, 1 << 40, "memory"),
        ({"devices": 2}, 1 << 40, "disk"),
        ({"cache_gb": 1e-6}, 1 << 40, "disk"),
        ({}, 1000, "disk"),
        ({"cache": "none"}, 1 << 40, "none"),
    ],
    ids=["fits", "two processes", "beyond cache_gb", "memory is short", "none"],
)
def test_where_squares_are_kept(photos, tmp_path: Path, monkeypatch, changes, free_memory, found) -> None:
    monkeypatch.setattr(squares, "free_memory", lambda: free_memory)
    kept = open_squares([photos, photos], PREPROCESS, settings(tmp_path, **changes))
    assert [file is None for file in kept] == [found == "none"] * 2
    assert (tmp_path / "squares").exists() == (found == "disk")


def test_auto_goes_on_without_a_cache_where_there_is_no_room(photos, tmp_path: Path, monkeypatch) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(rowfile.os, "posix_fallocate", full)
    said: list[str] = []
    assert open_squares([photos], PREPROCESS, settings(tmp_path, cache_gb=1e-6), say=said.append) == (None,)
    assert "No space left" in said[-1]
    with pytest.raises(ConfigError, match=r"disk is full.*train\.cache_dir"):
        open_squares([photos], PREPROCESS, settings(tmp_path, cache="disk"))
    assert not list((tmp_path / "squares").iterdir()), "nothing is left of a file that could not be made"


def test_memory_that_is_not_there_is_said_before_it_is_taken(photos, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(squares, "free_memory", lambda: 1000)
    with pytest.raises(ConfigError, match=r"free memory.*train\.cache=disk"):
        open_squares([photos], PREPROCESS, settings(tmp_path, cache="memory"))


def test_a_disk_that_becomes_full_costs_only_time(photos, tmp_path: Path, monkeypatch) -> None:
    (kept,) = open_squares([photos], PREPROCESS, settings(tmp_path, cache="disk"))

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(rowfile.os, "pwrite", full)
    first, again = (PhotoDataset(photos, PREPROCESS, None, kept)[0, 3][0] for _ in range(2))
    assert torch.equal(first, again)
    assert 3 in kept.missing()


class Broken(ShardReader):
    def read(self, shard: str, row: int) -> bytes:
        return b"no photo"


def test_unreadable_photos_raise_as_without_a_cache(photos, tmp_path: Path) -> None:
    photos = replace(photos, reader=Broken(tmp_path))
    (kept,) = open_squares([photos], PREPROCESS, settings(tmp_path, cache="memory"))
    for cache in (None, kept, kept):
        with pytest.raises(ImageError, match="no photo"):
            PhotoDataset(photos, PREPROCESS, None, cache)[0, 0]


def test_only_whole_rows_count(tmp_path: Path) -> None:
    path = tmp_path / "a.rows"
    file = on_disk(path)
    for row in (0, 2, 5):
        file.put(row, row_of(row))
    with path.open("r+b") as raw:
        raw.seek(4096 + 2 * 15 + 7)
        raw.write(b"\xff")  # a row that a power cut left half written
    assert on_disk(path).missing().tolist() == [1, 2, 3, 4]
    assert np.array_equal(on_disk(path).get(5), row_of(5))


def test_a_file_that_was_cut_short_is_completed(tmp_path: Path) -> None:
    path = tmp_path / "a.rows"
    file = on_disk(path)
    for row in range(6):
        file.put(row, row_of(row))
    os.truncate(path, 4096 + 40)
    assert on_disk(path).missing().tolist() == [2, 3, 4, 5]


def test_rows_of_another_form_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected rows of uint8 \[5, 3\], got float64 \[5, 3\]"):
        on_disk(tmp_path / "a.rows").put(0, np.zeros((5, 3)))


def fill(file: RowFile) -> None:
    for row in range(len(file)):
        file.put(row, row_of(row))


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_processes_share_memory(way: str) -> None:
    file = RowFile.in_memory(6, (5, 3), "uint8")
    process = multiprocessing.get_context(way).Process(target=fill, args=(file,))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert all(np.array_equal(file.get(row), row_of(row)) for row in range(6))


def test_two_runs_at_once_write_the_same_file(tmp_path: Path) -> None:
    files = [on_disk(tmp_path / "a.rows") for _ in range(2)]
    processes = [multiprocessing.get_context("fork").Process(target=fill, args=(file,)) for file in files]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert all(np.array_equal(file.get(row), row_of(row)) for file in files for row in range(6))


def killed_in_call(file: RowFile, call: int) -> None:
    """Fill, but die with a write that got only half way."""
    write, calls = os.pwrite, iter(range(100))

    def torn(handle: int, data: memoryview, offset: int) -> int:
        if next(calls) == call:
            write(handle, data[: len(data) // 2], offset)
            os.kill(os.getpid(), signal.SIGKILL)
        return write(handle, data, offset)

    rowfile.os.pwrite = torn
    fill(file)


@pytest.mark.parametrize("call", [4, 5], ids=["in a row", "in a checksum"])
def test_a_kill_leaves_nothing_that_is_taken_for_whole(tmp_path: Path, call: int) -> None:
    path = tmp_path / "a.rows"
    process = multiprocessing.get_context("fork").Process(target=killed_in_call, args=(on_disk(path), call))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert on_disk(path).missing().tolist() == [2, 3, 4, 5]
    fill(on_disk(path))
    assert all(np.array_equal(on_disk(path).get(row), row_of(row)) for row in range(6))


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="elsewhere it is a file that is removed at the end")
def test_memory_has_no_name_that_could_stay(monkeypatch) -> None:
    monkeypatch.setattr(os, "open", None)
    file = RowFile.in_memory(6, (5, 3), "uint8")
    fill(file)
    monkeypatch.undo()
    assert np.array_equal(pickle.loads(pickle.dumps(file)).get(4), row_of(4))


def test_free_memory_is_in_bytes() -> None:
    assert 10**8 < squares.free_memory() < 10**14

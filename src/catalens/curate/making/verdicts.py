"""What the bytes of photos are: good ones with their hash and size, others with the cause; in worker processes.

Threads are not enough: Pillow lets go of the interpreter only while it decodes, and for a small photo that is a third
of the work.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from catalens.core.errors import ImageError, ImageTooLarge, SourceError
from catalens.core.image import PhotoInfo, inspect
from catalens.core.shards import image_id
from catalens.core.workers import SPAWN, worker_pool

FEW_PHOTOS = 1000  # are decoded here sooner than processes have started
LIGHT_PIXELS = 20_000_000  # larger photos, of up to a gigabyte while they are decoded, take turns

_turn: AbstractContextManager[Any] = threading.Lock()  # in a worker, one that all workers share


@dataclass(frozen=True, slots=True)
class Sound:
    """A photo that decodes: the sha256 of its bytes, and what `inspect` said."""

    image_id: str
    info: PhotoInfo


@dataclass(frozen=True, slots=True)
class Faulty:
    """A photo that does not."""

    cause: str
    detail: str


Verdict = Sound | Faulty


def judge(photos: Sequence[tuple[str, bytes]], max_pixels: int) -> list[Verdict]:
    """(name, bytes) of some photos -> what each is, in order."""
    return [_judge(name, data, max_pixels) for name, data in photos]


def faulty(error: ImageError) -> Faulty:
    return Faulty("photo too large" if isinstance(error, ImageTooLarge) else "unreadable photo", error.message)


class Judges:
    """`judge` for many threads: the first photos here, then in worker processes.  A context that ends them."""

    def __init__(self, workers: int, max_pixels: int) -> None:
        self._workers, self._max_pixels = workers, max_pixels
        self._pool: ProcessPoolExecutor | None = None
        self._photos = 0
        self._starting = threading.Lock()

    def __enter__(self) -> Judges:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def __call__(self, photos: Sequence[tuple[str, bytes]]) -> list[Verdict]:
        """Raises SourceError if a worker process was ended from outside."""
        with self._starting:
            self._photos += len(photos)
            if self._pool is None and self._workers > 1 and self._photos > FEW_PHOTOS:
                self._pool = worker_pool(self._workers, _take_turns_by, SPAWN.Lock())
        if self._pool is None:
            return judge(photos, self._max_pixels)
        try:
            return self._pool.submit(judge, photos, self._max_pixels).result()
        except BrokenProcessPool:
            what = "a process that decodes photos was ended from outside; is the memory too small?"
            advice = "what was read is kept: run it again, with --set ingest.workers=1 to need less"
            raise SourceError(f"{what} {advice}") from None


def _judge(name: str, data: bytes, max_pixels: int) -> Verdict:
    try:
        return Sound(image_id(data), _inspect(name, data, max_pixels))
    except ImageError as error:
        return faulty(error)


def _inspect(name: str, data: bytes, max_pixels: int) -> PhotoInfo:
    """`inspect`, one large photo at a time: its declared size is known before a pixel is decoded."""
    if max_pixels > LIGHT_PIXELS:
        try:
            return inspect(data, source=name, max_pixels=LIGHT_PIXELS)
        except ImageTooLarge:
            with _turn:
                try:
                    return inspect(data, source=name, max_pixels=max_pixels)
                finally:
                    _give_back()
    return inspect(data, source=name, max_pixels=max_pixels)


def _give_back() -> None:
    """Let the system have what was freed: glibc keeps it for each thread, after a few large photos gigabytes of it."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # not in other C libraries
        if trim is not None:
            trim(0)


def _take_turns_by(lock: AbstractContextManager[Any]) -> None:
    global _turn
    _turn = lock

"""A stretch of a file that is read as if it were a file of its own, by many threads at once."""

from __future__ import annotations

import io
from threading import Lock
from typing import BinaryIO, cast


class Window(io.RawIOBase):
    """`size` bytes of `file` from `start` on; `lock` is held while the file stands where this window reads."""

    def __init__(self, file: BinaryIO, lock: Lock, start: int, size: int) -> None:
        self._file, self._lock = file, lock
        self._start, self._size, self._at = start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        wanted = max(0, min(len(buffer), self._size - self._at))
        with self._lock:
            self._file.seek(self._start + self._at)
            data = self._file.read(wanted)
        if len(data) < wanted:
            raise EOFError(f"the file ends {wanted - len(data):,} bytes early")
        buffer[:wanted] = data
        self._at += wanted
        return wanted


def window(file: BinaryIO, lock: Lock, start: int, size: int) -> BinaryIO:
    """A buffered `Window`."""
    return cast(BinaryIO, io.BufferedReader(Window(file, lock, start, size)))

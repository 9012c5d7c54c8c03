"""A file of rows of one form, filled in any order by any number of processes, in memory or on disk.

Decoded squares and the outputs of frozen layers lie in it.  A row counts only if its checksum fits, so that what a
kill, a power cut or another run left half written is made again, never taken for whole.
"""

from __future__ import annotations

import errno
import mmap
import os
import tempfile
import weakref
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from catalens.core.cache import touch

Array = npt.NDArray[Any]


class RowFile:
    """`rows` arrays of one `form` and `dtype`: checksums uint32 [rows], then the values [rows, *form].

    Reading maps the file.  Writing does not: on a disk that is full it raises OSError, where a map would end the
    process.  Forked and spawned workers share what they write.
    """

    def __init__(self, path: str, handle: int, rows: int, form: Sequence[int], dtype: npt.DTypeLike) -> None:
        self._path, self._handle = path, handle
        self._rows, self._form, self._dtype = rows, tuple(form), np.dtype(dtype)
        start = _start(rows)
        self._map = mmap.mmap(handle, size_of(rows, form, dtype))
        self._sums = np.frombuffer(self._map, np.uint32, rows)
        self._values = np.frombuffer(self._map, self._dtype, rows * int(np.prod(form)), start).reshape(rows, *form)
        self._sums.flags.writeable = self._values.flags.writeable = False
        # rows whose checksum was looked at: shared with processes that are forked later
        self._checked = np.frombuffer(mmap.mmap(-1, rows), np.uint8)
        weakref.finalize(self, os.close, handle)

    @classmethod
    def on_disk(cls, path: Path, rows: int, form: Sequence[int], dtype: npt.DTypeLike) -> RowFile:
        """Open the file, or make it, with all the space it needs.  Raises OSError (ENOSPC where the disk is full)."""
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        before = os.fstat(handle).st_size
        try:
            _reserve(handle, size_of(rows, form, dtype), path)
            touch(path)
            return cls(str(path), handle, rows, form, dtype)
        except BaseException:
            os.close(handle)
            if not before:
                path.unlink(missing_ok=True)
            raise

    @classmethod
    def in_memory(cls, rows: int, form: Sequence[int], dtype: npt.DTypeLike) -> RowFile:
        """Memory that workers share.  On Linux it has no name, so that nothing of it can stay behind."""
        if hasattr(os, "memfd_create"):
            handle = os.memfd_create("catalens")
            path = f"/proc/{os.getpid()}/fd/{handle}"  # by which a spawned worker finds it
            os.truncate(handle, size_of(rows, form, dtype))
            return cls(path, handle, rows, form, dtype)
        handle, path = tempfile.mkstemp(prefix="catalens-")
        os.truncate(handle, size_of(rows, form, dtype))
        made = cls(path, handle, rows, form, dtype)
        weakref.finalize(made, Path(path).unlink, missing_ok=True)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self._path, self._rows, self._form, self._dtype.str)

    def __len__(self) -> int:
        return self._rows

    def get(self, row: int) -> Array | None:
        """The values of a row, read-only, or None if they were not written yet, or not to their end."""
        if not self._checked[row]:
            if not self._sums[row] or _checksum(self._values[row]) != self._sums[row]:
                return None
            self._checked[row] = 1
        return self._values[row]

    def put(self, row: int, values: Array) -> None:
        """Write a row.  Processes that write the same row at once have to write the same values.  Raises OSError."""
        if values.shape != self._form or values.dtype != self._dtype:
            expected = f"{self._dtype} {list(self._form)}"
            raise ValueError(f"expected rows of {expected}, got {values.dtype} {list(values.shape)}")
        values = np.ascontiguousarray(values)
        self._write(values.data.cast("B"), _start(self._rows) + row * values.nbytes)
        self._write(np.uint32(_checksum(values)).tobytes(), 4 * row)

    def missing(self) -> npt.NDArray[np.int64]:
        """The rows that are still to be written, int64 [...]."""
        return np.array([row for row in range(self._rows) if self.get(row) is None], np.int64)

    def flush(self) -> None:
        """Wait until what was written is on the disk."""
        os.fsync(self._handle)

    def _write(self, data: bytes | memoryview, offset: int) -> None:
        if not hasattr(os, "pwrite"):  # Windows
            self._map[offset : offset + len(data)] = data
            return
        while len(data):
            written = os.pwrite(self._handle, data, offset)
            data, offset = data[written:], offset + written


def size_of(rows: int, form: Sequence[int], dtype: npt.DTypeLike) -> int:
    """Bytes of a file of so many rows."""
    return _start(rows) + rows * int(np.prod(form)) * np.dtype(dtype).itemsize


def _start(rows: int) -> int:
    """Where the values begin: at a whole page behind the checksums."""
    return -(-4 * rows // 4096) * 4096


def _checksum(values: Array) -> int:
    """crc32, never 0, which stands for a row that was not written."""
    return zlib.crc32(values.data.cast("B")) or 1


def _reserve(handle: int, size: int, path: Path) -> None:
    """Take the space now, so that a full disk is said before the training rather than in its middle."""
    taken = os.fstat(handle)
    free = os.statvfs(path.parent).f_bavail * os.statvfs(path.parent).f_frsize if hasattr(os, "statvfs") else size
    if size - getattr(taken, "st_blocks", 0) * 512 > free:
        raise OSError(errno.ENOSPC, f"{size / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free", str(path))
    if taken.st_size < size:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle, 0, size)
        else:
            os.truncate(handle, size)


def _reopened(path: str, rows: int, form: Sequence[int], dtype: str) -> RowFile:
    handle = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    return RowFile(path, handle, rows, form, dtype)

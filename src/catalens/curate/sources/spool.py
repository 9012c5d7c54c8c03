"""Bytes put aside on disk, so that memory stays bounded; and disk, too."""

from __future__ import annotations

import tempfile
from functools import partial
from threading import Lock
from typing import BinaryIO, cast

from catalens.core.errors import SourceError
from catalens.curate.sources.protocol import Photo
from catalens.curate.sources.window import window

SMALL, LARGEST_RATIO = 4 * 2**30, 200  # bytes that are always allowed, and by how much an archive may grow


def nameless_file() -> BinaryIO:
    """A temporary file that has no name: however the process ends, even by `kill -9`, the system takes it back."""
    return cast(BinaryIO, tempfile.TemporaryFile(prefix="catalens-"))


def is_bomb(unpacked: int, packed: int) -> bool:
    """Whether bytes grow by more than those of photos and tables do, to more than any disk should be asked for."""
    return unpacked > max(SMALL, LARGEST_RATIO * packed)


def no_room(error: OSError, source: str) -> SourceError:
    """What is said when a temporary file cannot be written."""
    where = tempfile.gettempdir()
    return SourceError(
        f"cannot put its bytes aside in {where} ({error.strerror}); set TMPDIR to a larger disk", source=source
    )


class Spool:
    """Photos whose bytes were met before they are needed."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._file: BinaryIO | None = None
        self._lock = Lock()

    def keep(self, name: str, data: bytes) -> Photo:
        """A photo whose bytes are on disk.  Raises SourceError if there is no room."""
        try:
            with self._lock:
                self._file = self._file or nameless_file()
                start = self._file.seek(0, 2)
                self._file.write(data)
        except OSError as error:
            raise no_room(error, self._source) from None
        return Photo(name, partial(window, self._file, self._lock, start, len(data)), len(data))

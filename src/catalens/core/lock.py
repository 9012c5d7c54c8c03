"""A file or a folder that one process writes to at a time."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows: two processes that write the same are not noticed there
    fcntl = None  # type: ignore[assignment]

LOCK_NAME = "lock"  # of the file by which one process keeps others out of a folder


def lock(path: Path, *, wait: bool = False) -> BinaryIO | None:
    """The file, made if it is missing and open for appending; None if another process has it and `wait` is false.

    Closing it lets it go; the system does so when the process ends, however it ends.
    """
    file = path.open("ab")
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """A context in which one process at a time is with a folder.  Raises BlockingIOError if another one is.

    Where the file system has no locks nobody is kept out.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(errno.EWOULDBLOCK, "another process is writing it now", str(folder)) from None
        except OSError:
            pass
        yield
    finally:
        os.close(handle)

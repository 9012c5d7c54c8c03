"""A folder that one process writes to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalens.core.errors import SourceError
from catalens.core.lock import LOCK_NAME, lock


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Make a folder and keep others out.

    Raises SourceError if another process is in it, or if there can be no such folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = lock(folder / LOCK_NAME)
    except OSError as error:
        raise SourceError(f"no folder to fetch into ({error.strerror})", source=str(folder)) from None
    if file is None:
        message = "another process is fetching into this folder; wait for it, or choose another folder"
        raise SourceError(message, source=str(folder))
    with file:
        yield

"""A folder that one process writes to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalens.core.errors import SourceError

try:
    import fcntl
except ImportError:  # Windows: two processes that fetch into one folder are not noticed there
    fcntl = None  # type: ignore[assignment]

LOCK = "lock"


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Make a folder and keep others out; the system lets it go when the process ends, however it ends.

    Raises SourceError if another process is in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("ab") as file:
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            message = "another process is fetching into this folder; wait for it, or choose another folder"
            raise SourceError(message, source=str(folder)) from None
        yield

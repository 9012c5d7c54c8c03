"""The ids met so far, however many: seven million strings would take a gigabyte as a set."""

from __future__ import annotations

import errno
import sqlite3
from types import TracebackType

CACHE_KB = 65_536  # of pages in memory; the rest is in a temporary file that ends with the process


class SeenIds:
    """A set of strings of bounded memory, exact.  For one thread at a time; a context that gives its file back."""

    def __init__(self) -> None:
        # no name: a file of SQLite's own, which no other process sees and no kill leaves behind
        self._ids = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE_KB}"):
            self._ids.execute(f"PRAGMA {setting}")
        self._ids.execute("CREATE TABLE seen (id BLOB PRIMARY KEY) WITHOUT ROWID")
        self._ids.execute("BEGIN")
        self._count = 0

    def __enter__(self) -> SeenIds:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ids.close()

    def __len__(self) -> int:
        return self._count

    def __contains__(self, text: str) -> bool:
        return self._ids.execute("SELECT 1 FROM seen WHERE id = ?", (_key(text),)).fetchone() is not None

    def add(self, text: str) -> bool:
        """False if it was there already.  Raises OSError where the temporary file has no room."""
        try:
            added = self._ids.execute("INSERT OR IGNORE INTO seen VALUES (?)", (_key(text),)).rowcount == 1
        except sqlite3.OperationalError as error:
            raise OSError(errno.ENOSPC, f"the folder for temporary files has no room ({error})") from None
        self._count += added
        return added


def _key(text: str) -> bytes:
    """Bytes, so that equal means equal: no collation, no trouble with halves of surrogate pairs."""
    return text.encode("utf-8", "surrogatepass")

"""What providers have answered, kept so that nothing is asked, or paid for, twice."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from catalens.core.errors import SourceError

KEYS = ("provider", "from", "to", "text", "name")


class TranslationCache:
    """A file of JSON lines, appended to after every answer and flushed to the disk.

    Each line: `provider`, `from`, `to` (languages), `text`, `name` (its translation).  A last line that was cut by a
    kill is dropped.  Of two lines about the same, the later one holds.
    """

    def __init__(self, path: Path) -> None:
        """Raises SourceError if the file cannot be read, naming the row, or could not be written."""
        self.path = path
        self._names: dict[tuple[str, str, str, str], str] = {}
        self._latest: dict[tuple[str, str, str], tuple[str, str]] = {}  # (name, provider), whoever it was
        self._cut_at: int | None = None  # where a line begins that a kill cut short
        self._read = 0  # bytes the file had
        if not path.parent.is_dir():  # before anything is asked and paid for
            raise SourceError("there is no such folder for the cache", source=str(path.parent))
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise SourceError(f"cannot be read ({error.strerror})", source=str(path)) from None
        self._read = len(content)
        lines = content.splitlines(keepends=True)
        if lines and not lines[-1].endswith(b"\n"):
            self._cut_at = len(content) - len(lines.pop())
        for number, line in enumerate(lines, start=1):
            self._take(_parsed(line, path, number))

    def find(self, text: str, *, provider: str | None, source: str, target: str) -> tuple[str, str] | None:
        """(name, who gave it) by a provider; by any, the latest, where `provider` is None."""
        if provider is None:
            return self._latest.get((source, target, text))
        name = self._names.get((provider, source, target, text))
        return None if name is None else (name, provider)

    def add(self, names: Iterable[tuple[str, str]], *, provider: str, source: str, target: str) -> None:
        """Append (text, name) pairs; they are on the disk when this returns."""
        rows = [dict(zip(KEYS, (provider, source, target, *pair), strict=True)) for pair in names]
        if not rows:
            return
        data = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
        with self.path.open("ab") as file:
            if self._cut_at is not None and file.tell() == self._read:  # else another run was writing it just then
                file.truncate(self._cut_at)
            self._cut_at = None
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        for row in rows:
            self._take(row)

    def _take(self, row: dict[str, str]) -> None:
        provider, source, target, text, name = (row[key] for key in KEYS)
        self._names[provider, source, target, text] = name
        self._latest[source, target, text] = (name, provider)


def _parsed(line: bytes, path: Path, number: int) -> dict[str, str]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict) or not all(_is_text(row.get(key)) for key in KEYS):
        message = f"expected a JSON object with {', '.join(KEYS)}; delete the line, or the file to ask anew"
        raise SourceError(message, source=str(path), row=number)
    return row


def _is_text(value: object) -> bool:
    """Not empty, nor half a pair of characters, which JSON can hold and UTF-8 cannot."""
    return isinstance(value, str) and bool(value.strip()) and not any("\ud800" <= sign <= "\udfff" for sign in value)

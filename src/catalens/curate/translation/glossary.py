"""The glossary of `catalens taxonomy translate`: translations that a person chose, which win over everything."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from catalens.core.durable import replacing
from catalens.core.errors import SourceError
from catalens.curate.sources.lines import UTF8
from catalens.curate.sources.records import header, records, text
from catalens.curate.translators.answers import plain

COLUMNS = ("category_id", "source", "target")


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: `target` is the name of category `category_id`, or ("") of every category called `source`."""

    row: int
    category_id: str
    source: str
    target: str

    def fits(self, name: str) -> bool:
        """Whether the row is about a category of that name; a row with an id alone is about it whatever its name."""
        return not self.source or _folded(self.source) == _folded(name)


@dataclass(frozen=True)
class Glossary:
    """Rows by id and by name.  `used` collects the rows that were about something."""

    by_id: dict[str, Entry] = field(default_factory=dict)
    by_name: dict[str, Entry] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)

    def find(self, category_id: str, name: str) -> str | None:
        """The name for a category that is called `name`; a row with its id comes before one with its name alone."""
        for entry in (self.by_id.get(category_id), self.by_name.get(_folded(name))):
            if entry is not None and entry.fits(name):
                self.used.add(entry.row)
                return entry.target
        return None

    @property
    def unused(self) -> tuple[Entry, ...]:
        """Rows that no category was found for: a slip of the pen, or a name that has changed."""
        entries = (*self.by_id.values(), *self.by_name.values())
        return tuple(sorted((entry for entry in entries if entry.row not in self.used), key=lambda entry: entry.row))


def read_glossary(path: Path, encoding: str = UTF8) -> Glossary:
    """A table with the columns source and target, and perhaps category_id, where two categories share a name.

    Capitals and forms of accents make no difference in `source`; a row without a target says nothing; other columns
    are not read.  Raises SourceError naming the row.
    """
    columns = header(path, encoding)
    if "target" not in columns or not {"source", "category_id"} & set(columns):
        raise SourceError(
            f"expected columns source and target, and perhaps category_id, got {', '.join(columns) or 'none'}",
            source=str(path),
        )
    glossary = Glossary()
    for number, cells in records(path, encoding):
        if isinstance(cells, str):
            raise SourceError(cells, source=str(path), row=number)
        category_id, source, target = (plain(text(cells.get(name))) for name in COLUMNS)
        if not target:
            continue
        if not category_id and not source:
            raise SourceError("has a target, but neither source nor category_id", source=str(path), row=number)
        place, key = (glossary.by_id, category_id) if category_id else (glossary.by_name, _folded(source))
        entry = place.setdefault(key, Entry(number, category_id, source, target))
        if entry.target != target:
            message = f"translates {source or category_id!r} to {target!r}, row {entry.row:,} to {entry.target!r}"
            raise SourceError(message, source=str(path), row=number, key=key)
    return glossary


def write_glossary(path: Path, rows: Sequence[tuple[str, str, str, str]]) -> None:
    """(category id, name, translation or "", where it is from) as a file to look through and to give back."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*COLUMNS, "origin"))
        writer.writerows(rows)


def _folded(name: str) -> str:
    return plain(name).casefold()

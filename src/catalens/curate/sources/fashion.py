"""Kaggle "Fashion Product Images": styles.csv, and photos in images/ or in images.zip, which is read in place."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import ClassVar

from catalens.core.errors import SourceError
from catalens.curate.sources.files import DumpPath
from catalens.curate.sources.lines import text_file
from catalens.curate.sources.photos import PhotoFiles, archive_of, archived_photos, fingerprint
from catalens.curate.sources.protocol import IngestSettings, Item, Note, Row, Unusable, numbered

TABLE, PHOTOS = "styles.csv", "images"
LEVELS = ("masterCategory", "subCategory", "articleType")
FREE_TEXT = "productDisplayName"  # the Kaggle file does not quote it, though it holds commas


class FashionSource:
    """A row is a product with one photo, named by the row's id.

    Columns that are not levels are attributes; "NA" is a value.
    """

    looks_for: ClassVar[str] = "a folder with styles.csv and images/ or images.zip"
    uses: ClassVar[frozenset[str]] = frozenset({"encoding"})

    def __init__(self, path: DumpPath, settings: IngestSettings) -> None:
        self.table = path / TABLE
        self.encoding = settings.encoding
        archive, folder = archive_of(path, PHOTOS), path / PHOTOS
        if not self.table.is_file() or not (archive or folder.is_dir()):
            raise SourceError(f"expected {self.looks_for}", source=str(path))
        beside = archive if archive and not folder.is_dir() else None
        self.photos = archived_photos(beside, self.encoding) if beside else PhotoFiles(folder)
        self._where = beside.name if beside else f"{PHOTOS}/"
        self.level_names = LEVELS
        self.taxonomy = None
        self.fingerprint = fingerprint([self.table, beside] if beside else [self.table])
        with self.table.open("rb") as file:
            self.total = max(0, sum(1 for line in file if line.strip()) - 1)
        self.remarks = (f"photos from {self._where}",)

    @staticmethod
    def fits(path: DumpPath) -> bool:
        return (path / TABLE).is_file() and ((path / PHOTOS).is_dir() or archive_of(path, PHOTOS) is not None)

    def read(self, cursor: int) -> Iterator[tuple[int, Item]]:
        return numbered(self._items(), cursor)

    def _items(self) -> Iterator[Item]:
        named: set[str] = set()
        for row, fields in self._rows():
            place = f"{TABLE}: row {row}"
            if isinstance(fields, str):
                yield Unusable(place, "wrong number of columns", fields)
                continue
            identity = fields.pop("id")
            path = tuple(fields.pop(level) for level in LEVELS)
            photo = self.photos.find(identity) if identity else None
            if not identity:
                yield Unusable(place, "no product id")
            elif photo is None:
                yield Unusable(place, "no photo", f"{self._where} has no photo {identity}", identity)
            elif not all(path):
                yield Unusable(place, "gap in the category", " > ".join(path), identity)
            else:
                named.add(photo.name)
                yield Row(identity, (photo,), (place,), category=path, attributes=fields)
        yield from self.photos.notes
        for name in self.photos.names():
            if name not in named:
                yield Note(name, "photo without a row", f"{TABLE} has no row that could be used with this id")

    def _rows(self) -> Iterator[tuple[int, dict[str, str] | str]]:
        """(row number from 1, {column: value} or what is wrong).

        A line is a row, so a stray quote cannot swallow the rest of the file.
        """
        with text_file(self.table, self.encoding) as file:
            header = next(csv.reader([next(file, "")]), [])
            missing = {"id", *LEVELS} - set(header)
            if missing:
                message = f"expected columns id, {', '.join(LEVELS)}; missing {sorted(missing)}"
                raise SourceError(message, source=str(self.table))
            free = header.index(FREE_TEXT) if FREE_TEXT in header else len(header) - 1
            lines = (line for line in file if line.strip())
            for number, line in enumerate(lines, start=1):
                cells = next(csv.reader([line]))
                surplus = len(cells) - len(header)
                if surplus > 0:
                    cells[free : free + surplus + 1] = [",".join(cells[free : free + surplus + 1])]
                if surplus < 0:
                    yield number, f"expected {len(header)} columns, got {len(cells)}: {line.strip()[:80]}"
                else:
                    yield number, dict(zip(header, cells, strict=True))

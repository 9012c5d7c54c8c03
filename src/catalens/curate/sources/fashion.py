"""Kaggle "Fashion Product Images": styles.csv, and photos in images/ or in images.zip, which is read in place."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from catalens.core.errors import SourceError
from catalens.curate.sources.lines import text_file
from catalens.curate.sources.photos import FolderPhotos, ZipPhotos, fingerprint
from catalens.curate.sources.protocol import IngestSettings, Item, Note, Row, Unusable, numbered

TABLE = "styles.csv"
LEVELS = ("masterCategory", "subCategory", "articleType")
FREE_TEXT = "productDisplayName"  # the Kaggle file does not quote it, though it holds commas


class FashionSource:
    """A row is a product with one photo, named by the row's id.

    Columns that are not levels are attributes; "NA" is a value.
    """

    looks_for: ClassVar[str] = "a folder with styles.csv and images/ or images.zip"
    uses: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, path: Path, settings: IngestSettings) -> None:
        self.table = path / TABLE
        archive, folder = path / "images.zip", path / "images"
        if not self.table.is_file() or not (archive.is_file() or folder.is_dir()):
            raise SourceError(f"expected {self.looks_for}", source=str(path))
        self.photos = FolderPhotos(folder) if folder.is_dir() else ZipPhotos(archive)
        self._where = "images/" if folder.is_dir() else "images.zip"
        self.level_names = LEVELS
        self.taxonomy = None
        self.fingerprint = fingerprint([self.table] if folder.is_dir() else [self.table, archive])
        with self.table.open("rb") as file:
            self.total = max(0, sum(1 for line in file if line.strip()) - 1)
        self.remarks = (f"photos from {self._where}",)

    @staticmethod
    def fits(path: Path) -> bool:
        return (path / TABLE).is_file() and ((path / "images").is_dir() or (path / "images.zip").is_file())

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
        for name in self.photos.names():
            if name not in named:
                yield Note(name, "photo without a row", f"{TABLE} has no row that could be used with this id")

    def _rows(self) -> Iterator[tuple[int, dict[str, str] | str]]:
        """(row number from 1, {column: value} or what is wrong).

        A line is a row, so a stray quote cannot swallow the rest of the file.
        """
        with text_file(self.table) as file:
            header = next(csv.reader([file.readline()]), [])
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

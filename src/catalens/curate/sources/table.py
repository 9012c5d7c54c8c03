"""A table with photo paths: several photos in a row, several rows of a product, categories in one column or one a level.

Rows of one product need not stand together.  A first pass counts the rows of every product id; the second gives a product when its last
row has come.  What is held meanwhile are ids, and the cells of products whose rows have begun but not ended: never a photo's bytes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from catalens.core.errors import SourceError
from catalens.curate.sources.columns import find_columns, recognise_images
from catalens.curate.sources.given import given_part
from catalens.curate.sources.listed import read_taxonomy
from catalens.curate.sources.photos import FolderPhotos, ZipPhotos, fingerprint
from catalens.curate.sources.protocol import IngestSettings, Item, Note, Photo, Row, Unusable, numbered
from catalens.curate.sources.records import EXTENSIONS, Record, header, records, text


class TableSource:
    """A row, or the rows with the same product id, is a product.  Photos are found beside the table, in images/ or in images.zip."""

    looks_for: ClassVar[str] = (
        f"a table ({', '.join(EXTENSIONS)}) with a column of photo paths, or a folder with one such table"
    )
    uses: ClassVar[frozenset[str]] = frozenset(
        {"taxonomy", "image", "product_id", "category", "category_separator", "seller", "group", "split"}
    )

    def __init__(self, path: Path, settings: IngestSettings) -> None:
        self.table = _the_table(path, settings)
        self.columns = find_columns(header(self.table), settings, str(self.table))
        self.separator = settings.category_separator
        archive = self.table.parent / "images.zip"
        zipped = archive.is_file() and not (self.table.parent / "images").is_dir()
        self.photos = ZipPhotos(archive) if zipped else FolderPhotos(self.table.parent)
        self.taxonomy = read_taxonomy(settings.taxonomy) if settings.taxonomy else None
        self.level_names = self.columns.category if len(self.columns.category) > 1 else ()
        self.total = None
        listed = [settings.taxonomy] if settings.taxonomy else []
        self.fingerprint = fingerprint([self.table, *([archive] if zipped else []), *listed])
        self.remarks = self.columns.remarks

    @staticmethod
    def fits(path: Path) -> bool:
        if path.is_dir():
            return bool(tables_with_photos(path))
        return path.suffix.lower() in EXTENSIONS

    def read(self, cursor: int) -> Iterator[tuple[int, Item]]:
        return numbered(self._items(), cursor)

    def _items(self) -> Iterator[Item]:
        left = self._rows_of_products()
        begun: dict[str, list[Row]] = {}
        for number, record in records(self.table):
            place = f"{self.table.name}: row {number}"
            item = Unusable(place, "broken row", record) if isinstance(record, str) else self._row(record, place)
            if isinstance(record, str) or self.columns.product_id is None:
                yield item
                continue
            product = text(record.get(self.columns.product_id))
            left[product] -= 1
            if isinstance(item, Row):
                begun.setdefault(product, []).append(item)
            else:
                yield item
            if not left[product]:
                del left[product]
                yield from merge(begun.pop(product, []))

    def _rows_of_products(self) -> Counter[str]:
        column = self.columns.product_id
        if column is None:
            return Counter()
        return Counter(text(record.get(column)) for _, record in records(self.table) if not isinstance(record, str))

    def _row(self, record: Record, place: str) -> Row | Unusable:
        columns = self.columns
        references = [reference for column in columns.image for reference in _references(record.get(column))]
        product = text(record.get(columns.product_id)) if columns.product_id else next(iter(references), "")
        if not product:
            return Unusable(place, "no product id" if columns.product_id else "no photo", "the cell is empty")
        category = self._category(record)
        if category is not None and not all(category):
            return Unusable(place, "gap in the category", " > ".join(category), product)
        photos, notes = self._find(references, place, product)
        if not photos:
            missing = "; ".join(note.detail for note in notes) or f"{', '.join(columns.image)}: the cell is empty"
            return Unusable(place, "no photo", missing, product)
        return Row(
            product,
            photos,
            (place,),
            category=None if self.taxonomy else category,
            category_id=category[-1] if self.taxonomy and category else None,
            seller=text(record.get(columns.seller)) or None,
            group=text(record.get(columns.group)) or None,
            attributes={name: text(record.get(name)) for name in columns.attributes if text(record.get(name))},
            given_split=given_part(text(record.get(columns.split))) if columns.split else None,
            notes=notes,
        )

    def _category(self, record: Record) -> tuple[str, ...] | None:
        """The path of names, without empty ends; an empty name that is left is a gap."""
        if len(self.columns.category) == 1:
            cell = record.get(self.columns.category[0])
            names = [text(name) for name in cell] if isinstance(cell, list) else [text(cell)]
            if len(names) == 1 and self.separator:
                names = [name.strip() for name in names[0].split(self.separator)]
        else:
            names = [text(record.get(column)) for column in self.columns.category]
        while names and not names[-1]:
            names.pop()
        return tuple(names) or None

    def _find(self, references: list[str], place: str, product: str) -> tuple[tuple[Photo, ...], tuple[Note, ...]]:
        photos, notes = [], []
        for reference in references:
            photo = None if "://" in reference else self.photos.find(reference)
            if photo is not None:
                photos.append(photo)
            else:
                advice = "is a URL: fetch it first" if "://" in reference else "is not there"
                notes.append(Note(place, "photo not found", f"{reference} {advice}", product))
        return tuple(photos), tuple(notes)


def merge(rows: list[Row]) -> Iterator[Item]:
    """The rows of one product -> one product, or all of them set aside where they contradict each other."""
    if len(rows) < 2:
        yield from rows
        return
    for name in ("category", "category_id", "seller", "group", "given_split"):
        values = sorted({str(value) for row in rows if (value := getattr(row, name)) is not None})
        if len(values) > 1:
            cause = (
                "contradictory category" if name.startswith("category") else f"contradictory {name.replace('_', ' ')}"
            )
            for row in rows:
                yield Unusable(row.places[0], cause, f"its rows say {' and '.join(values[:3])}", row.product_id)
            return
    first = rows[0]
    yield replace(
        first,
        photos=tuple(photo for row in rows for photo in row.photos),
        places=tuple(place for row in rows for place in row.places),
        attributes={key: value for row in reversed(rows) for key, value in row.attributes.items()},
        notes=tuple(note for row in rows for note in row.notes),
        **{
            name: next((value for row in rows if (value := getattr(row, name)) is not None), None)
            for name in ("category", "category_id", "seller", "group", "given_split")
        },
    )


def tables_with_photos(folder: Path) -> list[Path]:
    """The tables directly in a folder that have a column of photo paths by its usual names."""
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in EXTENSIONS and file.is_file())
    found = []
    for file in files:
        try:
            if recognise_images(header(file)):
                found.append(file)
        except SourceError:
            continue  # not a table after all; naming it as the source says why
    return found


def _the_table(path: Path, settings: IngestSettings) -> Path:
    if not path.is_dir():
        return path
    tables = tables_with_photos(path)
    if settings.image:
        tables = [file for file in sorted(path.iterdir()) if file.suffix.lower() in EXTENSIONS]
        tables = [file for file in tables if set(settings.image) <= set(header(file))]
    if len(tables) != 1:
        found = ", ".join(file.name for file in tables) or "none"
        raise SourceError(
            f"expected one table with a column of photo paths, got {found}; name the file", source=str(path)
        )
    return tables[0]


def _references(cell: Any) -> list[str]:
    """The photo paths in a cell: a list, a JSON list, or text with "|" between paths."""
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        try:
            cell = json.loads(cell)
        except ValueError:
            cell = [cell]
    parts = cell if isinstance(cell, list) else text(cell).split("|")
    return [text(part) for part in parts if text(part)]

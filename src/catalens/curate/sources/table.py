"""A table with photo paths: several photos in a row, several rows of a product, a category in one column or several.

Rows of one product need not stand together.  A first pass counts the rows of every product id; the second gives a
product when its last row has come.  What is held meanwhile are the ids, and the cells of products whose rows have begun
but not ended: never a photo's bytes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from catalens.core.errors import SourceError
from catalens.curate.sources.columns import find_columns, recognise_images
from catalens.curate.sources.given import given_part
from catalens.curate.sources.listed import read_taxonomy
from catalens.curate.sources.merge import merge
from catalens.curate.sources.photos import FolderPhotos, ZipPhotos, fingerprint
from catalens.curate.sources.protocol import IngestSettings, Item, Note, Photo, Row, Unusable, numbered, storable
from catalens.curate.sources.records import EXTENSIONS, Record, header, records, text


class TableSource:
    """A row, or the rows with the same product id, is a product.

    Photos are found beside the table, in images/ or in images.zip.
    """

    looks_for: ClassVar[str] = f"a table ({', '.join(EXTENSIONS)}) with a column of photo paths, or a folder with one"
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
            if isinstance(record, str):
                yield Unusable(place, "broken row", record)
                continue
            item = self._row(record, place)
            if self.columns.product_id is None:
                yield from merge([item]) if isinstance(item, Row) else [item]
                continue
            product = _cell(record, self.columns.product_id)
            left[product] -= 1
            if isinstance(item, Row):
                begun.setdefault(product, []).append(item)
            else:
                yield item
            if not left[product]:
                del left[product]
                if product in begun:
                    yield from merge(begun.pop(product))

    def _rows_of_products(self) -> Counter[str]:
        column = self.columns.product_id
        if column is None:
            return Counter()
        return Counter(_cell(record, column) for _, record in records(self.table) if not isinstance(record, str))

    def _row(self, record: Record, place: str) -> Row | Unusable:
        columns = self.columns
        references = [reference for column in columns.image for reference in _references(record.get(column))]
        product = _cell(record, columns.product_id) if columns.product_id else next(iter(references), "")
        if not product:
            return Unusable(place, "no product id" if columns.product_id else "no photo", "the cell is empty")
        category = self._category(record)
        if category is not None and not all(category):
            return Unusable(place, "gap in the category", " > ".join(category), product)
        photos, notes = self._find(references, place, product)
        if not photos:
            missing = "; ".join(note.detail for note in notes) or f"{', '.join(columns.image)}: the cell is empty"
            return Unusable(place, "no photo", missing, product)
        attributes = {storable(name): text(cell) for name, cell in record.items() if name and name not in columns.used}
        return Row(
            product,
            photos,
            (place,),
            category=None if self.taxonomy else category,
            category_id=category[-1] if self.taxonomy and category else None,
            seller=_cell(record, columns.seller) or None,
            group=_cell(record, columns.group) or None,
            attributes={name: value for name, value in attributes.items() if value},
            given_split=given_part(_cell(record, columns.split)),
            notes=notes,
        )

    def _category(self, record: Record) -> tuple[str, ...] | None:
        """The path of names, without empty ends; an empty name that is left is a gap."""
        cells = [record.get(column) for column in self.columns.category]
        if len(cells) == 1 and isinstance(cells[0], list):
            cells = cells[0]
        names = [text(cell) for cell in cells]
        if len(names) == 1 and self.separator:
            names = [name.strip() for name in names[0].split(self.separator)]
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
                why = "is a URL: fetch it first" if "://" in reference else "is not there, or fits several files"
                notes.append(Note(place, "photo not found", f"{reference} {why}", product))
        return tuple(photos), tuple(notes)


def tables_with_photos(folder: Path) -> list[Path]:
    """The tables directly in a folder that have a column of photo paths by its usual names.

    Raises SourceError if one cannot be read: to pass it over would make a folder of photos out of a dump.
    """
    return [file for file in _tables(folder) if recognise_images(header(file))]


def _the_table(path: Path, settings: IngestSettings) -> Path:
    if not path.is_dir():
        return path
    tables = _tables(path)
    if len(tables) > 1:
        told = set(settings.image)
        tables = [file for file in tables if told <= set(header(file))] if told else tables_with_photos(path)
    if len(tables) != 1:
        found = ", ".join(file.name for file in tables) or "none"
        message = f"expected one table with a column of photo paths, got {found}; name the file"
        raise SourceError(message, source=str(path))
    return tables[0]


def _tables(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in EXTENSIONS and file.is_file())


def _cell(record: Record, column: str | None) -> str:
    return text(record.get(column)) if column is not None else ""


def _references(cell: Any) -> list[str]:
    """The photo paths in a cell: a list, a JSON list, or text with "|" between paths."""
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        try:
            cell = json.loads(cell)
        except ValueError:
            cell = [cell]
    parts = cell if isinstance(cell, list) else text(cell).split("|")
    return [text(part) for part in parts if text(part)]

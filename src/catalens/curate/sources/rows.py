"""From the rows of tables to products: several photos in a row, several rows of a product, a category of levels.

Rows of one product need not stand together.  A first pass counts the rows of every product id; the second gives a
product when its last row has come.  What is held meanwhile are the ids, and the cells of products whose rows have begun
but not ended: never a photo's bytes, which wait on disk if they came in a cell.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from catalens.curate.sources.cells import photo_bytes, references, shown
from catalens.curate.sources.columns import Columns
from catalens.curate.sources.given import given_part
from catalens.curate.sources.merge import merge
from catalens.curate.sources.photos import PhotoFinder
from catalens.curate.sources.protocol import Item, Note, Photo, Row, Unusable, storable
from catalens.curate.sources.records import Record, text
from catalens.curate.sources.spool import Spool


class Line(NamedTuple):
    """A row of a table: where it stands, {column: cell} or what is wrong with it, and what its file says of it."""

    place: str
    record: Record | str
    product_id: str = ""  # where no column has it
    split: str | None = None  # where no column has it


Lines = Callable[[Sequence[str] | None], Iterator[Line]]  # all rows from the first on; of some columns, or of all


class Rows:
    """Cells become products as `columns` say; `photos` finds what cells name.

    `separator` splits a category that stands in one column.  With `by_id` the category's cell is the id of a leaf.
    """

    def __init__(
        self, columns: Columns, photos: PhotoFinder, *, separator: str = "", by_id: bool = False, source: str = ""
    ) -> None:
        self.columns = columns
        self.photos = photos
        self._separator = separator
        self._by_id = by_id
        self._spool = Spool(source)

    def products(self, lines: Lines) -> Iterator[Item]:
        """Products in the order in which their last rows stand."""
        left = self._rows_of_products(lines)
        begun: dict[str, list[Row]] = {}
        for line in lines(None):
            if isinstance(line.record, str):
                yield Unusable(line.place, "broken row", line.record)
                continue
            if self.columns.product_id is None:
                item = self._row(line, line.record, waits=False)
                yield from merge([item]) if isinstance(item, Row) else [item]
                continue
            product = _cell(line.record, self.columns.product_id)
            left[product] -= 1
            item = self._row(line, line.record, waits=left[product] > 0)
            if isinstance(item, Row):
                begun.setdefault(product, []).append(item)
            else:
                yield item
            if not left[product]:
                del left[product]
                if product in begun:
                    yield from merge(begun.pop(product))

    def _rows_of_products(self, lines: Lines) -> Counter[str]:
        column = self.columns.product_id
        if column is None:
            return Counter()
        return Counter(_cell(line.record, column) for line in lines([column]) if not isinstance(line.record, str))

    def _row(self, line: Line, record: Record, *, waits: bool) -> Row | Unusable:
        columns, place = self.columns, line.place
        found = {column: references(record.get(column)) for column in columns.image}
        product = self._product(line, record, [reference for parts in found.values() for reference in parts])
        if not product:
            return Unusable(place, "no product id" if columns.product_id else "no photo", "the cell is empty")
        category = self._category(record)
        if category is not None and not all(category):
            return Unusable(place, "gap in the category", " > ".join(category), product)
        if category is not None and any("\n" in name or "\r" in name for name in category):
            detail = f"{shown(' > '.join(category))!r}: a stray quote takes the rows after it into one cell"
            return Unusable(place, "line break in the category", detail, product)
        photos, notes = self._photos(found, place, product, waits=waits)
        if not photos:
            missing = "; ".join(note.detail for note in notes) or f"{', '.join(columns.image)}: the cell is empty"
            return Unusable(place, "no photo", missing, product)
        attributes = {storable(name): text(cell) for name, cell in record.items() if name and name not in columns.used}
        return Row(
            product,
            photos,
            (place,),
            category=None if self._by_id else category,
            category_id=category[-1] if self._by_id and category else None,
            seller=_cell(record, columns.seller) or None,
            group=_cell(record, columns.group) or None,
            attributes={name: value for name, value in attributes.items() if value},
            given_split=given_part(_cell(record, columns.split)) or line.split,
            notes=notes,
        )

    def _product(self, line: Line, record: Record, photos: Sequence[Any]) -> str:
        """The id: as a column has it, as the file has it, else the first photo's path; the place, if it has no path."""
        if self.columns.product_id:
            return _cell(record, self.columns.product_id)
        first = next(iter(photos), "")
        by_path = isinstance(first, str) and not first.startswith("data:")
        return line.product_id or (first if by_path else line.place)

    def _category(self, record: Record) -> tuple[str, ...] | None:
        """The path of names, without empty ends; an empty name that is left is a gap."""
        cells = [record.get(column) for column in self.columns.category]
        if len(cells) == 1 and isinstance(cells[0], list):
            cells = cells[0]
        names = [text(cell) for cell in cells]
        if len(names) == 1 and self._separator:
            names = [name.strip() for name in names[0].split(self._separator)]
        while names and not names[-1]:
            names.pop()
        return tuple(names) or None

    def _photos(
        self, found: dict[str, list[Any]], place: str, product: str, *, waits: bool
    ) -> tuple[tuple[Photo, ...], tuple[Note, ...]]:
        photos, notes = [], []
        for column, parts in found.items():
            for number, part in enumerate(parts):
                name = f"{place}: {storable(column)}" + (f"[{number}]" if len(parts) > 1 else "")
                try:
                    data = photo_bytes(part)
                except ValueError as error:
                    notes.append(Note(place, "photo not found", f"{shown(part)} {error}", product))
                    continue
                photo = self.photos.find(part) if data is None else self._held(name, data, waits=waits)
                if photo is not None:
                    photos.append(photo)
                else:
                    notes.append(Note(place, *self.photos.missing(part), product))
        return tuple(photos), tuple(notes)

    def _held(self, name: str, data: bytes, *, waits: bool) -> Photo:
        """A photo that came in a cell; on disk, if rows of other products come before its product is complete."""
        return self._spool.keep(name, data) if waits else Photo(name, partial(io.BytesIO, data), len(data))


def _cell(record: Record | str, column: str | None) -> str:
    return text(record.get(column)) if column is not None and not isinstance(record, str) else ""

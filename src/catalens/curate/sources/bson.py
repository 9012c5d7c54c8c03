"""Cdiscount dumps: BSON documents one after another (`_id`, `category_id`, `imgs[].picture`), and category_names.csv.

https://www.kaggle.com/c/cdiscount-image-classification-challenge/data; a document begins with its length as an int32:
https://bsonspec.org/spec.html
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import bson
from bson.errors import BSONError

from catalens.core.errors import SourceError
from catalens.curate.sources.listed import read_taxonomy
from catalens.curate.sources.photos import fingerprint
from catalens.curate.sources.protocol import IngestSettings, Item, Note, Photo, Row, Unusable

NAMES = "category_names.csv"
SMALLEST, LARGEST = 5, 64 * 2**20  # bytes of a document; the format's own limit is 16 MiB


class BsonSource:
    """A document is a product; the cursor is a byte offset.

    A test dump has no `category_id`: the categories of its products are not known.
    """

    looks_for: ClassVar[str] = f"a .bson file, or a folder with one, and {NAMES} beside it"
    uses: ClassVar[frozenset[str]] = frozenset({"taxonomy"})

    def __init__(self, path: Path, settings: IngestSettings) -> None:
        files = _bson_files(path)
        if len(files) != 1:
            found = ", ".join(file.name for file in files) or "none"
            raise SourceError(f"expected one .bson file, got {found}; name the file", source=str(path))
        self.dump = files[0]
        names = settings.taxonomy or self.dump.parent / NAMES
        self.level_names = ()
        self.taxonomy = read_taxonomy(names) if settings.taxonomy or names.is_file() else None
        self.total = self.dump.stat().st_size
        self.fingerprint = fingerprint([self.dump, names] if self.taxonomy else [self.dump])
        self.remarks = (f"categories from {names.name}",) if self.taxonomy else ()

    @staticmethod
    def fits(path: Path) -> bool:
        return bool(_bson_files(path))

    def read(self, cursor: int) -> Iterator[tuple[int, Item]]:
        with self.dump.open("rb") as file:
            file.seek(cursor)
            while head := file.read(4):
                place = f"{self.dump.name}: byte {cursor}"
                length = struct.unpack("<i", head)[0] if len(head) == 4 else SMALLEST
                if not SMALLEST <= length <= LARGEST:
                    message = (
                        f"expected a document at byte {cursor:,}, got a length of {length:,}: damaged from here on"
                    )
                    raise SourceError(message, source=str(self.dump))
                data = head + file.read(length - len(head))
                cursor += len(data)
                if len(data) < length:
                    detail = f"expected {length:,} bytes, {len(data):,} are left"
                    yield cursor, Unusable(place, "document cut short", detail)
                else:
                    yield cursor, self._item(data, place)

    def _item(self, data: bytes, place: str) -> Item:
        try:
            document = bson.decode(data)
        except (BSONError, ValueError, OverflowError) as error:
            return Unusable(place, "broken document", str(error)[:200])
        if document.get("_id") is None:
            return Unusable(place, "no product id", f"the document has {sorted(document)}")
        product, category = str(document["_id"]), document.get("category_id")
        photos, notes = _photos(document.get("imgs"), product, place)
        if not photos:
            return Unusable(place, "no photo", "`imgs` holds no picture", product)
        if category is not None and self.taxonomy is None:
            message = f"its products have category ids; put {NAMES} beside it or name the file with --taxonomy"
            raise SourceError(message, source=str(self.dump))
        return Row(product, photos, (place,), category_id=None if category is None else str(category), notes=notes)


def _photos(images: Any, product: str, place: str) -> tuple[tuple[Photo, ...], tuple[Note, ...]]:
    photos, notes = [], []
    for position, image in enumerate(images if isinstance(images, list) else []):
        data = image.get("picture") if isinstance(image, dict) else None
        if isinstance(data, bytes):
            photos.append(Photo(f"{product}-{position}", partial(io.BytesIO, data), len(data)))
        else:
            notes.append(Note(place, "photo not found", f"imgs[{position}] has no picture", product))
    return tuple(photos), tuple(notes)


def _bson_files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.suffix.lower() == ".bson" and file.is_file())
    return [path] if path.suffix.lower() == ".bson" else []

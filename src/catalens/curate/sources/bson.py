"""Cdiscount dumps: BSON documents one after another (`_id`, `category_id`, `imgs[].picture`), and category_names.csv.

https://www.kaggle.com/c/cdiscount-image-classification-challenge/data
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from bson import ObjectId

from catalens.core.errors import SourceError
from catalens.curate.sources.documents import Damage, read_documents, sample_documents
from catalens.curate.sources.listed import read_taxonomy
from catalens.curate.sources.photos import fingerprint
from catalens.curate.sources.protocol import IngestSettings, Item, Note, Photo, Row, Unusable

NAMES = "category_names.csv"
LONGEST_ID = 512  # characters


class BsonSource:
    """A document is a product; the cursor is a byte offset.  With `sample`, most documents are passed over unread.

    A test dump has no `category_id`: the categories of its products are not known.
    """

    looks_for: ClassVar[str] = f"a .bson file, or a folder with one, and {NAMES} beside it"
    uses: ClassVar[frozenset[str]] = frozenset({"taxonomy", "sample", "seed"})

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
        self._sample, self._seed = settings.sample, settings.seed
        sampled = f"a uniform sample of {settings.sample or 0:,} documents, seed {settings.seed}"
        self.remarks = (
            *((f"categories from {names.name}",) if self.taxonomy else ()),
            *((sampled,) if settings.sample else ()),
        )

    @staticmethod
    def fits(path: Path) -> bool:
        return bool(_bson_files(path))

    def read(self, cursor: int) -> Iterator[tuple[int, Item]]:
        if self._sample is None:
            found = read_documents(self.dump, cursor)
        else:
            found = sample_documents(self.dump, self._sample, self._seed, cursor)
        for piece in found:
            place = f"{self.dump.name}: byte {piece.start}"
            if isinstance(piece, Damage):
                yield piece.end, Unusable(place, piece.cause, piece.detail)
            else:
                yield piece.end, self._item(piece.values, place)

    def _item(self, document: dict[str, Any], place: str) -> Item:
        if document.get("_id") in (None, ""):
            return Unusable(place, "no product id", f"the document has {', '.join(sorted(document))[:200]}")
        product = _id_text(document["_id"])
        if product is None:
            return Unusable(place, "wrong type", f"`_id` is {_described(document['_id'])}")
        stated, images = document.get("category_id"), document.get("imgs", [])
        category = None if stated is None else _id_text(stated)
        if stated is not None and category is None:
            return Unusable(place, "wrong type", f"`category_id` is {_described(stated)}", product)
        if not isinstance(images, list):
            return Unusable(place, "wrong type", f"`imgs` is {_described(images)}", product)
        photos, notes = _photos(images, product, place)
        if not photos:
            return Unusable(place, "no photo", "`imgs` holds no picture", product)
        if category is not None and self.taxonomy is None:
            message = f"its products have category ids; put {NAMES} beside it or name the file with --taxonomy"
            raise SourceError(message, source=str(self.dump))
        return Row(product, photos, (place,), category_id=category, notes=notes)


def _photos(images: list[Any], product: str, place: str) -> tuple[tuple[Photo, ...], tuple[Note, ...]]:
    photos, notes = [], []
    for position, image in enumerate(images):
        data = image.get("picture") if isinstance(image, dict) else None
        if isinstance(data, bytes):
            photos.append(Photo(f"{product}-{position}", partial(io.BytesIO, data), len(data)))
        else:
            what = "no picture" if data is None else f"{_described(data)} for a picture"
            notes.append(Note(place, "photo not found", f"imgs[{position}] has {what}", product))
    return tuple(photos), tuple(notes)


def _id_text(value: Any) -> str | None:
    """An id as text: of a number, a short string or an ObjectId; None of anything else.

    Mongo's shell writes every number as a double, so a whole one is an integer.
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, (int, str, ObjectId)) and not isinstance(value, bool):
        text = str(value)
        return text if 0 < len(text) <= LONGEST_ID else None
    return None


def _described(value: Any) -> str:
    """ "3.5 (float)", cut short."""
    return f"{str(value)[:40]} ({type(value).__name__})"


def _bson_files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.suffix.lower() == ".bson" and file.is_file())
    return [path] if path.suffix.lower() == ".bson" else []

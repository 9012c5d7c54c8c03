"""What a reader of dumps gives: rows, each a product, a row set aside, or a note, in an order that never changes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Protocol

from pydantic import Field, field_validator

from catalens.core.image import MAX_PIXELS
from catalens.core.taxonomy import Taxonomy
from catalens.curate.categories.clean_settings import IngestCleanSettings
from catalens.curate.fetch.settings import WebSettings
from catalens.curate.sources.encoding import TextEncoding


class IngestSettings(IngestCleanSettings):
    """How to read a dump, and what to clean.

    Columns left empty are recognised by their usual names, and what was recognised is said.
    """

    format: str = "auto"
    taxonomy: Path | None = None  # names of the categories, where the dump holds only their ids
    image: tuple[str, ...] = ()  # table: columns with photo paths
    product_id: str | None = None  # table: rows with the same value are one product
    category: tuple[str, ...] = ()  # table: one column, or one a level from the top
    category_separator: str = ">"  # table: splits a single category column into levels
    seller: str | None = None
    group: str | None = None
    split: str | None = None
    encoding: TextEncoding = "utf-8"  # of text files, and of names in archives that do not say theirs
    max_pixels: int = Field(default=MAX_PIXELS, ge=1)
    max_photo_bytes: int = Field(default=64 * 2**20, ge=1)
    sample: int | None = Field(default=None, ge=1)  # bson: that many products, each with the same chance
    seed: int = 0  # of the sample
    threads: int = Field(default=4, ge=1)  # that read photos
    workers: int = Field(default_factory=lambda: min(8, os.cpu_count() or 1), ge=1)  # processes that decode them
    web: WebSettings = WebSettings()  # urls, and data sets by name: how to fetch
    overwrite: bool = False  # replace a finished catalog
    restart: bool = False  # forget an unfinished ingest

    @field_validator("image", "category", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo in the dump: its name there, and how to open its bytes, which nobody does before it is needed.

    `size` in bytes, where the dump tells it without opening: photos of known size are checked in larger groups.
    """

    name: str
    open: Callable[[], BinaryIO]
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Something a person should know; not a row.  A photo that is missing, a folder that was passed over."""

    place: str
    cause: str
    detail: str = ""
    product_id: str | None = None


@dataclass(frozen=True, slots=True)
class Unusable:
    """A row of the dump that cannot become a product, with its cause."""

    place: str
    cause: str
    detail: str = ""
    product_id: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One product.  `places` names the rows of the dump it was made of ("styles.csv: row 17").

    `category` is the path of names from the top, None where it is not known; `category_id` the leaf's id where the dump
    has one, else the path is the id.
    """

    product_id: str
    photos: tuple[Photo, ...]
    places: tuple[str, ...]
    category: tuple[str, ...] | None = None
    category_id: str | None = None
    seller: str | None = None
    group: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    given_split: str | None = None
    notes: tuple[Note, ...] = ()


Item = Row | Unusable | Note


class Source(Protocol):
    """A reader.  `fits` recognises its format by name and header alone; `read` gives items from a cursor on.

    The cursor that comes with an item is where to go on after it; 0 is the start.  Reading from any cursor gives
    exactly the items that an undisturbed reading gives after it.
    """

    looks_for: ClassVar[str]  # what `fits` wants to see, for the message when no format fits
    uses: ClassVar[frozenset[str]]  # the column settings it reads; others are refused

    level_names: tuple[str, ...]
    taxonomy: Taxonomy | None  # the dump's own tree, or None: made of the categories that were met
    total: int | None  # the last cursor, where it is known beforehand
    fingerprint: str  # changes when the dump does
    remarks: tuple[str, ...]  # what was recognised, in words

    def __init__(self, path: Path, settings: IngestSettings) -> None: ...

    @staticmethod
    def fits(path: Path) -> bool: ...

    def read(self, cursor: int) -> Iterator[tuple[int, Item]]: ...


def numbered(items: Iterable[Item], cursor: int) -> Iterator[tuple[int, Item]]:
    """The items after the first `cursor`, each with the cursor behind it; no photo is opened to pass over one."""
    for number, item in enumerate(items, start=1):
        if number > cursor:
            yield number, item


def storable(text: str) -> str:
    """Text that UTF-8 can hold: bytes of a file name, or halves of a pair in JSON, that are no text become escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")

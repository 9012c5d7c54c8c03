"""Every photo is opened once: its bytes hashed, decoded to see that it can be, and its faults told."""

from __future__ import annotations

import zipfile
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from catalens.core.errors import ImageError, ImageTooLarge, UnreadableImage
from catalens.core.image import PhotoInfo, inspect
from catalens.core.shards import image_id
from catalens.curate.sources.protocol import IngestSettings, Item, Note, Photo, Row, Unusable

AHEAD = 8  # products a thread may be ahead of the one that is written; bounds the memory


@dataclass(frozen=True, slots=True)
class GoodPhoto:
    """A photo that decodes: its bytes, their sha256 and what `inspect` said."""

    name: str
    data: bytes
    image_id: str
    info: PhotoInfo


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """A product with the photos that can be used, and notes on the others."""

    row: Row
    photos: tuple[GoodPhoto, ...]
    notes: tuple[Note, ...]


CheckedItem = CheckedRow | Unusable | Note


def check_row(row: Row, *, max_pixels: int, max_bytes: int) -> CheckedRow:
    """Read and decode a product's photos: an unreadable one becomes a note; one that comes twice stays, with a note."""
    photos: list[GoodPhoto] = []
    first: dict[str, str] = {}
    notes = list(row.notes)
    for photo in row.photos:
        try:
            data = _read(photo, max_bytes)
            info = inspect(data, source=photo.name, max_pixels=max_pixels)
        except ImageError as error:
            cause = "photo too large" if isinstance(error, ImageTooLarge) else "unreadable photo"
            notes.append(Note(photo.name, cause, error.message, row.product_id))
            continue
        good = GoodPhoto(photo.name, data, image_id(data), info)
        photos.append(good)
        if good.image_id in first:
            detail = f"the same bytes as {first[good.image_id]}"
            notes.append(Note(photo.name, "same photo twice", detail, row.product_id))
        first.setdefault(good.image_id, good.name)
    return CheckedRow(row, tuple(photos), tuple(notes))


def checked(items: Iterable[tuple[int, Item]], settings: IngestSettings) -> Iterator[tuple[int, CheckedItem]]:
    """The same items in the same order, photos checked in threads (Pillow lets go of the interpreter)."""
    check = partial(check_row, max_pixels=settings.max_pixels, max_bytes=settings.max_photo_bytes)
    waiting: deque[tuple[int, Note | Unusable | Future[CheckedRow]]] = deque()
    with ThreadPoolExecutor(settings.threads, thread_name_prefix="photos") as pool:
        for cursor, item in items:
            waiting.append((cursor, pool.submit(check, item) if isinstance(item, Row) else item))
            if len(waiting) > AHEAD * settings.threads:
                yield _done(waiting.popleft())
        while waiting:
            yield _done(waiting.popleft())


def _done(waiting: tuple[int, Note | Unusable | Future[CheckedRow]]) -> tuple[int, CheckedItem]:
    cursor, item = waiting
    return cursor, item.result() if isinstance(item, Future) else item


def _read(photo: Photo, max_bytes: int) -> bytes:
    """The bytes of one photo.  Raises ImageError."""
    try:
        with photo.open() as file:
            data = file.read(max_bytes + 1)
    # what a folder and a zip raise: absent, unreadable, a wrong checksum, an encrypted or exotic member
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise UnreadableImage(f"cannot be read ({error})", source=photo.name) from None
    if len(data) > max_bytes:
        raise ImageTooLarge(f"more than the {max_bytes:,} bytes allowed", source=photo.name)
    return data

"""Every photo is opened once: its bytes hashed, decoded to see that it can be, and its faults told."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

from catalens.core.errors import ImageError, ImageTooLarge, UnreadableImage
from catalens.core.image import PhotoInfo
from catalens.core.workers import side_by_side
from catalens.curate.making.verdicts import Faulty, Judges, Verdict, faulty
from catalens.curate.sources.protocol import IngestSettings, Item, Note, Photo, Row, Unusable

GROUP_BYTES = 512 * 2**10  # of the photos that go to a worker process together
UNKNOWN_BYTES = GROUP_BYTES // 2  # what a photo is taken for where the dump does not tell its size
GROUP_ITEMS = 256


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
Group = list[tuple[int, Item]]
CheckedGroup = list[tuple[int, CheckedItem]]


def checked(items: Iterable[tuple[int, Item]], settings: IngestSettings) -> Iterator[tuple[int, CheckedItem]]:
    """The same items in the same order; photos are read ahead in threads and decoded in processes.

    What waits is bounded: two groups a thread, each of `GROUP_BYTES` and one row at most if the sizes are known.
    """
    threads = max(settings.threads, settings.workers + 1)
    with Judges(settings.workers, settings.max_pixels) as judge:

        def check(group: Group) -> CheckedGroup:
            return _check(group, judge, settings.max_photo_bytes)

        # closed before the judges are: their threads wait for them
        with closing(side_by_side(check, _groups(items), threads, name="photos")) as groups:
            for group in groups:
                yield from group


def read_photo(photo: Photo, max_bytes: int) -> bytes:
    """The bytes of one photo of a dump.  Raises ImageError."""
    try:
        with photo.open() as file:
            data = file.read(max_bytes + 1)
    # what a folder and a zip raise: absent, unreadable, a wrong checksum, an encrypted or exotic member
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise UnreadableImage(f"cannot be read ({error})", source=photo.name) from None
    if len(data) > max_bytes:
        raise ImageTooLarge(f"more than the {max_bytes:,} bytes allowed", source=photo.name)
    return data


def _groups(items: Iterable[tuple[int, Item]]) -> Iterator[Group]:
    group: Group = []
    size = 0
    for cursor, item in items:
        group.append((cursor, item))
        if isinstance(item, Row):
            size += sum(UNKNOWN_BYTES if photo.size is None else photo.size for photo in item.photos)
        if size >= GROUP_BYTES or len(group) >= GROUP_ITEMS:
            yield group
            group, size = [], 0
    if group:
        yield group


def _check(group: Group, judge: Judges, max_bytes: int) -> CheckedGroup:
    """Read the photos of a group, have them judged together, and put the answers where they belong."""
    photos = [photo for _, item in group if isinstance(item, Row) for photo in item.photos]
    read = [_read(photo, max_bytes) for photo in photos]
    names = [photo.name for photo in photos]
    verdicts = iter(judge([(name, data) for name, (data, fault) in zip(names, read, strict=True) if fault is None]))
    answers = ((name, data, fault or next(verdicts)) for name, (data, fault) in zip(names, read, strict=True))
    return [
        (cursor, _checked_row(item, islice(answers, len(item.photos))) if isinstance(item, Row) else item)
        for cursor, item in group
    ]


def _checked_row(row: Row, answers: Iterable[tuple[str, bytes, Verdict]]) -> CheckedRow:
    """An unreadable photo becomes a note; one that comes twice stays, with a note."""
    photos: list[GoodPhoto] = []
    first: dict[str, str] = {}
    notes = list(row.notes)
    for name, data, verdict in answers:
        if isinstance(verdict, Faulty):
            notes.append(Note(name, verdict.cause, verdict.detail, row.product_id))
            continue
        photos.append(GoodPhoto(name, data, verdict.image_id, verdict.info))
        if verdict.image_id in first:
            detail = f"the same bytes as {first[verdict.image_id]}"
            notes.append(Note(name, "same photo twice", detail, row.product_id))
        first.setdefault(verdict.image_id, name)
    return CheckedRow(row, tuple(photos), tuple(notes))


def _read(photo: Photo, max_bytes: int) -> tuple[bytes, Faulty | None]:
    try:
        return read_photo(photo, max_bytes), None
    except ImageError as error:
        return b"", faulty(error)

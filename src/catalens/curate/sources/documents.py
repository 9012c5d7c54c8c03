"""BSON documents one after another in a file, found again after damage: https://bsonspec.org/spec.html

A document begins with its length, an int32, and ends with a zero.
"""

from __future__ import annotations

import io
import os
import random
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import bson
from bson.codec_options import CodecOptions
from bson.errors import BSONError

SMALLEST, LARGEST = 5, 64 * 2**20  # bytes of a document; the format's own limit is 16 MiB
CHUNK = 2**20  # bytes searched at a time for where documents begin again
_ID = re.compile(rb"[\x01-\x13]_id\0")  # type and name of the element that documents of a database begin with


@dataclass(frozen=True, slots=True)
class Document:
    """The bytes from `start` to `end` of the file, read as a document."""

    start: int
    end: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes from `start` to `end` that are no document."""

    start: int
    end: int
    cause: str
    detail: str


class _Unique(dict[str, Any]):
    """A dictionary that is told no key twice: which of two would be meant?"""

    def __setitem__(self, key: str, value: Any) -> None:
        if key in self:
            raise ValueError(f"key {key[:100]!r} stands twice")
        super().__setitem__(key, value)


_OPTIONS: CodecOptions[_Unique] = CodecOptions(document_class=_Unique)


def read_documents(path: Path, cursor: int = 0) -> Iterator[Document | Damage]:
    """Everything from the byte `cursor` on, which is 0 or the end of a document.

    Where a length leads to no further document it is not trusted: reading goes on with the next one that decodes.
    """
    with path.open("rb", buffering=CHUNK) as file:
        while found := _read(file, cursor):
            yield found
            cursor = found.end


def sample_documents(path: Path, count: int, seed: int, cursor: int = 0) -> Iterator[Document | Damage]:
    """`count` documents, each with the same chance, in the order of the file; those from the byte `cursor` on.

    Only the lengths of the others are read.  All documents, if there are no more than `count`.
    """
    starts = sample_starts(path, count, seed)
    with path.open("rb") as file:
        for start in starts:
            if start >= cursor and (found := _read(file, start)):
                yield found
                cursor = found.end  # behind damage it may lie beyond the next start


def sample_starts(path: Path, count: int, seed: int) -> list[int]:
    """Where the chosen documents begin: algorithm R of Vitter, "Random Sampling with a Reservoir", 1985."""
    chance = random.Random(seed)
    chosen = array("Q")  # 8 bytes a document, of millions
    with path.open("rb", buffering=0) as file:  # or every length would read a buffer full
        for number, start in enumerate(_starts(file)):
            if number < count:
                chosen.append(start)
            elif (place := chance.randrange(number + 1)) < count:
                chosen[place] = start
    return sorted(chosen)


def _starts(file: IO[bytes]) -> Iterator[int]:
    """Where documents begin, by their lengths alone."""
    size, start = _size(file), 0
    while start < size:
        length = _length(file, start)
        if length is None:
            start = _search(file, start + 1)
        else:
            yield start
            start += length


def _read(file: IO[bytes], start: int) -> Document | Damage | None:
    """The document at `start`, or what is there instead; None at the end of the file."""
    size = _size(file)
    if start >= size:
        return None
    data = _framed(file, start)
    if data is None:
        end, length, left = _search(file, start + 1), _length(file, start), size - start
        if end == size and (length or left < SMALLEST):
            return Damage(start, end, "document cut short", f"expected {length or SMALLEST:,} bytes, {left:,} are left")
        return Damage(start, end, "damaged bytes", f"{end - start:,} bytes are no document")
    try:
        return Document(start, start + len(data), _decode(data))
    except _NO_DOCUMENT as error:
        end = start + len(data)
        if not _may_begin(file, end):
            end = _search(file, start + 1)
        return Damage(start, end, "broken document", " ".join(str(error).split())[:200])


# bson raises its own errors, and what its parts meet: a date out of range, a reference that is none, a nesting too deep
_NO_DOCUMENT = (BSONError, ValueError, OverflowError, TypeError, RecursionError)


def _decode(data: bytes) -> dict[str, Any]:
    return bson.decode(data, _OPTIONS)


def _length(file: IO[bytes], start: int) -> int | None:
    """The length that stands at `start`; None where no document can have it."""
    file.seek(start)
    head = file.read(4)
    length = int.from_bytes(head, "little", signed=True)
    return length if len(head) == 4 and SMALLEST <= length <= LARGEST else None


def _framed(file: IO[bytes], start: int) -> bytes | None:
    """As many bytes as the length at `start` says; None if it cannot be a length, or they are not all there."""
    length = _length(file, start)
    if length is None:
        return None
    file.seek(start)
    data = file.read(length)
    return data if len(data) == length else None


def _may_begin(file: IO[bytes], start: int) -> bool:
    """Whether a document may begin there: by its length and its last byte; or the file ends there."""
    length = _length(file, start)
    if length is None:
        return start >= _size(file)
    file.seek(start + length - 1)
    return file.read(1) == b"\0"


def _search(file: IO[bytes], start: int) -> int:
    """Where, from `start` on, the next document begins that decodes; the file's end if there is none."""
    size = _size(file)
    while start < size:
        file.seek(start)
        chunk = file.read(CHUNK)
        for match in _ID.finditer(chunk, 4):
            candidate = start + match.start() - 4
            if _may_begin(file, candidate) and _decodes(_framed(file, candidate)):
                return candidate
        if len(chunk) < CHUNK:
            break
        start += CHUNK - 16  # a name may straddle two chunks
    return size


def _decodes(data: bytes | None) -> bool:
    try:
        return data is not None and bool(_decode(data))
    except _NO_DOCUMENT:
        return False


def _size(file: IO[bytes]) -> int:
    try:
        return os.fstat(file.fileno()).st_size
    except io.UnsupportedOperation:  # a member of an archive
        return file.seek(0, io.SEEK_END)

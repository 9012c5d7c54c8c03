"""BSON documents one after another in a file, found again after damage: https://bsonspec.org/spec.html

A document begins with its length, an int32, and ends with a zero.
"""

from __future__ import annotations

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
        dump = _Dump(file, path.stat().st_size)
        while found := _read(dump, cursor):
            yield found
            cursor = found.end


def sample_documents(path: Path, count: int, seed: int, cursor: int = 0) -> Iterator[Document | Damage]:
    """`count` documents, each with the same chance, in the order of the file; those from the byte `cursor` on.

    Only the lengths of the others are read.  All documents, if there are no more than `count`.
    """
    starts = sample_starts(path, count, seed)
    with path.open("rb") as file:
        dump = _Dump(file, path.stat().st_size)
        for start in starts:
            if start >= cursor and (found := _read(dump, start)):
                yield found
                cursor = found.end  # behind damage it may lie beyond the next start


def sample_starts(path: Path, count: int, seed: int) -> list[int]:
    """Where the chosen documents begin: algorithm R of Vitter, "Random Sampling with a Reservoir", 1985."""
    chance = random.Random(seed)
    chosen = array("Q")  # 8 bytes a document, of millions
    with path.open("rb", buffering=0) as file:  # or every length would read a buffer full
        for number, start in enumerate(_starts(_Dump(file, path.stat().st_size))):
            if number < count:
                chosen.append(start)
            elif (place := chance.randrange(number + 1)) < count:
                chosen[place] = start
    return sorted(chosen)


class _Dump:
    """Bytes by their place.  Read in order, it never steps back, for which a member of an archive is unpacked anew."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self.size = size
        self._file, self._at = file, 0

    def read(self, start: int, count: int) -> bytes:
        """Fewer than `count` at the end."""
        if start != self._at:
            self._file.seek(start)
        data = self._file.read(count)
        self._at = start + len(data)
        return data


def _starts(dump: _Dump) -> Iterator[int]:
    """Where documents begin, by their lengths alone."""
    start = 0
    while start < dump.size:
        length = _length(dump.read(start, 4))
        if length is None:
            start = _search(dump, start + 1)
        else:
            yield start
            start += length


def _read(dump: _Dump, start: int) -> Document | Damage | None:
    """The document at `start`, or what is there instead; None at the end of the file."""
    head, left = dump.read(start, 4), dump.size - start
    if not head:
        return None
    length = _length(head)
    if length is None or length > left:
        end = _search(dump, start + 1)
        if end == dump.size and (length or left < SMALLEST):
            return Damage(start, end, "document cut short", f"expected {length or SMALLEST:,} bytes, {left:,} are left")
        return Damage(start, end, "damaged bytes", f"{end - start:,} bytes are no document")
    try:
        return Document(start, start + length, _decode(head + dump.read(start + 4, length - 4)))
    except _NO_DOCUMENT as error:
        end = start + length
        if end < dump.size and not _may_begin(dump, end):
            end = _search(dump, start + 1)
        return Damage(start, end, "broken document", " ".join(str(error).split())[:200])


# bson raises its own errors, and what its parts meet: a date out of range, a reference that is none, a nesting too deep
_NO_DOCUMENT = (BSONError, ValueError, OverflowError, TypeError, RecursionError)


def _decode(data: bytes) -> dict[str, Any]:
    return bson.decode(data, _OPTIONS)


def _length(head: bytes) -> int | None:
    """The length that four bytes say; None where no document can have it."""
    length = int.from_bytes(head, "little", signed=True)
    return length if len(head) == 4 and SMALLEST <= length <= LARGEST else None


def _may_begin(dump: _Dump, start: int) -> bool:
    """Whether a document may begin there: by its length and its last byte."""
    length = _length(dump.read(start, 4))
    return length is not None and dump.read(start + length - 1, 1) == b"\0"


def _search(dump: _Dump, start: int) -> int:
    """Where, from `start` on, the next document begins that decodes; the file's end if there is none."""
    while chunk := dump.read(start, CHUNK):
        for match in _ID.finditer(chunk, 4):
            candidate = start + match.start() - 4
            if _may_begin(dump, candidate) and _decodes(dump, candidate):
                return candidate
        if len(chunk) < CHUNK:
            break
        start += CHUNK - 16  # a name may straddle two chunks
    return dump.size


def _decodes(dump: _Dump, start: int) -> bool:
    length = _length(dump.read(start, 4))
    try:
        return length is not None and bool(_decode(dump.read(start, length)))
    except _NO_DOCUMENT:
        return False

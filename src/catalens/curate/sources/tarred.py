"""Tar archives: a plain one is read in place; a compressed one is unpacked once into a temporary file without a name.

A compressed stream can be read in its own order only.  Readers want the order of names (the same for a folder, a zip
and a tar), tables want photos that stand anywhere, and every photo is checked by one of several threads.  To unpack
first costs about what it costs to go through the stream once, as any reader has to (docs/benchmarks.md); it takes no
memory, and as much disk as the archive has content.  An ingest that goes on after an interruption unpacks again.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

from catalens.core.errors import SourceError
from catalens.core.progress import Progress, silent
from catalens.curate.sources.archive import Member
from catalens.curate.sources.protocol import Note, storable
from catalens.curate.sources.spool import is_bomb, nameless_file, no_room
from catalens.curate.sources.window import window

BLOCK = tarfile.BLOCKSIZE
LARGEST_EXTRA = 2**18  # bytes of a header that names or describes the next member
_CHUNK = 2**20
_PACKED: dict[bytes, Callable[[BinaryIO], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
_EXTRA_TYPES = (
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
)  # fmt: skip
_DAMAGE = (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError, ValueError, OverflowError, RecursionError)


class TarContents:
    """A tar's members.  A hard link is the file that it names, if that stands before it."""

    def __init__(self, path: Path, encoding: str, progress: Progress = silent) -> None:
        self.path = path
        self.remarks: tuple[str, ...] = ()
        self._encoding = encoding
        self._lock = Lock()
        try:
            self._file = _plain(path, progress)
        except _DAMAGE as error:
            raise SourceError(f"cannot be unpacked ({error}): damaged, cut short, or none", source=str(path)) from None

    def members(self) -> Iterator[Member | Note]:
        """Raises SourceError where the archive is damaged: what follows cannot be found."""
        count = 0
        try:
            for found in self._members():
                count += 1
                if found is not None:
                    yield found
        except _DAMAGE as error:
            message = f"damaged or cut short after {count:,} members ({error})" if count else f"is no tar ({error})"
            raise SourceError(message, source=str(self.path)) from None

    def open(self, key: tuple[int, int]) -> BinaryIO:
        return window(self._file, self._lock, *key)

    def _members(self) -> Iterator[Member | Note | None]:
        places: dict[str, tuple[int, int]] = {}
        self._file.seek(0)
        with tarfile.open(
            fileobj=self._file, mode="r:", tarinfo=_Header, encoding="utf-8", errors="surrogateescape"
        ) as tar:
            while (info := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # which it would hold, at 1 kB each
                yield self._member(info, places)
            yield from self._end(tar.offset)

    def _member(self, info: tarfile.TarInfo, places: dict[str, tuple[int, int]]) -> Member | Note | None:
        if info.isdir():
            return None
        if info.size < 0:  # an extra header may say so; tarfile would read the same header for ever
            raise ValueError(f"{info.name!r} has a size of {info.size:,} bytes")
        if info.isreg() and not info.issparse():
            places[info.name] = info.offset_data, info.size
        elif info.islnk() and info.linkname in places:
            places[info.name] = places[info.linkname]
        elif info.issym() or info.islnk():
            return self._note(
                info.name, "link in the archive", f"to {storable(info.linkname[:80])}: it was not followed"
            )
        else:
            return self._note(info.name, "special file in the archive", "a device, a pipe or a sparse file")
        return Member(self._name(info.name), places[info.name][1], places[info.name])

    def _name(self, name: str) -> str:
        """Names that are not UTF-8 in `encoding`, where that can be; else their bytes are kept as they are."""
        try:
            return name.encode("utf-8", "surrogateescape").decode(self._encoding) if _has_raw_bytes(name) else name
        except UnicodeDecodeError:
            return name

    def _end(self, position: int) -> Iterator[Note]:
        """What is odd about the end, which should be blocks of zeros."""
        self._file.seek(position)
        if not self._file.read(BLOCK):
            yield self._note("", "archive without an end", "it may be cut short behind its last member")
        while data := self._file.read(_CHUNK):
            if data.count(0) < len(data):
                yield self._note("", "data behind the end of the archive", "it was not read")
                return

    def _note(self, name: str, cause: str, detail: str) -> Note:
        return Note(": ".join(filter(None, (self.path.name, storable(name)))), cause, detail)


def _has_raw_bytes(name: str) -> bool:
    return not name.isascii() and any("\udc80" <= character <= "\udcff" for character in name)


class _Header(tarfile.TarInfo):
    """tarfile takes a damaged header for the end of the archive, and reads a header about the next one at any size."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        try:
            info = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if any(buf):
                raise ValueError(f"{error}") from None
            raise
        if info.size < 0 or (info.type in _EXTRA_TYPES and info.size > LARGEST_EXTRA):
            raise ValueError(f"a header of type {info.type!r} says {info.size:,} bytes")
        return info


def _plain(path: Path, progress: Progress) -> BinaryIO:
    """The tar itself, or what it unpacks to."""
    file = path.open("rb")
    head = file.read(max(map(len, _PACKED)))
    file.seek(0)
    unpack = next((opener for signature, opener in _PACKED.items() if head.startswith(signature)), None)
    if unpack is None:
        return file
    packed = path.stat().st_size
    plain = nameless_file()
    with file, unpack(file) as stream:
        while data := stream.read(_CHUNK):
            try:
                plain.write(data)
            except OSError as error:
                raise no_room(error, str(path)) from None
            progress(file.tell(), packed, "unpacking")
            if is_bomb(plain.tell(), packed):
                message = f"its {packed:,} bytes unpack to more than {plain.tell():,}: a bomb, or unpack it yourself"
                raise SourceError(message, source=str(path))
    return plain

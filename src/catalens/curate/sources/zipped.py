"""Zip archives, read in place.  https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT"""

from __future__ import annotations

import errno
import io
import lzma
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import BinaryIO, cast

from catalens.core.errors import SourceError
from catalens.curate.sources.archive import Member
from catalens.curate.sources.protocol import Note, storable
from catalens.curate.sources.spool import is_bomb, nameless_file, no_room
from catalens.curate.sources.window import window

LARGEST_LIST = 256 * 2**20  # bytes of a zip's list of members: some 2.5 million, which take 1.2 GB of memory
UTF8_NAME = 0x800  # a member's flag
_END, _END_64 = b"PK\x05\x06", b"PK\x06\x06"
_READ_HERE_AND_THERE = (".bson", ".parquet")
_CHUNK = 2**20
_LOCAL_HEADER = 30  # bytes, before the name
# what a damaged, encrypted or exotic member raises besides OSError
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError, struct.error)


class ZipContents:
    """A zip's members.

    Names that are not marked as UTF-8 are read in `encoding` where that can be, else in code page 437, as the format
    says; its accents stand where they do in the 850 of French Windows.
    """

    def __init__(self, path: Path, encoding: str) -> None:
        self.path = path
        self.remarks: tuple[str, ...] = ()
        self._lock = Lock()
        self._whole: dict[int, BinaryIO] = {}
        self._encoding = encoding
        try:
            with path.open("rb") as file:
                _refuse_long_list(file, path)
            self._zip = zipfile.ZipFile(path)
        except (OSError, *_DAMAGE) as error:
            raise SourceError(
                f"cannot be read as a zip ({error}): damaged, cut short, or none", source=str(path)
            ) from None
        _refuse_lies(self._zip, path)

    def members(self) -> Iterator[Member | Note]:
        guessed = 0
        for info in self._zip.infolist():
            name, sure = self._name(info)
            guessed += not sure
            if name.endswith(("/", "\\")):
                continue
            if stat.S_ISLNK(info.external_attr >> 16):
                yield Note(f"{self.path.name}: {storable(name)}", "link in the archive", "it was not followed")
            else:
                yield Member(name, info.file_size, info)
        if guessed:
            self.remarks = (
                f"{self.path.name}: {guessed:,} names read as code page 437; if accents are wrong, --encoding",
            )

    def open(self, key: zipfile.ZipInfo) -> BinaryIO:
        if not key.filename.lower().endswith(_READ_HERE_AND_THERE):
            return self._stream(key)
        with self._lock:
            if key.header_offset not in self._whole:
                self._whole[key.header_offset] = self._unpack(key)
        return window(self._whole[key.header_offset], self._lock, 0, key.file_size)

    def _stream(self, key: zipfile.ZipInfo) -> BinaryIO:
        try:
            file = self._zip.open(key)
        except _DAMAGE as error:
            raise OSError(f"{error}") from None
        return cast(BinaryIO, io.BufferedReader(_Unpacked(file)))

    def _unpack(self, key: zipfile.ZipInfo) -> BinaryIO:
        """A member on disk: in a zip, to go back is to begin anew."""
        if is_bomb(key.file_size, key.compress_size):
            raise OSError(f"its {key.compress_size:,} bytes unpack to {key.file_size:,}: a bomb, or unpack it yourself")
        whole = nameless_file()
        with self._stream(key) as stream:
            try:
                shutil.copyfileobj(stream, whole, _CHUNK)
            except OSError as error:
                raise no_room(error, str(self.path)) if error.errno == errno.ENOSPC else error from None
        return whole

    def _name(self, info: zipfile.ZipInfo) -> tuple[str, bool]:
        """(name, whether its encoding is known)."""
        if info.flag_bits & UTF8_NAME or info.filename.isascii():
            return info.filename, True
        data = info.filename.encode("cp437")
        try:
            return data.decode(self._encoding), True
        except UnicodeDecodeError:
            return info.filename, False


class _Unpacked(io.RawIOBase):
    """A member being unpacked; whatever the modules beneath raise on damage is an OSError here."""

    def __init__(self, file: zipfile.ZipExtFile | object) -> None:
        self._file = cast(BinaryIO, file)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            return self._file.seek(offset, whence)
        except _DAMAGE as error:
            raise OSError(f"{error}") from None

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._file.read(len(buffer))
        except _DAMAGE as error:
            raise OSError(f"{error}") from None
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _refuse_long_list(file: BinaryIO, path: Path) -> None:
    """zipfile reads the whole list of members into memory, at 15 times its size; it may be all that a file is."""
    end = file.seek(0, io.SEEK_END)
    file.seek(max(0, end - 2**16 - 128))
    tail = file.read()
    at, at_64 = tail.rfind(_END), tail.rfind(_END_64)
    size = int.from_bytes(tail[at + 12 : at + 16], "little") if at >= 0 else 0
    if size == 0xFFFFFFFF and at_64 >= 0:
        size = int.from_bytes(tail[at_64 + 40 : at_64 + 48], "little")
    if min(size, end) > LARGEST_LIST:
        message = f"its list of members is {size:,} bytes, at most {LARGEST_LIST:,} are read; unpack it"
        raise SourceError(message, source=str(path))


def _refuse_lies(archive: zipfile.ZipFile, path: Path) -> None:
    """Members that share bytes make a small file unpack to a huge one: https://www.bamsoftware.com/hacks/zipbomb/."""
    members = sorted(archive.infolist(), key=lambda info: info.header_offset)
    if members and members[0].header_offset < 0:
        raise SourceError("cannot be read as a zip: its beginning is not there", source=str(path))
    for info, following in pairwise(members):
        end = info.header_offset + _LOCAL_HEADER + len(info.orig_filename) + info.compress_size
        if end > following.header_offset:
            message = (
                f"members {info.filename[:80]!r} and {following.filename[:80]!r} share bytes: damaged, or a zip bomb"
            )
            raise SourceError(message, source=str(path))

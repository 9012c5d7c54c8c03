"""Archives of data sets to folders: whole or not at all, and never a file outside the folder."""

from __future__ import annotations

import gzip
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from catalens.core.durable import replacing_folder
from catalens.core.errors import SourceError
from catalens.core.progress import Progress

MOST_TIMES = 20  # photos hardly shrink; an archive that grows more than this is a bomb
# the last three: a name is a file and a folder at once
_DAMAGED = (
    zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, RuntimeError,
    FileExistsError, IsADirectoryError, NotADirectoryError,
)  # fmt: skip


def is_archive(path: Path) -> bool:
    """By its name."""
    return path.name.lower().endswith((".zip", ".tar", ".tar.gz", ".tgz"))


def unpack(archives: Sequence[Path], folder: Path, progress: Progress) -> None:
    """Unpack archives into one folder, which gets its name when all is there.  Raises SourceError."""
    with replacing_folder(folder) as partial:
        for archive in archives:
            try:
                _unpack(archive, partial, progress)
            except _DAMAGED as error:
                message = f"cannot be unpacked ({error}); delete it, and it will be fetched again"
                raise SourceError(message, source=str(archive)) from None


def _unpack(archive: Path, folder: Path, progress: Progress) -> None:
    top, size = folder.resolve(), 0
    members = _zipped(archive) if archive.suffix.lower() == ".zip" else _tarred(archive)
    for number, (name, bytes_, content) in enumerate(members, start=1):
        size += bytes_
        if size > MOST_TIMES * archive.stat().st_size:
            raise SourceError(f"holds more than {MOST_TIMES} times its own size, {size:,} bytes", source=str(archive))
        path = (top / name).resolve()
        if not path.is_relative_to(top):
            raise SourceError(f"holds a file that leads out of it: {name!r}", source=str(archive))
        path.parent.mkdir(parents=True, exist_ok=True)
        with content, path.open("wb") as target:
            shutil.copyfileobj(content, target)
        progress(number, None, f"files of {archive.name}")


def _zipped(archive: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    """(name, bytes, content) of every file."""
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            if not member.is_dir():
                yield member.filename, member.file_size, packed.open(member)


def _tarred(archive: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    """(name, bytes, content) of every file; links and devices are passed over."""
    with tarfile.open(archive) as packed:
        for member in packed:
            content = packed.extractfile(member) if member.isfile() else None
            if content is not None:
                yield member.name, member.size, content

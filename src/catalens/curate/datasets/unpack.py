"""Archives of data sets to folders: whole or not at all, and never a file outside the folder."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from catalens.core.durable import replacing_folder
from catalens.core.errors import SourceError
from catalens.core.progress import Progress

MOST_TIMES = 20  # photos hardly shrink; an archive that grows more than this is a bomb


def is_archive(path: Path) -> bool:
    """By its name."""
    return path.name.lower().endswith((".zip", ".tar", ".tar.gz", ".tgz"))


def unpack(archives: Sequence[Path], folder: Path, progress: Progress) -> None:
    """Unpack archives into one folder, which gets its name when all is there.  Raises SourceError."""
    with replacing_folder(folder) as partial:
        for archive in archives:
            try:
                if archive.suffix.lower() == ".zip":
                    _unzip(archive, partial, progress)
                else:
                    _untar(archive, partial, progress)
            except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError) as error:
                message = f"cannot be unpacked ({error}); delete it, and it will be fetched again"
                raise SourceError(message, source=str(archive)) from None


def _unzip(archive: Path, folder: Path, progress: Progress) -> None:
    with zipfile.ZipFile(archive) as packed:
        members = packed.infolist()
        _refuse_bombs(archive, sum(member.file_size for member in members))
        for number, member in enumerate(members, start=1):
            packed.extract(member, folder)  # takes "..", drives and roots out of names
            progress(number, len(members), f"files of {archive.name}")


def _untar(archive: Path, folder: Path, progress: Progress) -> None:
    size = 0
    with tarfile.open(archive) as packed:
        for number, member in enumerate(packed, start=1):
            size += member.size
            _refuse_bombs(archive, size)
            if member.isfile() or member.isdir():
                packed.extract(member, folder, filter="data")
            progress(number, None, f"files of {archive.name}")


def _refuse_bombs(archive: Path, unpacked: int) -> None:
    if unpacked > MOST_TIMES * archive.stat().st_size:
        raise SourceError(f"holds {unpacked:,} bytes, more than {MOST_TIMES} times its own size", source=str(archive))

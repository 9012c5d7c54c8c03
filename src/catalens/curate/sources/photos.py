"""Where a dump keeps its photos: a folder, or a zip that is read in place."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from catalens.core.errors import SourceError
from catalens.curate.sources.protocol import Photo

EXTENSIONS = (
    ".jpg", ".jpeg", ".jfif", ".png", ".webp", ".avif", ".gif", ".tif", ".tiff", ".bmp", ".heic", ".heif", ".apng",
)  # fmt: skip


def is_photo_name(name: str) -> bool:
    """By its extension, in any case."""
    return name.lower().endswith(EXTENSIONS)


class FolderPhotos:
    """Photos in a folder, found by relative path, with or without extension, in any case, also below `images/`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._listing = lru_cache(maxsize=256)(_listing)

    def find(self, reference: str) -> Photo | None:
        """The photo that a cell such as "shoes/12" or "12.JPG" means."""
        reference = reference.strip().replace("\\", "/")
        for base in (self.folder, self.folder / "images"):
            path = base / reference
            name = self._listing(path.parent).get(path.name.lower())
            if name is not None:
                found = path.parent / name
                return Photo(_relative(found, self.folder), _opener(found))
        return None

    def names(self) -> Iterator[str]:
        """Names of all photos directly in the folder, sorted."""
        yield from sorted(entry.name for entry in os.scandir(self.folder) if is_photo_name(entry.name))


class ZipPhotos:
    """Photos in a zip, found like those of a folder; nothing is unpacked."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise SourceError(f"cannot be read as a zip ({error})", source=str(path)) from None
        self._names = [
            name for name in self._zip.namelist() if is_photo_name(name) and not _hidden(PurePosixPath(name))
        ]
        self._places: dict[str, str] = {}
        for name in self._names:
            path_in_zip = PurePosixPath(name.lower())
            for place in (str(path_in_zip), str(path_in_zip.with_suffix("")), path_in_zip.name, path_in_zip.stem):
                self._places.setdefault(place, name)

    def find(self, reference: str) -> Photo | None:
        """The photo that a cell such as "12", "12.jpg" or "images/12.jpg" means."""
        name = self._places.get(reference.strip().replace("\\", "/").lower())
        if name is None:
            return None
        return Photo(name, lambda: cast(BinaryIO, self._zip.open(name)))

    def names(self) -> Iterator[str]:
        """Names of all photos in the zip, sorted."""
        yield from sorted(self._names)


def fingerprint(files: Iterable[Path]) -> str:
    """sha256 over names, sizes and times of the files that define a dump; their content may be far too large to hash."""
    digest = hashlib.sha256()
    for file in files:
        status = file.stat()
        digest.update(f"{file.name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def file_photo(path: Path, name: str) -> Photo:
    """A photo that is a file of its own."""
    return Photo(name, _opener(path))


def _opener(path: Path):
    return lambda: path.open("rb")


def _listing(folder: Path) -> dict[str, str]:
    """Lower-case name, and name without extension, -> the name as it is on disk; the full name wins."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError:
        return {}
    stems = {os.path.splitext(name)[0].lower(): name for name in reversed(names) if is_photo_name(name)}
    return stems | {name.lower(): name for name in names}


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()


def _hidden(path: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)

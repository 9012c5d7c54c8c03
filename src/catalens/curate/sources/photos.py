"""Where a dump keeps its photos: a folder, or a zip that is read in place.

A photo is found by its exact name; else by its name in any case, with or without extension, if just one file fits.
Nothing is guessed: two that fit are none.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from catalens.core.errors import SourceError
from catalens.core.formats import EXTENSIONS
from catalens.curate.sources.protocol import Photo, storable

SUBFOLDER = "images/"


def is_photo_name(name: str) -> bool:
    """By its extension, in any case."""
    return name.lower().endswith(EXTENSIONS)


class Names:
    """The names of files, found exactly or loosely."""

    def __init__(self, names: Iterable[str]) -> None:
        self._exact = set(names)
        full = _unique((name.lower(), name) for name in self._exact)
        stems = _unique((os.path.splitext(name)[0].lower(), name) for name in self._exact if is_photo_name(name))
        self._loose = stems | full

    def find(self, reference: str) -> str | None:
        return reference if reference in self._exact else self._loose.get(reference.lower())


class FolderPhotos:
    """Photos in a folder, found by their path from it or from its `images/`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._names = lru_cache(maxsize=256)(_names)

    def find(self, reference: str) -> Photo | None:
        """The photo that a cell such as "shoes/12", "12.JPG" or "shoes\\12.jpg" means."""
        reference = reference.strip().replace("\\", "/")
        for base in ("", SUBFOLDER):
            path = self.folder / f"{base}{reference}"
            name = self._names(path.parent).find(path.name)
            if name is not None:
                found = path.parent / name
                inside = found.is_relative_to(self.folder)
                return file_photo(found, (found.relative_to(self.folder) if inside else found).as_posix())
        return None

    def names(self) -> Iterator[str]:
        """Names of all photos directly in the folder, sorted."""
        names = (entry.name for entry in os.scandir(self.folder))
        return (storable(name) for name in sorted(names) if is_photo_name(name))


class ZipPhotos:
    """Photos in a zip, found by their path in it, below the folder that holds all, or below `images/`."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise SourceError(f"cannot be read as a zip ({error})", source=str(path)) from None
        self._photos = sorted(name for name in self._zip.namelist() if is_photo_name(name) and not _hidden(name))
        folders = [os.path.dirname(name) for name in self._photos]
        top = os.path.commonpath(folders) if folders and all(folders) else ""
        self._bases = tuple(dict.fromkeys(("", SUBFOLDER, *([f"{top}/"] if top else []))))
        self._names = Names(self._photos)

    def find(self, reference: str) -> Photo | None:
        """The photo that a cell such as "12", "12.jpg" or "images/12.jpg" means."""
        reference = reference.strip().replace("\\", "/")
        for base in self._bases:
            name = self._names.find(f"{base}{reference}")
            if name is not None:
                return Photo(name, self._opener(name))
        return None

    def names(self) -> Iterator[str]:
        """Names of all photos in the zip, sorted."""
        return iter(self._photos)

    def _opener(self, name: str) -> Callable[[], BinaryIO]:
        return lambda: cast(BinaryIO, self._zip.open(name))


def file_photo(path: Path, name: str) -> Photo:
    """A photo that is a file of its own."""
    return Photo(storable(name), lambda: path.open("rb"))


def fingerprint(files: Iterable[Path]) -> str:
    """sha256 over names, sizes and times of the files that define a dump; their content may be too large to hash."""
    digest = hashlib.sha256()
    for file in files:
        status = file.stat()
        digest.update(f"{file.name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _names(folder: Path) -> Names:
    try:
        return Names(entry.name for entry in os.scandir(folder))
    except (OSError, ValueError):  # ValueError: the path holds a NUL
        return Names(())


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Keys that stand for one value only."""
    found: dict[str, str] = {}
    several = set()
    for key, value in pairs:
        if found.setdefault(key, value) != value:
            several.add(key)
    return {key: value for key, value in found.items() if key not in several}


def _hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)

"""The photos of a dump, found by what its rows call them.

A photo is found by its exact name; else by its name in any case and any spelling of accents, with or without extension,
if just one file fits.  Nothing is guessed: two that fit are none.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from catalens.curate.sources.archive import LONGEST, ArchivePath, is_hidden
from catalens.curate.sources.files import ARCHIVES, DumpPath, below, is_photo_name, open_archive, scan
from catalens.curate.sources.protocol import Note, Photo, storable

SUBFOLDER = "images/"
SHOWN = 200  # characters of a reference in a message


class PhotoFinder(Protocol):
    """What turns a cell of a table into a photo."""

    notes: tuple[Note, ...]  # on what could not be read of the place where the photos are

    def find(self, reference: str) -> Photo | None:
        """None where there is no such photo, or where several could be meant."""

    def missing(self, reference: str) -> tuple[str, str]:
        """(cause, detail) of a photo that was not found."""


class Names:
    """The names in a folder, found exactly or loosely."""

    def __init__(self, names: Iterable[str]) -> None:
        self._exact = set(names)
        full = _unique((_plain(name), name) for name in self._exact)
        stems = _unique((_plain(os.path.splitext(name)[0]), name) for name in self._exact if is_photo_name(name))
        self._loose = stems | full

    def find(self, reference: str) -> str | None:
        return reference if reference in self._exact else self._loose.get(_plain(reference))


class PhotoFiles:
    """Photos below a folder, found by their path from it or from one of the `bases` in it."""

    def __init__(self, folder: DumpPath, bases: Sequence[str] = ("", SUBFOLDER), notes: Sequence[Note] = ()) -> None:
        self.folder = folder
        self.notes = tuple(notes)
        self._bases = bases
        self._files = lru_cache(maxsize=256)(_file_names)
        self._folders = lru_cache(maxsize=256)(_folder_names)

    def find(self, reference: str) -> Photo | None:
        """The photo that a cell such as "shoes/12", "12.JPG" or "Shoes\\12.jpg" means."""
        reference = reference.strip().replace("\\", "/")
        if len(reference) > LONGEST or "://" in reference:
            return None
        for base in self._bases:
            path = self.folder / f"{base}{reference}"
            photo = self._at(path.parent, path.name) or self._loosely(f"{base}{reference}")
            if photo is not None:
                return photo
        return None

    def missing(self, reference: str) -> tuple[str, str]:
        why = "is a URL: --format urls fetches it" if "://" in reference else "is not there, or fits several files"
        return "photo not found", f"{reference[:SHOWN]} {why}"

    def names(self) -> Iterator[str]:
        """Names of all photos in the folder and below that are not hidden, sorted by folder."""
        pending = [self.folder]
        while pending:
            folder = pending.pop()
            entries = [entry for entry in scan(folder) if not is_hidden(entry.name)]
            for entry in entries:
                if not entry.is_folder and is_photo_name(entry.name):
                    yield storable(below(folder / entry.name, self.folder))
            pending += [folder / entry.name for entry in reversed(entries) if entry.is_folder]

    def _at(self, folder: DumpPath, name: str) -> Photo | None:
        found = self._files(folder).find(name)
        return file_photo(folder / found, below(folder / found, self.folder)) if found is not None else None

    def _loosely(self, reference: str) -> Photo | None:
        """The folders, too, by their names in any case."""
        *folders, name = reference.split("/")
        folder = self.folder
        for part in folders:
            found = self._folders(folder).find(part)
            if found is None:
                return None
            folder = folder / found
        return self._at(folder, name)


def archive_of(folder: DumpPath, name: str) -> Path | None:
    """images.zip, images.tar ... beside a table; an archive inside an archive is not opened."""
    if not isinstance(folder, Path):
        return None
    return next((file for ending in ARCHIVES if (file := folder / f"{name}{ending}").is_file()), None)


def archived_photos(path: Path, encoding: str) -> PhotoFiles:
    """Photos in an archive, found by their path in it, below the folder that holds all, or below `images/`.

    Raises SourceError.
    """
    archive = open_archive(path, encoding=encoding)
    names = [name for name in archive.files if is_photo_name(name) and not any(map(is_hidden, name.split("/")))]
    folders = {os.path.dirname(name) for name in names}
    top = os.path.commonpath(folders) if folders and all(folders) else ""
    bases = dict.fromkeys(("", SUBFOLDER, *([f"{top}/"] if top else [])))
    return PhotoFiles(archive.root, tuple(bases), archive.notes)


def file_photo(path: DumpPath, name: str) -> Photo:
    """A photo that is a file of its own."""
    size = path.size if isinstance(path, ArchivePath) else None  # else it costs a look at the disk
    return Photo(storable(name), lambda: path.open("rb"), size)


def fingerprint(files: Iterable[DumpPath]) -> str:
    """sha256 over names, sizes and times of the files that define a dump; their content may be too large to hash."""
    digest = hashlib.sha256()
    for file in files:
        status = file.stat()
        digest.update(f"{file.name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _file_names(folder: DumpPath) -> Names:
    return _names(folder, folders=False)


def _folder_names(folder: DumpPath) -> Names:
    return _names(folder, folders=True)


def _names(folder: DumpPath, *, folders: bool) -> Names:
    try:
        return Names(entry.name for entry in scan(folder) if entry.is_folder is folders)
    except (OSError, ValueError):  # ValueError: the path holds a NUL
        return Names(())


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).lower()


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Keys that stand for one value only."""
    found: dict[str, str] = {}
    several = set()
    for key, value in pairs:
        if found.setdefault(key, value) != value:
            several.add(key)
    return {key: value for key, value in found.items() if key not in several}

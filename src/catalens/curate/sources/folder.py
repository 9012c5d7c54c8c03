"""Folder per class: the folders above a photo, at any depth, are its category path.

Top-level folders named like the parts of a split (train, val, valid, validation, dev, test, ...) are the given split,
not a level, if there are no others or at least two of them: one folder "train" among others may well hold toy trains.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator
from typing import ClassVar

from catalens.core.errors import SourceError
from catalens.curate.sources.archive import is_hidden
from catalens.curate.sources.files import DumpPath, is_archive_name, is_photo_name, real, scan
from catalens.curate.sources.given import part_name
from catalens.curate.sources.photos import file_photo
from catalens.curate.sources.protocol import IngestSettings, Item, Note, Row, numbered, storable
from catalens.curate.sources.table import tables_with_photos


class FolderSource:
    """Each photo is a product; its id is its path below the source."""

    looks_for: ClassVar[str] = "a folder with a folder of photos for each category"
    uses: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, path: DumpPath, settings: IngestSettings) -> None:
        if not path.is_dir():
            raise SourceError("expected a folder", source=str(path))
        self.path = path
        self.level_names = ()
        self.taxonomy = None
        self._splits = _split_folders(path)
        digest, self.total = hashlib.sha256(), 0
        for relative, kind in _walk(path):
            digest.update(f"{kind}\0{'/'.join(relative)}\n".encode("utf-8", "surrogateescape"))
            self.total += 1
        self.fingerprint = digest.hexdigest()
        self.remarks = (f"split folders: {', '.join(sorted(self._splits))}",) if self._splits else ()

    @staticmethod
    def fits(path: DumpPath) -> bool:
        if not path.is_dir() or tables_with_photos(path):
            return False
        return any(kind == "photo" and len(relative) > 1 for relative, kind in _walk(path))

    def read(self, cursor: int) -> Iterator[tuple[int, Item]]:
        return numbered(self._items(), cursor)

    def _items(self) -> Iterator[Item]:
        for relative, kind in _walk(self.path):
            place = storable("/".join(relative))
            if kind != "photo":
                yield Note(place, kind)
                continue
            split = part_name(relative[0]) if relative[0] in self._splits else None
            folders = relative[1:-1] if split else relative[:-1]
            yield Row(
                product_id=place,
                photos=(file_photo(self.path / "/".join(relative), place),),
                places=(place,),
                # one spelling of accented names, whatever file system the dump comes from
                category=tuple(unicodedata.normalize("NFC", storable(name)) for name in folders) or None,
                given_split=split,
            )


def _split_folders(path: DumpPath) -> frozenset[str]:
    names = [entry.name for entry in scan(path) if entry.is_folder and not is_hidden(entry.name)]
    splits = {name for name in names if part_name(name)}
    several = len({part_name(name) for name in splits}) > 1
    return frozenset(splits) if several or len(splits) == len(names) else frozenset()


def _walk(folder: DumpPath) -> Iterator[tuple[tuple[str, ...], str]]:
    """(path parts, kind) of every entry, sorted by name, files before folders.

    `kind` is "photo", or why the entry is passed over.
    """
    pending: list[tuple[DumpPath, tuple[str, ...], frozenset[str]]] = [(folder, (), frozenset({real(folder)}))]
    while pending:
        path, relative, above = pending.pop()
        try:
            entries = scan(path)
        except OSError as error:
            yield relative, f"folder cannot be read ({error.strerror})"
            continue
        folders = []
        for name, is_folder in entries:
            here = (*relative, name)
            if is_folder:
                target = real(path / name)
                if is_hidden(name):
                    yield here, "hidden folder"
                elif target in above:
                    yield here, "folder links to one above it"
                else:
                    folders.append((path / name, here, above | {target}))
            elif is_hidden(name):
                yield here, "hidden file"
            elif is_archive_name(name):
                yield here, "archive that was not opened"
            else:
                yield here, "photo" if is_photo_name(name) else "not a photo"
        pending.extend(reversed(folders))

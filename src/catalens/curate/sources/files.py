"""Where a dump's files are: in a folder or in an archive.  Readers ask here, and read both alike."""

from __future__ import annotations

import os
from pathlib import Path

from catalens.core.errors import SourceError
from catalens.core.formats import EXTENSIONS as PHOTOS
from catalens.core.progress import Progress, silent
from catalens.curate.sources.archive import Archive, ArchivePath, Contents, Entry, is_hidden
from catalens.curate.sources.given import part_name
from catalens.curate.sources.tarred import TarContents
from catalens.curate.sources.zipped import ZipContents

DumpPath = Path | ArchivePath
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_FOREIGN = (".7z", ".rar", ".tar.zst", ".tzst", ".tar.lz4", ".tar.z")


def is_photo_name(name: str) -> bool:
    """By its extension, in any case."""
    return name.lower().endswith(PHOTOS)


def is_table_name(name: str) -> bool:
    """By its extension, in any case."""
    return name.lower().endswith(TABLES)


def is_archive_name(name: str) -> bool:
    """By its ending, in any case; of archives that can be read and those that cannot."""
    return name.lower().endswith((*ARCHIVES, *_FOREIGN))


def open_dump(path: Path, *, encoding: str = "utf-8", progress: Progress = silent) -> DumpPath:
    """The path, or the folder inside an archive that holds all of it.  Raises SourceError.

    Archives often hold one folder which holds the rest; it says nothing about the photos and is stepped into.
    """
    if not path.is_file() or not is_archive_name(path.name):
        return path
    return _top(open_archive(path, encoding=encoding, progress=progress).root)


def open_archive(path: Path, *, encoding: str = "utf-8", progress: Progress = silent) -> Archive:
    """Raises SourceError if it is none, is damaged, or is of a kind that cannot be read in place."""
    if path.name.lower().endswith(_FOREIGN):
        message = f"is an archive of a kind that is not read ({', '.join(ARCHIVES)} are); unpack it and name the folder"
        raise SourceError(message, source=str(path))
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"PK"
    except OSError as error:
        raise SourceError(f"cannot be read ({error.strerror})", source=str(path)) from None
    zipped |= path.suffix.lower() == ".zip"
    contents: Contents = ZipContents(path, encoding) if zipped else TarContents(path, encoding, progress)
    return Archive(path, contents)


def scan(folder: DumpPath) -> list[Entry]:
    """What is directly in a folder, sorted by name.  Raises OSError."""
    if isinstance(folder, ArchivePath):
        return folder.entries()
    with os.scandir(folder) as found:
        return sorted(Entry(entry.name, _is_folder(entry)) for entry in found)


def real(folder: DumpPath) -> str:
    """What is the same for two ways to one folder; archives have no links that are followed."""
    return str(folder) if isinstance(folder, ArchivePath) else os.path.realpath(folder)


def below(path: DumpPath, folder: DumpPath) -> str:
    """A path as it is called from a folder, with "/"; whole where it is elsewhere."""
    if isinstance(path, ArchivePath):
        return path.inside.removeprefix(f"{folder.inside}/" if isinstance(folder, ArchivePath) else "")
    inside = isinstance(folder, Path) and path.is_relative_to(folder)
    return (path.relative_to(folder) if inside else path).as_posix()  # type: ignore[arg-type]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Or a link to one; a link that leads nowhere or to itself is a file, and one that cannot be read."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _top(folder: ArchivePath) -> ArchivePath:
    """The folder in which there is more than one thing; but not one that is a part of a split, or a category itself."""
    while True:
        seen = [entry for entry in folder.entries() if not is_hidden(entry.name)]
        if len(seen) != 1 or not seen[0].is_folder or part_name(seen[0].name):
            return folder
        below = folder / seen[0].name
        files = [entry.name for entry in below.entries() if not entry.is_folder]
        if any(map(is_photo_name, files)) and not any(map(is_table_name, files)):
            return folder
        folder = below

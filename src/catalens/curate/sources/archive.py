"""A zip or a tar as a tree of paths: what reads a dump in a folder reads it in an archive, which is never unpacked.

Nothing is written by a member's name, so a hostile name can overwrite nothing; one that would lead out of the archive
is passed over all the same, with a note, because what it means is anybody's guess.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, Protocol, TextIO, overload

from catalens.curate.sources.protocol import Note, storable

DEEPEST, LONGEST = 64, 4096  # folders above a member, characters of its name: no file system takes longer ones
HIDDEN = ("__MACOSX",)  # besides what begins with a dot
_DRIVE = re.compile(r"[A-Za-z]:")


class Member(NamedTuple):
    """A file in an archive: its name there, its size unpacked in bytes, and what `Contents.open` wants to be told."""

    name: str
    size: int
    key: Any


class Contents(Protocol):
    """What a kind of archive has to tell."""

    remarks: tuple[str, ...]

    def members(self) -> Iterable[Member | Note]:
        """Its files in their order, and what in it is no file that can be read."""

    def open(self, key: Any) -> BinaryIO:
        """A member's bytes, seekable.  It and what is read from it raise OSError or EOFError on damage."""


class Entry(NamedTuple):
    """What stands in a folder."""

    name: str
    is_folder: bool


class Status(NamedTuple):
    """As much of `os.stat_result` as is asked of a file in an archive; its time is that of the archive."""

    st_size: int
    st_mtime_ns: int


class Archive:
    """The tree of an archive's files, all names held in memory, and `notes` on what was passed over."""

    def __init__(self, path: Path, contents: Contents) -> None:
        self.path = path
        self.contents = contents
        self.files: dict[str, Member] = {}
        self.folders: dict[str, dict[str, bool]] = {"": {}}  # folder -> {name: is a folder}
        self.notes: list[Note] = []
        for member in contents.members():
            self._add(member)
        for name in self.files.keys() & self.folders.keys():
            del self.files[name]
            self._note(name, "file with the name of a folder", "the folder is read")

    @property
    def root(self) -> ArchivePath:
        return ArchivePath(self, "")

    def _add(self, member: Member | Note) -> None:
        if isinstance(member, Note):
            self.notes.append(member)
            return
        try:
            name = inside(member.name)
        except ValueError as error:
            self._note(member.name, "unsafe name in the archive", str(error))
            return
        if name in self.files:
            self._note(name, "name twice in the archive", "the last one is read, as unpacking would leave it")
        self.files[name] = member
        self._place(name, is_folder=False)

    def _place(self, name: str, *, is_folder: bool) -> None:
        """Enter a name in its folder, and the folder in the one above, if it is new."""
        parent, _, child = name.rpartition("/")
        known = self.folders.setdefault(parent, {})
        if child not in known and parent:
            self._place(parent, is_folder=True)
        known[child] = known.get(child, False) or is_folder

    def _note(self, name: str, cause: str, detail: str) -> None:
        self.notes.append(Note(f"{self.path.name}: {storable(name[:LONGEST])}", cause, detail))


@dataclass(frozen=True, slots=True)
class ArchivePath:
    """A file or folder in an archive, with as much of `pathlib.Path` as readers use.  It leads nowhere else."""

    archive: Archive
    inside: str  # "" is the root, else "a/b.jpg"

    @property
    def name(self) -> str:
        return self.inside.rpartition("/")[2] or self.archive.path.name

    @property
    def suffix(self) -> str:
        return Path(self.name).suffix

    @property
    def stem(self) -> str:
        return Path(self.name).stem

    @property
    def parent(self) -> ArchivePath:
        return ArchivePath(self.archive, self.inside.rpartition("/")[0])

    def __truediv__(self, relative: str) -> ArchivePath:
        try:
            below = inside(relative)
        except ValueError:
            below = "\0"  # which nothing is called
        return ArchivePath(self.archive, "/".join(filter(None, (self.inside, below))))

    def __str__(self) -> str:
        return f"{self.archive.path}/{self.inside}".rstrip("/")

    def is_file(self) -> bool:
        return self.inside in self.archive.files

    def is_dir(self) -> bool:
        return self.inside in self.archive.folders

    def exists(self) -> bool:
        return self.is_file() or self.is_dir()

    def entries(self) -> list[Entry]:
        """What is directly in this folder, sorted.  Raises FileNotFoundError."""
        if not self.is_dir():
            raise FileNotFoundError(2, "no such folder in the archive", str(self))
        return [Entry(*child) for child in sorted(self.archive.folders[self.inside].items())]

    def iterdir(self) -> Iterator[ArchivePath]:
        return (self / name for name, _ in self.entries())

    @property
    def size(self) -> int:
        """Unpacked, in bytes, as the archive says.  Raises FileNotFoundError."""
        return self._member().size

    def stat(self) -> Status:
        return Status(self.size, self.archive.path.stat().st_mtime_ns)

    @overload
    def open(self, mode: Literal["rb"], buffering: int = -1) -> BinaryIO: ...

    @overload
    def open(
        self, mode: Literal["r"] = "r", *, encoding: str, errors: str | None = None, newline: str | None = None
    ) -> TextIO: ...

    def open(
        self,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> BinaryIO | TextIO:
        """As `Path.open`, but that a member is always buffered.  Raises OSError."""
        file = self.archive.contents.open(self._member().key)
        return file if "b" in mode else io.TextIOWrapper(file, encoding, errors, newline)

    def _member(self) -> Member:
        try:
            return self.archive.files[self.inside]
        except KeyError:
            raise FileNotFoundError(2, "no such file in the archive", str(self)) from None


def inside(name: str) -> str:
    """A member's name as a path from the root: "./a\\b.jpg" -> "a/b.jpg".  Raises ValueError if it leads elsewhere."""
    if len(name) > LONGEST:
        raise ValueError(f"has {len(name):,} characters, at most {LONGEST:,} are read")
    slashed = name.replace("\\", "/")
    if slashed.startswith("/") or _DRIVE.match(slashed):
        raise ValueError("is absolute")
    parts = [part for part in slashed.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError("leads out of the archive")
    if len(parts) > DEEPEST:
        raise ValueError(f"stands in {len(parts):,} folders, at most {DEEPEST} are read")
    if not parts:
        raise ValueError("is empty")
    return "/".join(parts)


def is_hidden(name: str) -> bool:
    """A file or folder that no person put into a dump."""
    return name.startswith(".") or name in HIDDEN

"""A dump in an archive: what its reader gives, after notes on what could not be read of the archive itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from catalens.core.errors import SourceError
from catalens.curate.sources.archive import ArchivePath, is_hidden
from catalens.curate.sources.photos import fingerprint
from catalens.curate.sources.protocol import Item, Note, Source, storable


class InsideArchive:
    """Cursors count the notes first, then go on as the reader's own do."""

    def __init__(self, reader: Source, top: ArchivePath) -> None:
        archive = top.archive
        self._reader = reader
        self._name = str(archive.path)
        self._notes = [*archive.notes, *_passed_over(top)]
        self.looks_for, self.uses = reader.looks_for, reader.uses
        self.level_names, self.taxonomy = reader.level_names, reader.taxonomy
        self.total = None if reader.total is None else reader.total + len(self._notes)
        parts = f"{fingerprint([archive.path])}\0{reader.fingerprint}"
        self.fingerprint = hashlib.sha256(parts.encode()).hexdigest()
        place = f"{archive.path.name}, folder {storable(top.inside)}" if top.inside else archive.path.name
        self.remarks = (f"read from {place}", *archive.contents.remarks, *reader.remarks)

    def read(self, cursor: int) -> Iterator[tuple[int, Item]]:
        before = len(self._notes)
        yield from enumerate(self._notes[cursor:], start=cursor + 1)
        try:
            for after, item in self._reader.read(max(0, cursor - before)):
                yield after + before, item
        except (OSError, EOFError) as error:  # of a dump that is one damaged member; a photo's is a finding
            raise SourceError(f"cannot be read ({error})", source=self._name) from None


def _passed_over(top: ArchivePath) -> Iterator[Note]:
    """What is hidden beside the folder that is read."""
    folder = ArchivePath(top.archive, "")
    for part in filter(None, top.inside.split("/")):
        for entry in folder.entries():
            if is_hidden(entry.name):
                kind = "hidden folder" if entry.is_folder else "hidden file"
                yield Note(storable((folder / entry.name).inside), kind)
        folder = folder / part

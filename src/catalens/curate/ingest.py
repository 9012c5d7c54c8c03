"""From a dump to a catalog: read, check every photo, write in parts that survive `kill -9`, reconcile."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from catalens.core.catalog import Catalog
from catalens.core.errors import CatalogError
from catalens.core.progress import Progress, silent
from catalens.core.seen import SeenIds
from catalens.curate.categories.clean_settings import IngestCleanSettings
from catalens.curate.making.check import CheckedRow, checked
from catalens.curate.making.finish import IngestReport, finish, report, tidy
from catalens.curate.making.journal import FINGERPRINT, Journal, Part
from catalens.curate.sources import open_source
from catalens.curate.sources.protocol import IngestSettings, Note, Source, Unusable, storable

TOLD_EVERY = 16  # items; a bar on a terminal takes its time
# settings that do not change what is read; the key has the format
_NOT_CONTENT = {"format", "threads", "workers", "web", "overwrite", "restart"}


def run(source: Path, catalog: Path, settings: IngestSettings, *, progress: Progress = silent) -> IngestReport:
    """Read a dump into a catalog folder.

    Run again after an interruption it goes on from the last sealed part; run again on a finished catalog of the same
    dump and settings it changes nothing.  Raises SourceError, ConfigError, or CatalogError if the folder is taken.
    """
    started = time.monotonic()
    name, reader = open_source(source, settings, progress)
    key = reading_key(name, reader, settings)
    if (catalog / "catalog.json").exists() and not settings.overwrite:
        return _unchanged(catalog, key, reader)
    _refuse_strangers(source, catalog, name)
    # cleaning comes after reading: what was read so far is good for other settings of it
    reading = {name: value for name, value in key.items() if name not in IngestCleanSettings.model_fields}
    with Journal(catalog, reading, overwrite=settings.overwrite, restart=settings.restart) as journal:
        read_parts(reader, journal, settings, progress)
        made_by = {"source": storable(str(source)), "key": key}
        finished = finish(catalog, journal, reader, settings, made_by)
    return report(finished, reader.remarks, time.monotonic() - started)


def reading_key(name: str, reader: Source, settings: IngestSettings) -> dict[str, Any]:
    """What was read and how, as JSON: another dump or other settings give another key."""
    content = settings.model_dump(mode="json", exclude=_NOT_CONTENT)
    return {"format": name, FINGERPRINT: reader.fingerprint, **content}


def read_parts(reader: Source, journal: Journal, settings: IngestSettings, progress: Progress = silent) -> None:
    """Read from the journal's cursor to the end, sealing part after part."""
    if journal.done:
        return
    cursor, part = journal.cursor, journal.next_part()
    with SeenIds() as seen:
        for table in journal.parts("products"):
            for product in table["product_id"].to_pylist():
                seen.add(product)
        progress(cursor, reader.total, f"{len(seen):,} products")
        for number, (cursor, item) in enumerate(checked(reader.read(journal.cursor), settings)):
            take(item, part, seen)
            if number % TOLD_EVERY == 0:
                progress(cursor, reader.total, f"{len(seen):,} products")
            if part.full:
                journal.seal(part, cursor, done=False)
                part = journal.next_part()
        progress(cursor, reader.total, f"{len(seen):,} products")
    journal.seal(part, cursor, done=True)


def take(item: CheckedRow | Unusable | Note, part: Part, seen: SeenIds) -> None:
    """Keep an item, set it aside with its cause, or note it.  `seen` holds the ids of the products kept so far."""
    if isinstance(item, Note):
        part.note(item)
    elif isinstance(item, Unusable):
        part.set_aside(item)
    elif item.row.product_id in seen:
        _set_aside(item, part, "duplicate product id", "an earlier row has this id")
    else:
        for note in item.notes:
            part.note(note)
        if item.photos:
            seen.add(item.row.product_id)
            part.keep(item)
        else:
            why = "; ".join(f"{note.place}: {note.detail}" for note in item.notes[:3])
            _set_aside(item, part, "no usable photo", why)


def _set_aside(item: CheckedRow, part: Part, cause: str, detail: str) -> None:
    for place in item.row.places:
        part.set_aside(Unusable(place, cause, detail, item.row.product_id))


def _unchanged(folder: Path, key: dict[str, Any], reader: Source) -> IngestReport:
    """The report of a catalog that is there already.  Raises CatalogError if it was made of something else."""
    catalog = Catalog(folder)
    if catalog.info.made_by.get("key") != key:
        message = "is a finished catalog of another dump or other settings; choose another folder or pass --overwrite"
        raise CatalogError(message, source=str(folder))
    tidy(folder)  # what a kill between the last steps left
    return report(catalog, reader.remarks, 0.0, unchanged=True)


def _refuse_strangers(source: Path, catalog: Path, name: str) -> None:
    """Raises CatalogError where writing would mix a catalog with something else."""
    if name == "folder" and catalog.resolve().is_relative_to(source.resolve()):
        raise CatalogError("lies inside the folder it would be read from; put it beside", source=str(catalog))
    ours = any((catalog / known).exists() for known in ("catalog.json", "journal"))
    if catalog.exists() and not ours and (not catalog.is_dir() or any(catalog.iterdir())):
        raise CatalogError("already exists and is not a catalog; choose another name", source=str(catalog))

"""Readers of dumps, one a file.  Register a reader here and the conformance suite tests it."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from catalens.core.errors import ConfigError, SourceError
from catalens.core.progress import Progress, silent
from catalens.core.registry import Registry
from catalens.curate.sources.files import DumpPath, open_dump
from catalens.curate.sources.inside import InsideArchive
from catalens.curate.sources.protocol import IngestSettings, Source

SOURCES = Registry(
    "source",
    {
        "fashion": "catalens.curate.sources.fashion:FashionSource",
        "grocery": "catalens.curate.sources.grocery:GrocerySource",
        "bson": "catalens.curate.sources.bson:BsonSource",
        "parquet": "catalens.curate.sources.parquet:ParquetSource",
        "products10k": "catalens.curate.sources.products10k:Products10kSource",
        "idx": "catalens.curate.sources.idx:IdxSource",
        "urls": "catalens.curate.sources.urls:UrlsSource",
        "table": "catalens.curate.sources.table:TableSource",
        "folder": "catalens.curate.sources.folder:FolderSource",
    },
)
# `auto` asks the formats with names of their own first: a folder of photos is in nearly every dump
_GENERAL = (("table",), ("folder",))
_READING_SETTINGS = (
    "taxonomy", "image", "product_id", "category", "category_separator", "seller", "group", "split", "encoding",
    "sample", "seed",
    "web",
)  # fmt: skip


def open_source(path: Path, settings: IngestSettings, progress: Progress = silent) -> tuple[str, Source]:
    """(format, reader) for a dump in a file, a folder or an archive; a compressed tar is unpacked now.

    Raises SourceError if it is not there or no format fits, ConfigError on a setting that the format does not read.
    """
    if not path.exists():
        raise SourceError("there is no such file or folder", source=str(path))
    dump = open_dump(path, encoding=settings.encoding, progress=progress)
    name = recognise(dump) if settings.format == "auto" else settings.format
    reader = SOURCES.load(name)
    given = settings.model_dump(include=set(_READING_SETTINGS), exclude_defaults=True)
    read = reader.uses if isinstance(dump, Path) else reader.uses | {"encoding"}  # an archive has names, too
    unread = sorted(set(given) - read)
    if unread:
        raise ConfigError(f"the {name} format does not read the setting {unread[0]!r}", source=str(path), key=unread[0])
    source: Source = reader(dump, settings)
    return name, source if isinstance(dump, Path) else cast(Source, InsideArchive(source, dump))


def recognise(path: DumpPath) -> str:
    """The format of a dump.  Raises SourceError saying what was looked for if none fits, or naming those that do."""
    special = tuple(name for name in SOURCES if (name,) not in _GENERAL)
    for names in (special, *_GENERAL):
        fitting = [name for name in names if SOURCES.load(name).fits(path)]
        if len(fitting) > 1:
            raise SourceError(
                f"fits several formats ({', '.join(fitting)}); choose one with --format", source=str(path)
            )
        if fitting:
            return fitting[0]
    wanted = "\n".join(f"  {name}: {SOURCES.load(name).looks_for}" for name in SOURCES)
    raise SourceError(f"is of no known format; looked for\n{wanted}", source=str(path))


__all__ = ["SOURCES", "IngestSettings", "Source", "open_source", "recognise"]

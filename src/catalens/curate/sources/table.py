"""A table with photos: their paths, or their bytes in the cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from catalens.core.errors import SourceError
from catalens.curate.sources.columns import find_columns, recognise_images
from catalens.curate.sources.files import TABLES, DumpPath, is_table_name, scan
from catalens.curate.sources.listed import read_taxonomy
from catalens.curate.sources.photos import PhotoFiles, PhotoFinder, archive_of, archived_photos, fingerprint
from catalens.curate.sources.protocol import IngestSettings, Item, numbered
from catalens.curate.sources.records import header, records, separator, usual_names
from catalens.curate.sources.rows import Line, Rows


class TableSource:
    """A row, or the rows with the same product id, is a product.

    Photos are in the cells, or found beside the table, in images/ or in images.zip (or .tar, .tar.gz ...); or `photos`
    finds what the cells name.
    """

    looks_for: ClassVar[str] = f"a table ({', '.join(TABLES)}) with a column of photo paths, or a folder with one"
    uses: ClassVar[frozenset[str]] = frozenset(
        {"taxonomy", "image", "product_id", "category", "category_separator", "seller", "group", "split", "encoding"}
    )

    def __init__(self, path: DumpPath, settings: IngestSettings, *, photos: PhotoFinder | None = None) -> None:
        self.table = _the_table(path, settings)
        self.encoding = settings.encoding
        columns = find_columns(header(self.table, self.encoding), settings, str(self.table))
        beside = self.table.parent
        archive = None if photos or (beside / "images").is_dir() else archive_of(beside, "images")
        self.photos = photos or (archived_photos(archive, self.encoding) if archive else PhotoFiles(beside))
        self.taxonomy = read_taxonomy(settings.taxonomy) if settings.taxonomy else None
        self.rows = Rows(
            columns,
            self.photos,
            separator=settings.category_separator,
            by_id=self.taxonomy is not None,
            source=str(self.table),
        )
        self.level_names = columns.category if len(columns.category) > 1 else ()
        self.total = None
        others = [file for file in (archive, settings.taxonomy) if file is not None]
        self.fingerprint = fingerprint([self.table, *others])
        mark = separator(self.table, self.encoding)
        unusual = mark is not None and mark != {".tsv": "\t"}.get(self.table.suffix.lower(), ",")
        self.remarks = (*([f"columns are separated by {mark!r}"] if unusual else []), *columns.remarks)

    @staticmethod
    def fits(path: DumpPath) -> bool:
        if path.is_dir():
            return bool(tables_with_photos(path))
        return is_table_name(path.name)

    def read(self, cursor: int) -> Iterator[tuple[int, Item]]:
        return numbered(self._items(), cursor)

    def _items(self) -> Iterator[Item]:
        yield from self.rows.products(self._lines)
        yield from self.photos.notes

    def _lines(self, columns: Sequence[str] | None) -> Iterator[Line]:
        for number, record in records(self.table, self.encoding, columns=columns):
            yield Line(f"{self.table.name}: row {number}", record)


def tables_with_photos(folder: DumpPath) -> list[DumpPath]:
    """The tables directly in a folder that have a column of photo paths by its usual names.

    Raises SourceError if one cannot be read: to pass it over would make a folder of photos out of a dump.
    """
    return [file for file in _tables(folder) if recognise_images(usual_names(file))]


def _the_table(path: DumpPath, settings: IngestSettings) -> DumpPath:
    if not path.is_dir():
        return path
    tables = _tables(path)
    if len(tables) > 1:
        told = set(settings.image)
        fitting = [file for file in tables if told <= set(header(file, settings.encoding))]
        tables = fitting if told else tables_with_photos(path)
    if len(tables) != 1:
        found = ", ".join(file.name for file in tables) or "none"
        message = f"expected one table with a column of photo paths, got {found}; name the file"
        raise SourceError(message, source=str(path))
    return tables[0]


def _tables(folder: DumpPath) -> list[DumpPath]:
    return [folder / entry.name for entry in scan(folder) if not entry.is_folder and is_table_name(entry.name)]

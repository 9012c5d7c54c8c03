"""A table with photo URLs: what `table` reads from files beside it is fetched from the web.

Photos of the rows ahead are fetched while those before are written, many at once; the rows keep their order.  What was
fetched stays in a folder (`curate/fetch/downloads.py`): an ingest that was killed, or is made anew, does not fetch it
again.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, ClassVar

from catalens.core.errors import FetchError, SourceError
from catalens.curate.sources.columns import find_columns, recognise_images
from catalens.curate.sources.files import TABLES, DumpPath, is_table_name
from catalens.curate.sources.listed import read_taxonomy
from catalens.curate.sources.photos import file_photo, fingerprint
from catalens.curate.sources.protocol import IngestSettings, Item, Note, Photo, Row, numbered, storable
from catalens.curate.sources.records import header, records, usual_names
from catalens.curate.sources.rows import Line, Rows
from catalens.curate.sources.table import TableSource

if TYPE_CHECKING:
    from catalens.curate.fetch.downloads import Kept

AHEAD = 64  # rows for every connection that may be under way: a list is often sorted by host, and hosts take turns
# compared in lower case without "_", "-" and spaces; a number may follow: image_url_1, image_url_2
_URL_COLUMN = re.compile(
    r"(?:(?:additional)?(?:image|photo|picture|img)s?)?(?:urls?|links?|uri)\d*|(?:image|img)src\d*"
)


class UrlsSource:
    """A row, or the rows with the same product id, is a product; its photos are what its URLs give.

    A URL that gives no photo is a note with its cause; a product with none at all is set aside.
    """

    looks_for: ClassVar[str] = f"a table ({', '.join(TABLES)}) with a column of photo URLs"
    uses: ClassVar[frozenset[str]] = TableSource.uses | {"web"}

    def __init__(self, path: DumpPath, settings: IngestSettings) -> None:
        if not isinstance(path, Path) or not path.is_file() or not is_table_name(path.name):
            raise SourceError(f"expected {self.looks_for}", source=str(path))
        self.table = path
        names = header(path, settings.encoding)
        image = settings.image or recognise_urls(names) or recognise_images(names)
        if not image:
            message = f"no column of {', '.join(names) or 'none'} looks like photo URLs; name it with --image-column"
            raise SourceError(message, source=str(path))
        columns = find_columns(names, settings.model_copy(update={"image": image}), str(path))
        self.taxonomy = read_taxonomy(settings.taxonomy) if settings.taxonomy else None
        self.rows = Rows(
            columns,
            _Named(),
            separator=settings.category_separator,
            by_id=self.taxonomy is not None,
            source=str(path),
        )
        self.level_names = columns.category if len(columns.category) > 1 else ()
        self.total = None
        self.fingerprint = fingerprint([path, *([settings.taxonomy] if settings.taxonomy else [])])
        self.downloads = settings.web.downloads or path.with_name(f"{path.name}.downloads")
        self._settings = settings
        self._counts: Counter[str] = Counter()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was recognised, and once it was read, what came of the URLs."""
        said = [f"photos are kept in {self.downloads}"]
        if self._counts:
            said.append(f"URLs: {', '.join(f'{count:,} {what}' for what, count in sorted(self._counts.items()))}")
        if self._counts["to try again"]:
            said.append("ingest again with --overwrite for those to try again: only they will be fetched")
        return (*self.rows.columns.remarks, *said)

    @staticmethod
    def fits(path: DumpPath) -> bool:
        if not isinstance(path, Path) or not is_table_name(path.name) or not path.is_file():
            return False
        names = usual_names(path)
        return bool(recognise_urls(names)) and not recognise_images(names)

    def read(self, cursor: int) -> Iterator[tuple[int, Item]]:
        from catalens.curate.fetch.crawl import Crawl
        from catalens.curate.fetch.downloads import Downloads
        from catalens.curate.fetch.hold import hold

        web, most = self._settings.web, self._settings.max_photo_bytes
        waiting: deque[tuple[int, Item, list[Future[Kept] | None]]] = deque()
        with hold(self.downloads), Crawl(Downloads(self.downloads), web, max_bytes=most) as crawl:
            self._counts = crawl.counts
            for after, item in numbered(self.rows.products(self._lines), cursor):
                photos = item.photos if isinstance(item, Row) else ()
                futures = [crawl.submit(photo.name) if photo.open is _not_fetched else None for photo in photos]
                waiting.append((after, item, futures))
                if len(waiting) > AHEAD * web.connections:
                    yield _arrived(*waiting.popleft())
            while waiting:
                yield _arrived(*waiting.popleft())

    def _lines(self, columns: Sequence[str] | None) -> Iterator[Line]:
        for number, record in records(self.table, self._settings.encoding, columns=columns):
            yield Line(f"{self.table.name}: row {number}", record)


def recognise_urls(names: Sequence[str]) -> tuple[str, ...]:
    """The columns that hold photo URLs by their usual names, in the table's order."""
    return tuple(name for name in names if _URL_COLUMN.fullmatch(re.sub(r"[\s_-]", "", name.lower())))


class _Named:
    """Every cell names a photo: whether it is a URL, fetching it says."""

    notes: tuple[Note, ...] = ()

    def find(self, reference: str) -> Photo | None:
        return Photo(storable(reference), _not_fetched)

    def missing(self, reference: str) -> tuple[str, str]:
        return "not a usable URL", reference


def _not_fetched() -> BinaryIO:
    raise FetchError("was not fetched yet")


def _arrived(after: int, item: Item, futures: list[Future[Kept] | None]) -> tuple[int, Item]:
    """The item with the photos that came, and a note for each that did not."""
    if not isinstance(item, Row):
        return after, item
    photos, notes = [], []
    for photo, future in zip(item.photos, futures, strict=True):
        kept = future.result() if future is not None else None
        if kept is None:  # its bytes stood in the cell
            photos.append(photo)
        elif kept.path is not None:
            photos.append(file_photo(kept.path, photo.name))
        else:
            notes.append(Note(photo.name, kept.cause, kept.detail, item.product_id))
    return after, replace(item, photos=tuple(photos), notes=(*item.notes, *notes))

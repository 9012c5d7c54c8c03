"""What makes an ingest survive `kill -9`: the work is done in parts, and a part counts once its entry has its name.

A part is sealed in three steps: its photos as a shard, its rows as Parquet files, then `part-00000.json` with the
cursor to go on from.  Whatever has no entry was not finished: it is deleted and read again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from catalens.core.catalog import IMAGES, PRODUCTS, TABLES, write_json, write_parquet
from catalens.core.errors import CatalogError, SourceError
from catalens.core.lock import LOCK_NAME, lock
from catalens.core.shards import ShardWriter
from catalens.core.taxonomy import compose, path_id
from catalens.curate.making.check import CheckedRow
from catalens.curate.sources.protocol import Note, Unusable

SCHEMAS = {"products": PRODUCTS, "images": IMAGES, "findings": TABLES["findings"]}
PART_ROWS = 65_536  # a part also ends here, so that a dump of rows without photos is held in bounded memory
FINGERPRINT = "source fingerprint"  # where a key says which dump it is
AFRESH = "pass --restart to begin afresh"


class Part:
    """The rows and photos since the last seal."""

    def __init__(self, shard: Path) -> None:
        self.shard = ShardWriter(shard)
        self.rows: dict[str, list[dict[str, Any]]] = {name: [] for name in SCHEMAS}
        self.categories: dict[str, tuple[str, ...]] = {}
        self.rows_read = 0
        self.rows_merged = 0

    @property
    def full(self) -> bool:
        return self.shard.full or sum(map(len, self.rows.values())) >= PART_ROWS

    def note(self, note: Note) -> None:
        self._finding(note, set_aside=False)

    def set_aside(self, row: Unusable) -> None:
        self.rows_read += 1
        self._finding(row, set_aside=True)

    def keep(self, checked: CheckedRow) -> None:
        """Take a product with at least one good photo.  Raises SourceError if its category id stands for two paths."""
        row = checked.row
        self.rows_read += len(row.places)
        self.rows_merged += len(row.places) - 1
        category = row.category_id or (path_id(row.category) if row.category else None)
        if category and row.category:
            _agree(self.categories, category, compose(row.category))
        self.rows["products"].append(
            {
                "product_id": row.product_id,
                "category_id": category,
                "seller": row.seller,
                "group": row.group,
                "attributes": list(row.attributes.items()),
                "source": row.places[0],
                "given_split": row.given_split,
            }
        )
        stored: dict[str, int] = {}  # a photo that comes twice in a product is two rows, its bytes are written once
        for position, photo in enumerate(checked.photos):
            if photo.image_id not in stored:
                stored[photo.image_id] = self.shard.add(photo.image_id, photo.data, photo.name)
            self.rows["images"].append(
                {
                    "image_id": photo.image_id,
                    "product_id": row.product_id,
                    "position": position,
                    "shard": self.shard.path.name,
                    "row": stored[photo.image_id],
                    "width": photo.info.width,
                    "height": photo.info.height,
                    "format": photo.info.format,
                }
            )

    def _finding(self, item: Note | Unusable, *, set_aside: bool) -> None:
        about = {"source": item.place, "product_id": item.product_id, "cause": item.cause, "detail": item.detail}
        self.rows["findings"].append({**about, "set_aside": set_aside})


class Journal:
    """The sealed parts of one ingest, in CATALOG/journal; a context that no second process enters.

    `key` says what is being read and how; going on with another is a CatalogError.  `overwrite` replaces a finished
    catalog, `restart` forgets an unfinished one.
    """

    def __init__(
        self, catalog: Path, key: Mapping[str, Any], *, overwrite: bool = False, restart: bool = False
    ) -> None:
        self.folder = catalog / "journal"
        self.images = catalog / "images"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.images.mkdir(exist_ok=True)
        self._lock = _lock(self.folder)
        complete = (catalog / "catalog.json").exists()
        if complete and not overwrite:
            raise CatalogError("was finished by another ingest just now; run it again to see", source=str(catalog))
        if complete or restart or not (self.folder / "begin.json").exists():
            self._clear(catalog)
        self.entries = self._sealed()
        if self.done and not any(part.num_rows for part in self.parts("products")):
            # nothing to go on from, and what was wrong may be right now: photos that were not there, a host now allowed
            self._clear(catalog)
            self.entries = []
        self._begin(dict(key))
        self._delete_unsealed()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *error: object) -> None:
        self._lock.close()

    @property
    def cursor(self) -> int:
        """Where reading goes on."""
        return self.entries[-1]["cursor"] if self.entries else 0

    @property
    def done(self) -> bool:
        """True once the last part was sealed."""
        return bool(self.entries) and self.entries[-1]["done"]

    def categories(self) -> dict[str, tuple[str, ...]]:
        """Leaf id -> path of names, of every category met.  Raises SourceError if an id stands for two paths."""
        found: dict[str, tuple[str, ...]] = {}
        for number in range(len(self.entries)):
            for category, path in _read(self.folder / f"part-{number:05}.json")["categories"].items():
                _agree(found, category, tuple(path))
        return found

    def total(self, name: str) -> int:
        """Sum of a counter ("rows_read", "rows_merged") over the parts."""
        return sum(entry[name] for entry in self.entries)

    def next_part(self) -> Part:
        return Part(self.images / f"part-{len(self.entries):05}.arrow")

    def seal(self, part: Part, cursor: int, *, done: bool) -> None:
        """Make a part count: photos, rows, then the entry."""
        name = f"part-{len(self.entries):05}"
        if len(part.shard):
            part.shard.close()
        for table, schema in SCHEMAS.items():
            rows = pa.Table.from_pylist(part.rows[table], schema=schema)
            write_parquet(rows, self.folder / f"{name}.{table}.parquet")
        entry = {
            "cursor": cursor,
            "done": done,
            "shard": part.shard.path.name if len(part.shard) else None,
            "rows_read": part.rows_read,
            "rows_merged": part.rows_merged,
            "categories": part.categories,
        }
        write_json(entry, self.folder / f"{name}.json")
        self.entries.append(_without_categories(entry))

    def parts(self, table: str) -> Iterator[pa.Table]:
        """One table a part, in order."""
        for number in range(len(self.entries)):
            yield pq.read_table(self.folder / f"part-{number:05}.{table}.parquet", schema=SCHEMAS[table])

    def table(self, table: str) -> pa.Table:
        """The rows of all parts."""
        return pa.concat_tables([SCHEMAS[table].empty_table(), *self.parts(table)])

    def _clear(self, catalog: Path) -> None:
        """Delete what an earlier ingest and later stages wrote, and nothing else.

        The journal's folder stays: killed here, it still tells that this is a catalog in the making.
        """
        for name in ("catalog.json", "taxonomy.parquet", "products.parquet", "images.parquet"):
            (catalog / name).unlink(missing_ok=True)
        shutil.rmtree(catalog / "tables", ignore_errors=True)
        for shard in self.images.glob("part-*"):
            shard.unlink()
        (self.folder / "begin.json").unlink(missing_ok=True)
        for file in self.folder.iterdir():
            if file.name != LOCK_NAME:
                file.unlink()

    def _sealed(self) -> list[dict[str, Any]]:
        """The entries, without their categories: every part repeats those of the dump."""
        return [_without_categories(_read(file)) for file in sorted(self.folder.glob("part-*.json"))]

    def _begin(self, key: dict[str, Any]) -> None:
        file = self.folder / "begin.json"
        if not file.exists():
            write_json(key, file)
            return
        begun = _read(file)
        for name in sorted(begun.keys() | key.keys()):
            if begun.get(name) != key.get(name):
                message = f"this ingest was begun with {name} {begun.get(name)!r}, now it is {key.get(name)!r}"
                if name == FINGERPRINT:
                    message = "the dump has changed since this ingest was begun"
                raise CatalogError(f"{message}; finish it as it was begun, or {AFRESH}", source=str(file), key=name)

    def _delete_unsealed(self) -> None:
        keep = {"begin.json", LOCK_NAME}
        for number, entry in enumerate(self.entries):
            shard = entry["shard"]
            if shard and not (self.images / shard).is_file():
                raise CatalogError(f"a sealed shard is missing; {AFRESH}", source=str(self.images / shard))
            keep |= {f"part-{number:05}.json", *(f"part-{number:05}.{table}.parquet" for table in SCHEMAS)}
        shards = {entry["shard"] for entry in self.entries}
        unsealed = [file for file in self.folder.iterdir() if file.name not in keep]
        unsealed += [file for file in self.images.glob("part-*") if file.name not in shards]
        for file in unsealed:
            file.unlink()


def _lock(folder: Path) -> BinaryIO:
    file = lock(folder / LOCK_NAME)
    if file is None:
        raise CatalogError("another ingest is writing this catalog", source=str(folder.parent))
    return file


def _agree(categories: dict[str, tuple[str, ...]], category: str, path: tuple[str, ...]) -> None:
    known = categories.setdefault(category, path)
    if known != path:
        raise SourceError(f"category id {category!r} stands for {known} and for {path}", key=category)


def _without_categories(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "categories"}


def _read(file: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise CatalogError(f"cannot be read ({error}); {AFRESH}", source=str(file)) from None
    return values

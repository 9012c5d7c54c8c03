"""What makes an ingest survive `kill -9`: the work is done in parts, and a part counts once its entry has its name.

A part is sealed in three steps: its photos as a shard, its rows as Parquet files, then `part-00000.json` with the cursor to go on
from.  Whatever has no entry was not finished: it is deleted and read again.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from catalens.core.catalog import IMAGES, PRODUCTS, TABLES, write_json, write_parquet
from catalens.core.errors import CatalogError, SourceError
from catalens.core.shards import ShardWriter
from catalens.core.taxonomy import SEPARATOR
from catalens.curate.check import CheckedRow
from catalens.curate.sources.protocol import Note, Unusable

SCHEMAS = {"products": PRODUCTS, "images": IMAGES, "findings": TABLES["findings"]}
PART_ITEMS = 65_536  # a part also ends here, so that a dump of rows without photos is held in bounded memory


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
        return self.shard.full or sum(map(len, self.rows.values())) >= PART_ITEMS

    def note(self, note: Note) -> None:
        self._finding(note.place, note.product_id, note.cause, note.detail, set_aside=False)

    def set_aside(self, row: Unusable) -> None:
        self.rows_read += 1
        self._finding(row.place, row.product_id, row.cause, row.detail, set_aside=True)

    def keep(self, checked: CheckedRow) -> None:
        """Take a product with at least one good photo."""
        row = checked.row
        self.rows_read += len(row.places)
        self.rows_merged += len(row.places) - 1
        category = row.category_id or (SEPARATOR.join(row.category) if row.category else None)
        if category and row.category and self.categories.setdefault(category, row.category) != row.category:
            said = f"category id {category!r} stands for {self.categories[category]} and {row.category}"
            raise SourceError(said, source=row.places[0], key=category)
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

    def _finding(self, place: str, product: str | None, cause: str, detail: str, *, set_aside: bool) -> None:
        values = {"source": place, "product_id": product, "cause": cause, "detail": detail, "set_aside": set_aside}
        self.rows["findings"].append(values)


class Journal:
    """The sealed parts of one ingest, in CATALOG/journal.

    `key` says what is being read and how; going on with another is an error.  `step(name)` is called before each step of a
    seal; tests die there.
    """

    def __init__(
        self, catalog: Path, key: Mapping[str, Any], *, step: Callable[[str], None] = lambda name: None
    ) -> None:
        self.folder = catalog / "journal"
        self.images = catalog / "images"
        self._step = step
        self._begin(dict(key))
        self.entries = [json.loads(file.read_text("utf-8")) for file in self._sealed()]
        self._delete_unsealed()

    @property
    def cursor(self) -> int:
        """Where reading goes on."""
        return self.entries[-1]["cursor"] if self.entries else 0

    @property
    def done(self) -> bool:
        """True once the last part was sealed."""
        return bool(self.entries) and self.entries[-1]["done"]

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """Leaf id -> path of names, of every category met."""
        found: dict[str, tuple[str, ...]] = {}
        for entry in self.entries:
            for category, path in entry["categories"].items():
                if found.setdefault(category, tuple(path)) != tuple(path):
                    raise SourceError(
                        f"category id {category!r} stands for {found[category]} and {tuple(path)}", key=category
                    )
        return found

    def total(self, name: str) -> int:
        """Sum of a counter ("rows_read", "rows_merged", "products") over the parts."""
        return sum(entry[name] for entry in self.entries)

    def next_part(self) -> Part:
        return Part(self.images / f"part-{len(self.entries):05}.arrow")

    def seal(self, part: Part, cursor: int, *, done: bool) -> None:
        """Make a part count: photos, rows, then the entry."""
        name = f"part-{len(self.entries):05}"
        if len(part.shard):
            self._step("shard")
            part.shard.close()
        for table, schema in SCHEMAS.items():
            self._step(table)
            write_parquet(
                pa.Table.from_pylist(part.rows[table], schema=schema), self.folder / f"{name}.{table}.parquet"
            )
        entry = {
            "cursor": cursor,
            "done": done,
            "shard": part.shard.path.name if len(part.shard) else None,
            "products": len(part.rows["products"]),
            "rows_read": part.rows_read,
            "rows_merged": part.rows_merged,
            "categories": part.categories,
        }
        self._step("entry")
        write_json(entry, self.folder / f"{name}.json")
        self._step("sealed")
        self.entries.append(entry)

    def parts(self, table: str) -> Iterator[pa.Table]:
        """One table a part, in order."""
        for number in range(len(self.entries)):
            yield pq.read_table(self.folder / f"part-{number:05}.{table}.parquet", schema=SCHEMAS[table])

    def table(self, table: str) -> pa.Table:
        """The rows of all parts."""
        return pa.concat_tables([SCHEMAS[table].empty_table(), *self.parts(table)])

    def causes(self) -> tuple[Counter[str], Counter[str]]:
        """Counts by cause: (rows set aside, other findings)."""
        aside: Counter[str] = Counter()
        others: Counter[str] = Counter()
        for table in self.parts("findings"):
            for cause, is_aside in zip(table["cause"].to_pylist(), table["set_aside"].to_pylist(), strict=True):
                (aside if is_aside else others)[cause] += 1
        return aside, others

    def remove(self) -> None:
        shutil.rmtree(self.folder)

    def _begin(self, key: dict[str, Any]) -> None:
        file = self.folder / "begin.json"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.images.mkdir(exist_ok=True)
        if not file.exists():
            write_json(key, file)
            return
        begun = json.loads(file.read_text("utf-8"))
        changed = sorted(name for name in begun.keys() | key.keys() if begun.get(name) != key.get(name))
        if changed:
            name = changed[0]
            raise CatalogError(
                f"an unfinished ingest was begun with {name} {begun.get(name)!r}, this one has {key.get(name)!r}; "
                "run it as it was begun, or pass --restart to begin afresh",
                source=str(self.folder.parent),
                key=name,
            )

    def _sealed(self) -> list[Path]:
        return sorted(self.folder.glob("part-*.json"))

    def _delete_unsealed(self) -> None:
        keep = {"begin.json"}
        for number, entry in enumerate(self.entries):
            shard = entry["shard"]
            if shard and not (self.images / shard).is_file():
                raise CatalogError(
                    "a sealed shard is missing; pass --restart to begin afresh", source=str(self.images / shard)
                )
            keep |= {f"part-{number:05}.json", *(f"part-{number:05}.{table}.parquet" for table in SCHEMAS)}
        shards = {entry["shard"] for entry in self.entries}
        for file in self.folder.iterdir():
            if file.name not in keep:
                file.unlink()
        for file in self.images.glob("part-*"):
            if file.name not in shards:
                file.unlink()

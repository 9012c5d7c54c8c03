"""The catalog: products, their photos, and what has been learnt about them, in one folder that any Arrow tool opens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from catalens.core.durable import replacing
from catalens.core.errors import CatalogError
from catalens.core.shards import ShardReader
from catalens.core.slices import read_slices, sliced
from catalens.core.taxonomy import Taxonomy

FORMAT_VERSION = 1
PRODUCTS = pa.schema(
    [
        ("product_id", pa.string()),
        ("category_id", pa.string()),  # a leaf of the taxonomy, or null: not known
        ("seller", pa.string()),
        ("group", pa.string()),  # products of one group never straddle a split
        ("attributes", pa.map_(pa.string(), pa.string())),
        ("source", pa.string()),  # where it stood in the dump: "styles.csv: row 17"
        ("given_split", pa.string()),  # the part the dump itself put it in, or null
    ]
)
IMAGES = pa.schema(
    [
        ("image_id", pa.string()),  # sha256 of the bytes; exact copies share it
        ("product_id", pa.string()),
        ("position", pa.int32()),  # 0 is the product's first photo
        ("shard", pa.string()),
        ("row", pa.int32()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("format", pa.string()),
    ]
)
# side tables with a fixed form; others (embeddings.<digest>, quality, ...) are declared by the stage that writes them
TABLES = {
    "findings": pa.schema(
        [
            ("source", pa.string()),
            ("product_id", pa.string()),
            ("cause", pa.string()),
            ("detail", pa.string()),
            ("set_aside", pa.bool_()),  # true: this row of the dump is not in the catalog
        ]
    ),
    "splits": pa.schema([("product_id", pa.string()), ("part", pa.string())]),
    "names": pa.schema(  # of categories in other languages; no part of the digest, so a model stays valid
        [
            ("category_id", pa.string()),
            ("language", pa.string()),
            ("name", pa.string()),
            ("source", pa.string()),  # the name that it translates
            ("origin", pa.string()),  # "glossary", or the provider that was asked
        ]
    ),
}


# all that is in a catalog folder; "journal" while it is made, and ".partial" behind a name while that is written
CONTENTS = frozenset(
    {"catalog.json", "taxonomy.parquet", "products.parquet", "images.parquet", "images", "tables", "journal"}
)


class CatalogInfo(BaseModel):
    """catalog.json.  `digest` covers the taxonomy, products and images, so it changes when any of them does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format_version: int = FORMAT_VERSION
    name: str
    products: int
    images: int
    categories: int
    set_aside: dict[str, int]
    rows_read: int
    digest: str
    made_by: dict[str, Any]


class Catalog:
    """A finished catalog folder, opened for reading.  Only side tables are ever added.  Raises CatalogError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.info = CatalogInfo.model_validate_json((path / "catalog.json").read_bytes())
        except OSError:
            partial = " (its ingest was not finished: run it again)" if (path / "journal").exists() else ""
            raise CatalogError(f"is not a catalog: it has no catalog.json{partial}", source=str(path)) from None
        except ValidationError as error:
            raise CatalogError(f"catalog.json: {error.errors()[0]['msg']}", source=str(path)) from None
        if self.info.format_version != FORMAT_VERSION:
            raise CatalogError(
                f"expected catalog format {FORMAT_VERSION}, got {self.info.format_version}", source=str(path)
            )
        self.photos = ShardReader(path / "images")

    @property
    def digest(self) -> str:
        return self.info.digest

    @cached_property
    def delivered_taxonomy(self) -> Taxonomy:
        """The tree as it was when the catalog was made: what the digest covers."""
        return Taxonomy.read(self.path / "taxonomy.parquet")

    @cached_property
    def taxonomy(self) -> Taxonomy:
        """The tree, with the names that were translated since (table `names`)."""
        if not self.has_table("names"):
            return self.delivered_taxonomy
        names: dict[str, dict[str, str]] = {}
        for row in self.table("names").to_pylist():
            names.setdefault(row["category_id"], {})[row["language"]] = row["name"]
        return self.delivered_taxonomy.with_names(names)

    @cached_property
    def products(self) -> pa.Table:
        """Columns of `PRODUCTS`, one row a product."""
        return _read(self.path / "products.parquet", PRODUCTS)

    @cached_property
    def images(self) -> pa.Table:
        """Columns of `IMAGES`, one row a photo, those of a product together and in order."""
        return _read(self.path / "images.parquet", IMAGES)

    def product_slices(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """`products` in slices, some columns or all, for what must not grow with the catalog."""
        return read_slices(self.path / "products.parquet", PRODUCTS, columns)

    def image_slices(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """`images` in slices, some columns or all."""
        return read_slices(self.path / "images.parquet", IMAGES, columns)

    def table(self, name: str) -> pa.Table:
        """A side table.  Raises CatalogError naming the verb that makes it."""
        path = self.path / "tables" / f"{name}.parquet"
        if not path.exists():
            advice = "; run `catalens split` first" if name == "splits" else ""
            raise CatalogError(f"has no table {name!r}{advice}", source=str(self.path), key=name)
        return _read(path, TABLES.get(name))

    def has_table(self, name: str) -> bool:
        return (self.path / "tables" / f"{name}.parquet").exists()

    def write_table(self, name: str, table: pa.Table) -> Path:
        """Write a side table, whole or not at all."""
        if name in TABLES:
            table = table.select(TABLES[name].names).cast(TABLES[name])
        path = self.path / "tables" / f"{name}.parquet"
        path.parent.mkdir(exist_ok=True)
        write_parquet(table, path)
        return path

    @cached_property
    def split(self) -> dict[str, str]:
        """product_id -> part.  Raises CatalogError if the catalog was not split."""
        table = self.table("splits")
        return dict(zip(table["product_id"].to_pylist(), table["part"].to_pylist(), strict=True))

    @cached_property
    def categories(self) -> dict[str, str | None]:
        """product_id -> category_id."""
        return dict(zip(self.products["product_id"].to_pylist(), self.products["category_id"].to_pylist(), strict=True))

    @cached_property
    def attributes(self) -> dict[str, dict[str, str]]:
        """product_id -> {attribute: value}, as delivered: "NA" is a value here."""
        columns = self.products["product_id"].to_pylist(), self.products["attributes"].to_pylist()
        return {product: dict(pairs or ()) for product, pairs in zip(*columns, strict=True)}

    def categories_in(self, taxonomy: Taxonomy) -> dict[str, str | None]:
        """product_id -> the leaf of `taxonomy` that its category is, or is below; None where there is no such leaf.

        `taxonomy` is that of a model: this catalog's, fewer leaves of it, or the tree cut at a level.
        """
        lifted = self.delivered_taxonomy.lifted(taxonomy)
        return {product: lifted.get(category or "") for product, category in self.categories.items()}

    def images_of(self, part: str | None = None) -> pa.Table:
        """The rows of `images` whose product is in `part` (all parts where None).  Raises CatalogError."""
        if part is None:
            return self.images
        members = [product for product, where in self.split.items() if where == part]
        if not members:
            raise CatalogError(
                f"has no products in part {part!r}; it has {sorted(set(self.split.values()))}",
                source=str(self.path),
            )
        return self.images.filter(pc.is_in(self.images["product_id"], value_set=pa.array(members, pa.string())))

    def labelled(self, part: str, taxonomy: Taxonomy) -> tuple[pa.Table, npt.NDArray[np.int64]]:
        """The rows of `images` of a part whose product is in or below a leaf of `taxonomy`, and its index, int64 [M].

        Raises CatalogError if there is no such part.
        """
        images, categories = self.images_of(part), self.categories_in(taxonomy)
        leaves = (categories[product] or "" for product in images["product_id"].to_pylist())
        labels = np.array([taxonomy.leaf_index.get(leaf, -1) for leaf in leaves], dtype=np.int64)
        return images.filter(pa.array(labels >= 0)), labels[labels >= 0]

    def check_not_split_anew(self, taxonomy: Taxonomy, trained: Mapping[str, Any]) -> None:
        """Raises CatalogError if a model was trained on this catalog, but not on what its part `train` holds now.

        `trained` is what its run.json says, or the manifest of its bundle under "training".  Nothing is known, and
        nothing raised, where it was trained on another catalog, or does not say on what.
        """
        if "train_digest" not in trained or trained["catalog"]["digest"] != self.digest:
            return
        images, labels = self.labelled("train", taxonomy)
        if photos_digest(images["image_id"].to_pylist(), labels) != trained["train_digest"]:
            raise CatalogError(
                "its part 'train' is not what the model was trained on (was it split anew?), so its other parts may "
                "hold photos that the model has learnt; train again, or restore the split",
                source=str(self.path),
            )


def photos_digest(ids: Sequence[str], labels: npt.NDArray[np.int64]) -> str:
    """sha256 over photos and their labels, in order: by it a run and its bundle know what they were trained on."""
    return hashlib.sha256("\n".join(ids).encode() + labels.tobytes()).hexdigest()


def content_digest(
    taxonomy: Taxonomy, products: pa.Table | Iterable[pa.Table], images: pa.Table | Iterable[pa.Table]
) -> str:
    """sha256 over what a catalog holds, independent of when, where and in how many runs it was made.

    Tables that are too long for memory come as their pieces, in order.
    """
    digest = hashlib.sha256(taxonomy.digest.encode())
    for rows, schema in ((products, PRODUCTS), (images, IMAGES)):
        tables = [rows] if isinstance(rows, pa.Table) else rows
        # slices of a fixed length: how many appends a table was made of must not count
        for table in sliced(table.select(schema.names).cast(schema) for table in tables):
            for column in table.columns:
                digest.update(json.dumps(_plain(column), ensure_ascii=False).encode())
    return digest.hexdigest()


def _plain(column: pa.ChunkedArray) -> list[Any]:
    """The values as JSON has them; a map as its sorted pairs, for their order means nothing."""
    values: list[Any] = column.to_pylist()
    if pa.types.is_map(column.type):
        return [None if pairs is None else sorted(pairs) for pairs in values]
    return values


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write, flush, rename: a reader sees the old file or the new one."""
    with replacing(path) as partial:
        pq.write_table(table, partial, compression="zstd")


def is_marked(path: Path, marks: Mapping[str, str]) -> bool:
    """Whether a Parquet table is there, whole, and its metadata says that it was made of just this."""
    if not path.is_file():
        return False
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, ValueError, pa.ArrowException):
        return False
    return all(metadata.get(key.encode()) == value.encode() for key, value in marks.items())


def write_json(values: Mapping[str, Any], path: Path) -> None:
    """Write, flush, rename: a reader sees the old file or the new one."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(values, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _read(path: Path, schema: pa.Schema | None) -> pa.Table:
    try:
        table = pq.read_table(path)
        names = table.column_names
    # ValueError: names of columns that are not UTF-8
    except (OSError, ValueError, pa.ArrowException) as error:
        raise CatalogError(f"cannot be read as a Parquet table ({error})", source=str(path)) from None
    if schema is None:
        return table
    missing = set(schema.names) - set(names)
    if missing:
        raise CatalogError(f"expected columns {schema.names}, missing {sorted(missing)}", source=str(path))
    return table.select(schema.names).cast(schema)

"""A small catalog made directly, without an ingest: four kinds of picture that a small network learns in seconds."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from catalens.core.catalog import IMAGES, PRODUCTS, Catalog, CatalogInfo, content_digest, write_json, write_parquet
from catalens.core.image import inspect
from catalens.core.quality import VERSION
from catalens.core.shards import ShardWriter, image_id
from catalens.core.taxonomy import Taxonomy

LEAVES = {
    "mug": ("Kitchen", "Mug"),
    "plate": ("Kitchen", "Plate"),
    "lamp": ("Home", "Lamp"),
    "sofa": ("Home", "Sofa"),
}
PARTS = ("train", "train", "train", "val", "calib", "test")


def picture(leaf: str, rng: np.random.Generator, side: int = 40) -> bytes:
    """A PNG whose stripes and tint say which leaf it is, with noise on top."""
    kind = list(LEAVES).index(leaf)
    ramp = np.arange(side) // 4 % 2
    stripes = np.tile(ramp, (side, 1)) if kind % 2 else np.tile(ramp, (side, 1)).T
    tint = np.array([200, 120, 60] if kind < 2 else [60, 120, 200])
    pixels = stripes[..., None] * tint + rng.normal(40, 12, (side, side, 3))
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def striped_catalog(folder: Path, *, products: int = 48, photos: int = 2, seed: int = 0, split: bool = True) -> Catalog:
    """`products` products in four leaves of two levels, `photos` each, split by `PARTS` in turn."""
    rng = np.random.default_rng(seed)
    taxonomy = Taxonomy.from_paths(LEAVES, level_names=("department", "kind"))
    (folder / "images").mkdir(parents=True)
    writer = ShardWriter(folder / "images" / "part-00000.arrow")
    rows, images = [], []
    for number in range(products):
        leaf, product = list(LEAVES)[number % len(LEAVES)], f"p{number:03}"
        attributes = {"colour": "warm" if leaf in ("mug", "plate") else "cold"}
        rows.append((product, leaf, f"s{number % 5}", None, attributes, f"row {number}", None))
        for position in range(photos):
            data = picture(leaf, rng)
            row = writer.add(image_id(data), data, f"{product}-{position}.png")
            images.append((image_id(data), product, position, writer.path.name, row, 40, 40, "png"))
    writer.close()
    product_table = _table(rows, PRODUCTS)
    image_table = _table(images, IMAGES)
    catalog = _finished(folder, taxonomy, product_table, image_table, name="striped")
    if split:
        parts = [PARTS[number // len(LEAVES) % len(PARTS)] for number in range(products)]
        catalog.write_table("splits", pa.table({"product_id": [row[0] for row in rows], "part": parts}))
    return catalog


def catalog_of(folder: Path, photos: Sequence[bytes]) -> Catalog:
    """A product a photo, all of one leaf, not split.  Photos of equal bytes are stored once."""
    taxonomy = Taxonomy.from_paths({"mug": ("Kitchen", "Mug")}, level_names=("department", "kind"))
    (folder / "images").mkdir(parents=True)
    writer = ShardWriter(folder / "images" / "part-00000.arrow")
    stored: dict[str, int] = {}
    rows, images = [], []
    for number, data in enumerate(photos):
        identity, product = image_id(data), f"p{number:03}"
        if identity not in stored:
            stored[identity] = writer.add(identity, data, f"{product}.jpg")
        info = inspect(data)
        rows.append((product, "mug", None, None, {}, f"row {number}", None))
        images.append((identity, product, 0, writer.path.name, stored[identity], info.width, info.height, info.format))
    writer.close()
    return _finished(folder, taxonomy, _table(rows, PRODUCTS), _table(images, IMAGES), name="photos")


def flag_photos(catalog: Catalog, flags: Mapping[str, list[str]]) -> None:
    """A table `quality` in which these photos have these flags, and the others none."""
    ids = list(dict.fromkeys(catalog.images["image_id"].to_pylist()))
    columns = {"image_id": ids, "flags": pa.array([flags.get(photo, []) for photo in ids], pa.list_(pa.string()))}
    marks = {"catalog": catalog.digest, "version": f"{VERSION}-by hand"}
    catalog.write_table("quality", pa.table(columns).replace_schema_metadata(marks))


def _finished(folder: Path, taxonomy: Taxonomy, products: pa.Table, images: pa.Table, *, name: str) -> Catalog:
    taxonomy.write(folder / "taxonomy.parquet")
    write_parquet(products, folder / "products.parquet")
    write_parquet(images, folder / "images.parquet")
    info = CatalogInfo(
        name=name,
        products=len(products),
        images=len(images),
        categories=len(taxonomy.leaves),
        set_aside={},
        rows_read=len(products),
        digest=content_digest(taxonomy, products, images),
        made_by={"tests": f"{name}_catalog"},
    )
    write_json(info.model_dump(), folder / "catalog.json")
    return Catalog(folder)


def _table(rows: list[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True))
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)

"""A small catalog made directly, without an ingest: four kinds of picture that a small network learns in seconds."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from catalens.core.catalog import IMAGES, PRODUCTS, Catalog, CatalogInfo, content_digest, write_json, write_parquet
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
    taxonomy.write(folder / "taxonomy.parquet")
    write_parquet(product_table, folder / "products.parquet")
    write_parquet(image_table, folder / "images.parquet")
    info = CatalogInfo(
        name="striped",
        products=len(rows),
        images=len(images),
        categories=len(taxonomy.leaves),
        set_aside={},
        rows_read=len(rows),
        digest=content_digest(taxonomy, product_table, image_table),
        made_by={"tests": "striped_catalog"},
    )
    write_json(info.model_dump(), folder / "catalog.json")
    catalog = Catalog(folder)
    if split:
        parts = [PARTS[number // len(LEAVES) % len(PARTS)] for number in range(products)]
        catalog.write_table("splits", pa.table({"product_id": [row[0] for row in rows], "part": parts}))
    return catalog


def _table(rows: list[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True))
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)

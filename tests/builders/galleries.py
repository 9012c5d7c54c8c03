"""A catalog of the colours that the tiny bundle knows, and photos of a category that it does not: halves."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from catalens.core.catalog import IMAGES, PRODUCTS, Catalog, CatalogInfo, content_digest, write_json, write_parquet
from catalens.core.gallery_tree import extended, leaf_at
from catalens.core.shards import ShardWriter, image_id
from catalens.core.taxonomy import Taxonomy
from tests.builders.bundles import TAXONOMY, colour_of

PARTS = ("train",) * 7 + ("calib",) * 3


def noisy_photo(leaf: str, rng: np.random.Generator, taxonomy: Taxonomy = TAXONOMY) -> bytes:
    """A PNG of about the colour of a leaf."""
    return _png(np.array(colour_of(leaf, taxonomy)) + rng.normal(0, 25, (4, 4, 3)))


def halves(rng: np.random.Generator, *, upper: int = 250, lower: int = 5) -> bytes:
    """A PNG, bright above and dark below: no colour of the tiny bundle is near."""
    cells = np.full((4, 4, 3), upper, float)
    cells[2:] = lower
    return _png(cells + rng.normal(0, 12, (4, 4, 3)))


def colour_catalog(folder: Path, *, seed: int = 0, half: int = 0) -> Catalog:
    """Ten products of each leaf of the tiny bundle, one noisy photo each, in the parts of `PARTS`; and `half` more in
    part calib of the category "Home > Half", which it does not know."""
    rng = np.random.default_rng(seed)
    taxonomy = extended(TAXONOMY, [leaf_at(TAXONOMY, ("Home", "Half"))]) if half else TAXONOMY
    (folder / "images").mkdir(parents=True)
    writer = ShardWriter(folder / "images" / "part-00000.arrow")
    products, images, parts = [], [], []
    for leaf in taxonomy.leaves:
        known = leaf in TAXONOMY
        for number, part in enumerate(PARTS if known else ("calib",) * half):
            name, data = f"{leaf}-{number}", noisy_photo(leaf, rng) if known else halves(rng)
            row = writer.add(image_id(data), data, f"{name}.png")
            products.append((name, leaf, None, None, {}, f"row {number}", None))
            images.append((image_id(data), name, 0, writer.path.name, row, 32, 32, "png"))
            parts.append(part)
    writer.close()
    product_table, image_table = _table(products, PRODUCTS), _table(images, IMAGES)
    taxonomy.write(folder / "taxonomy.parquet")
    write_parquet(product_table, folder / "products.parquet")
    write_parquet(image_table, folder / "images.parquet")
    info = CatalogInfo(
        name="colours",
        products=len(products),
        images=len(images),
        categories=len(taxonomy.leaves),
        set_aside={},
        rows_read=len(products),
        digest=content_digest(taxonomy, product_table, image_table),
        made_by={"tests": "colour_catalog"},
    )
    write_json(info.model_dump(), folder / "catalog.json")
    catalog = Catalog(folder)
    catalog.write_table("splits", pa.table({"product_id": [product[0] for product in products], "part": parts}))
    return catalog


def _png(cells: np.ndarray) -> bytes:
    """float [4, 4, 3] -> a file of 32 x 32 pixels."""
    buffer = io.BytesIO()
    pixels = np.kron(cells, np.ones((8, 8, 1))).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _table(rows: list[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True))
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)

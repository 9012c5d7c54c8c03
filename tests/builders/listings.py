"""A catalog of given photos: who sells which picture under what, written directly."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from catalens.core.catalog import IMAGES, PRODUCTS, Catalog, CatalogInfo, content_digest, write_json, write_parquet
from catalens.core.image import inspect
from catalens.core.shards import ShardWriter, image_id
from catalens.core.taxonomy import Taxonomy
from tests.builders.photos import Pixels, jpeg


def listing(product_id: str, *photos: bytes, leaf: str | None = "shirt", **more: Any) -> dict[str, Any]:
    """One product; `more` are other columns of PRODUCTS."""
    return {"product_id": product_id, "category_id": leaf, "photos": photos, **more}


def catalog_of(folder: Path, listings: Sequence[Mapping[str, Any]]) -> Catalog:
    """Write the catalog and open it."""
    leaves = sorted({row["category_id"] for row in listings if row["category_id"] is not None})
    taxonomy = Taxonomy.from_paths({leaf: [leaf] for leaf in leaves})
    (folder / "images").mkdir(parents=True)
    writer = ShardWriter(folder / "images" / "part-00000.arrow")
    images = []
    for row in listings:
        for position, data in enumerate(row["photos"]):
            info = inspect(data)
            place = {"shard": writer.path.name, "row": writer.add(image_id(data), data, f"{row['product_id']}.jpg")}
            size = {"width": info.width, "height": info.height, "format": info.format}
            images.append(
                {"image_id": image_id(data), "product_id": row["product_id"], "position": position, **place, **size}
            )
    writer.close()
    products = [
        {name: row.get(name) for name in PRODUCTS.names} | {"attributes": list(row.get("attributes", {}).items())}
        for row in listings
    ]
    product_table, image_table = pa.Table.from_pylist(products, PRODUCTS), pa.Table.from_pylist(images, IMAGES)
    taxonomy.write(folder / "taxonomy.parquet")
    write_parquet(product_table, folder / "products.parquet")
    write_parquet(image_table, folder / "images.parquet")
    info = CatalogInfo(
        name="listings",
        products=len(products),
        images=len(images),
        categories=len(leaves),
        set_aside={},
        rows_read=len(products),
        digest=content_digest(taxonomy, product_table, image_table),
        made_by={"tests": "listings"},
    )
    write_json(info.model_dump(), folder / "catalog.json")
    return Catalog(folder)


def smaller(image: Pixels, share: float = 0.5) -> Pixels:
    size = (round(image.shape[1] * share), round(image.shape[0] * share))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def trimmed(image: Pixels, left: float, top: float, right: float, bottom: float) -> Pixels:
    """Without these shares of width and height."""
    height, width = image.shape[:2]
    rows = slice(round(top * height), height - round(bottom * height))
    return image[rows, round(left * width) : width - round(right * width)]


def lit(image: Pixels, gain: float) -> Pixels:
    return np.clip(image * gain, 0, 255).astype(np.uint8)


def png(image: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


EDITS = {
    "quality 50": lambda photo: jpeg(photo, 50),
    "half the size": lambda photo: jpeg(smaller(photo)),
    "5 % off a corner": lambda photo: jpeg(trimmed(photo, 0.05, 0.05, 0, 0)),
    "5 % off every side": lambda photo: jpeg(trimmed(photo, 0.05, 0.05, 0.05, 0.05)),
    "brighter": lambda photo: jpeg(lit(photo, 1.1)),
    "darker": lambda photo: jpeg(lit(photo, 0.9)),
}

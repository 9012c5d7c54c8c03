"""A catalog folder of products without photo bytes: all that splitting and evaluating look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from catalens.core.catalog import IMAGES, PRODUCTS, Catalog, CatalogInfo, content_digest, write_json, write_parquet
from catalens.core.taxonomy import Taxonomy


def product(
    product_id: str, leaf: str | None = "a", *, photos: Sequence[str] = (), group: str | None = None, **more: Any
) -> dict[str, Any]:
    """One product; `photos` are image ids (its own by default), `more` other columns of PRODUCTS."""
    row = {
        "product_id": product_id,
        "category_id": leaf,
        "group": group,
        "photos": photos or (f"photo of {product_id}",),
    }
    return row | more


def catalog_of(folder: Path, products: Sequence[Mapping[str, Any]]) -> Catalog:
    """Write the catalog and open it.  Leaves are named by the products."""
    leaves = sorted({row["category_id"] for row in products if row["category_id"] is not None})
    taxonomy = Taxonomy.from_paths({leaf: [leaf] for leaf in leaves})
    rows = [{"attributes": {}, **row} for row in products]
    rows = [{name: row.get(name) for name in PRODUCTS.names} for row in rows]
    photos = [
        {"image_id": image, "product_id": row["product_id"], "position": position, "shard": "part-0.arrow", "row": 0}
        for row in products
        for position, image in enumerate(row["photos"])
    ]
    product_table = pa.Table.from_pylist(rows, PRODUCTS)
    image_table = pa.Table.from_pylist(photos, IMAGES)
    folder.mkdir(parents=True, exist_ok=True)
    taxonomy.write(folder / "taxonomy.parquet")
    write_parquet(product_table, folder / "products.parquet")
    write_parquet(image_table, folder / "images.parquet")
    info = CatalogInfo(
        name=folder.stem,
        products=len(rows),
        images=len(photos),
        categories=len(leaves),
        set_aside={},
        rows_read=len(rows),
        digest=content_digest(taxonomy, product_table, image_table),
        made_by={},
    )
    write_json(info.model_dump(), folder / "catalog.json")
    return Catalog(folder)

"""A small shop as a catalog, written directly: a tree, products, and shards of bytes that stand for photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from catalens.core.catalog import IMAGES, PRODUCTS, Catalog, CatalogInfo, content_digest, write_json, write_parquet
from catalens.core.shards import ShardWriter, image_id
from catalens.core.taxonomy import Taxonomy

PATHS = {
    "apple": ("Food", "Fruit", "Apple"),
    "pear": ("Food", "Fruit", "Pear"),
    "kiwi": ("Food", "Fruit", "Kiwi"),
    "milk": ("Food", "Milk"),
    "shirt": ("Wear", "Tops", "Shirt"),
    "tee": ("Wear", "Tops", "Tee"),
    "sock": ("Wear", "Sock"),
}


def products_of(counts: Mapping[str | None, int], **fields: Any) -> list[dict[str, Any]]:
    """`counts` products of each leaf, in turn, called "apple-0", "pear-0", "apple-1", ..."""
    rows = [
        (number, {"product_id": f"{leaf}-{number}", "category_id": leaf, **fields})
        for leaf, count in counts.items()
        for number in range(count)
    ]
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


def shop(
    folder: Path,
    products: Sequence[Mapping[str, Any]],
    *,
    paths: Mapping[str, Sequence[str]] = PATHS,
    level_names: Sequence[str] = (),
    photos: int = 2,
    per_shard: int = 4,
) -> Catalog:
    """Rows of PRODUCTS, some columns; each product has `photos` photos, the first of which comes a third time."""
    taxonomy = Taxonomy.from_paths(paths, level_names=level_names)
    (folder / "images").mkdir(parents=True)
    images: list[dict[str, Any]] = []
    for start in range(0, len(products), per_shard):
        writer = ShardWriter(folder / "images" / f"part-{start // per_shard:05}.arrow")
        for product in products[start : start + per_shard]:
            images += _photos(writer, product["product_id"], photos)
        writer.close()
    rows = [
        {name: product.get(name) for name in PRODUCTS.names}
        | {"attributes": list(product.get("attributes", {}).items())}
        for product in products
    ]
    product_table, image_table = pa.Table.from_pylist(rows, PRODUCTS), pa.Table.from_pylist(images, IMAGES)
    taxonomy.write(folder / "taxonomy.parquet")
    write_parquet(product_table, folder / "products.parquet")
    write_parquet(image_table, folder / "images.parquet")
    info = CatalogInfo(
        name=folder.stem,
        products=len(rows),
        images=len(images),
        categories=len(taxonomy.leaves),
        set_aside={},
        rows_read=len(rows),
        digest=content_digest(taxonomy, product_table, image_table),
        made_by={"tests": "shop"},
    )
    write_json(info.model_dump(), folder / "catalog.json")
    return Catalog(folder)


def _photos(writer: ShardWriter, product: str, photos: int) -> list[dict[str, Any]]:
    stored = []
    for number in range(photos):
        data = f"photo {number} of {product}".encode()
        row = writer.add(image_id(data), data, f"{product}/{number}.jpg")
        stored.append({"image_id": image_id(data), "row": row})
    known = {"product_id": product, "shard": writer.path.name, "width": 3, "height": 4, "format": "jpeg"}
    return [{**known, **photo, "position": position} for position, photo in enumerate([*stored, stored[0]])]


def assert_whole(catalog: Catalog) -> None:
    """What catalog.json says is true of the files: counts, digest, every photo's bytes, no file that nothing names."""
    products, images = catalog.products, catalog.images
    assert (len(products), len(images)) == (catalog.info.products, catalog.info.images)
    assert catalog.info.categories == len(catalog.delivered_taxonomy.leaves)
    assert content_digest(catalog.delivered_taxonomy, products, images) == catalog.digest
    assert set(catalog.categories.values()) <= {*catalog.taxonomy.leaves, None}
    assert catalog.info.rows_read == catalog.info.products + sum(catalog.info.set_aside.values())
    for row in images.to_pylist():
        assert image_id(catalog.photos.read(row["shard"], row["row"])) == row["image_id"]
    assert {file.name for file in (catalog.path / "images").iterdir()} == set(images["shard"].to_pylist())
    assert list(dict.fromkeys(images["product_id"].to_pylist())) == products["product_id"].to_pylist()

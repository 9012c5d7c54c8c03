"""What a catalog holds, piece by piece: some products with all their photos at a time, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from catalens.core.catalog import IMAGES, PRODUCTS, TABLES, Catalog, content_digest, write_parquet
from catalens.core.errors import CatalogError
from catalens.core.slices import read_slices, slice_writer
from catalens.core.taxonomy import Taxonomy

FINDINGS = TABLES["findings"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some products, all photos of these, and findings: tables of `PRODUCTS`, `IMAGES` and `FINDINGS`."""

    products: pa.Table
    images: pa.Table
    findings: pa.Table

    def of(self, products: pa.Table) -> Piece:
        """Some of the products, with their photos and all findings."""
        if len(products) == len(self.products):
            return Piece(products, self.images, self.findings)
        ours = pc.is_in(self.images["product_id"], value_set=products["product_id"].combine_chunks())
        return Piece(products, self.images.filter(ours), self.findings)


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: rows, and the catalog's digest over them."""

    products: int
    images: int
    digest: str


def pieces_of(catalog: Catalog) -> Iterator[Piece]:
    """The catalog's products in order, without findings.

    Raises CatalogError if its photos do not come in the order of its products.
    """
    slices = catalog.image_slices()
    ahead = IMAGES.empty_table()
    for products in catalog.product_slices():
        ids = products["product_id"]
        images = []
        while True:
            ours = pc.is_in(ahead["product_id"], value_set=ids.combine_chunks()).to_numpy()
            count = len(ours) if ours.all() else int(ours.argmin())
            images.append(ahead.slice(0, count))
            ahead = ahead.slice(count)
            if ahead.num_rows or (more := next(slices, None)) is None:
                break
            ahead = more
        yield Piece(products, pa.concat_tables(images), FINDINGS.empty_table())
    if ahead.num_rows:
        message = f"photos of {ahead['product_id'][0].as_py()!r} do not stand in the order of products.parquet"
        raise CatalogError(message, source=str(catalog.path / "images.parquet"))


def write_contents(folder: Path, taxonomy: Taxonomy, pieces: Iterable[Piece]) -> Written:
    """Write taxonomy, products, photos' rows and findings into the folder, each file whole or not at all."""
    (folder / "tables").mkdir(exist_ok=True)
    files = {"products": folder / "products.parquet", "images": folder / "images.parquet"}
    write_parquet(taxonomy.to_table(), folder / "taxonomy.parquet")
    with (
        slice_writer(files["products"], PRODUCTS) as products,
        slice_writer(files["images"], IMAGES) as images,
        slice_writer(folder / "tables" / "findings.parquet", FINDINGS) as findings,
    ):
        for piece in pieces:
            products.write(piece.products)
            images.write(piece.images)
            findings.write(piece.findings)
    digest = content_digest(taxonomy, read_slices(files["products"], PRODUCTS), read_slices(files["images"], IMAGES))
    return Written(products.rows, images.rows, digest)

"""Photos of a catalog for the audit's page, found by what is known of them."""

from __future__ import annotations

import pyarrow.compute as pc

from catalens.core.catalog import Catalog
from catalens.core.page import Shown
from catalens.core.taxonomy import SEPARATOR


class Pictures:
    """Looks each photo up in the catalog's tables: a page shows hundreds, a catalog may hold millions."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._images = catalog.images.combine_chunks()

    def photo(self, image_id: str) -> bytes:
        return self._read(pc.index(self._images["image_id"], image_id).as_py())

    def owner(self, image_id: str) -> str:
        """The first product that has the photo."""
        row = pc.index(self._images["image_id"], image_id).as_py()
        return str(self._images["product_id"][row].as_py())

    def of_product(self, product_id: str) -> bytes:
        """The product's first photo."""
        return self._read(pc.index(self._images["product_id"], product_id).as_py())

    def show(self, image_id: str, product_id: str | None = None, *lines: str) -> Shown:
        """A photo under the category and the id of its product."""
        product = product_id if product_id is not None else self.owner(image_id)
        return Shown(self.photo(image_id), self.category(product), (product, *lines))

    def show_product(self, product_id: str, *lines: str) -> Shown:
        """A product by its first photo."""
        return Shown(self.of_product(product_id), self.category(product_id), (product_id, *lines))

    def category(self, product_id: str) -> str:
        """The names of the product's category from the top."""
        leaf = self._catalog.categories[product_id]
        return SEPARATOR.join(self._catalog.taxonomy.path_names(leaf)) if leaf is not None else "no category"

    def _read(self, row: int) -> bytes:
        return self._catalog.photos.read(self._images["shard"][row].as_py(), self._images["row"][row].as_py())

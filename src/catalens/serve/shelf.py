"""The products behind an index as a page shows them: where they are filed, their attributes, their photos."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from catalens.core.catalog import Catalog
from catalens.core.errors import NotFound
from catalens.core.prediction import Neighbour
from catalens.core.taxonomy import Taxonomy
from catalens.search.index import Index

MEDIA_TYPES = {"mpo": "image/jpeg", "dib": "image/bmp"}  # others are called as their format is


class Shelf:
    """An index and, where it is at hand, the catalog with the photos of its products.

    Categories have the names of `taxonomy`: the index's own, or the same in another language.
    """

    def __init__(self, index: Index, catalog: Catalog | None = None, taxonomy: Taxonomy | None = None) -> None:
        self.index = index
        self.products = index.products
        self.taxonomy = taxonomy or index.products.taxonomy
        self.catalog = catalog
        self._places = _places(catalog) if catalog is not None else {}

    @property
    def has_photos(self) -> bool:
        return self.catalog is not None

    def product(self, product_id: str) -> dict[str, Any]:
        """A product in the form of `schemas.ProductOut`.  Raises NotFound."""
        row = self.products.row(product_id)
        photos = [
            {
                "position": photo["position"],
                "url": _photo_url(product_id, photo["position"]),
                "width": photo["width"],
                "height": photo["height"],
                "format": photo["format"],
            }
            for photo in self._photos(product_id)
        ]
        return {
            "id": product_id,
            "category": self.products.category(row),
            "path": self._path(row),
            "attributes": self.products.attributes(row),
            "photos": photos,
        }

    def neighbour(self, neighbour: Neighbour) -> dict[str, Any]:
        """A neighbour in the form of `schemas.NeighbourOut`."""
        row = self.products.row(neighbour.id)
        return {
            "id": neighbour.id,
            "score": neighbour.score,
            "category": self.products.category(row),
            "path": self._path(row),
            "photo": _photo_url(neighbour.id, 0) if self.has_photos else None,
        }

    def photo(self, product_id: str, position: int) -> tuple[bytes, str, str]:
        """The bytes of one photo, its media type, and its sha256.  Raises NotFound."""
        self.products.row(product_id)
        if self.catalog is None:
            raise NotFound("this service has no photos; start it with --catalog CATALOG", key=product_id)
        photos = self._photos(product_id)
        for photo in photos:
            if photo["position"] == position:
                kind = MEDIA_TYPES.get(photo["format"], f"image/{photo['format']}")
                return self.catalog.photos.read(photo["shard"], photo["row"]), kind, photo["image_id"]
        raise NotFound(f"product {product_id!r} has {len(photos)} photos, none at position {position}", key=product_id)

    def _path(self, row: int) -> list[str]:
        """Names from the top to the product's category; empty where it is not known."""
        category = self.products.category(row)
        return list(self.taxonomy.path_names(category)) if category is not None and category in self.taxonomy else []

    def _photos(self, product_id: str) -> list[dict[str, Any]]:
        """The product's rows of `catalog.images`, in order."""
        if self.catalog is None:
            return []
        start, count = self._places.get(product_id, (0, 0))
        rows: list[dict[str, Any]] = self.catalog.images.slice(start, count).to_pylist()
        return rows


def _places(catalog: Catalog) -> dict[str, tuple[int, int]]:
    """product id -> its first row in `images` and how many it has; a product's photos stand together."""
    places: dict[str, tuple[int, int]] = {}
    for row, product in enumerate(catalog.images["product_id"].to_pylist()):
        start, count = places.get(product, (row, 0))
        places[product] = (start, count + 1)
    return places


def _photo_url(product_id: str, position: int) -> str:
    return f"/v1/products/{quote(product_id, safe='')}/photo?position={position}"

"""The photos of a catalog by number, decoded small: what comparing them closely needs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from catalens.core.catalog import Catalog
from catalens.core.image import RgbImage, decode
from catalens.core.likeness import CLOSE_SIDE

REMEMBERED = 512  # decoded photos; one is looked at with each of its near copies


class PhotoReader:
    """`reader(number)` decodes the photo whose id has this number in `image_ids`, at twice `CLOSE_SIDE` or more."""

    def __init__(self, catalog: Catalog, image_ids: Sequence[str]) -> None:
        columns = (catalog.images[name].to_pylist() for name in ("image_id", "shard", "row"))
        places = {image: (shard, row) for image, shard, row in zip(*columns, strict=True)}
        self._places = [places[image] for image in image_ids]
        self._photos = catalog.photos
        self._decoded = lru_cache(REMEMBERED)(self._decode)

    def __call__(self, number: int) -> RgbImage:
        return self._decoded(number)

    def _decode(self, number: int) -> RgbImage:
        return decode(self._photos.read(*self._places[number]), at_least=2 * CLOSE_SIDE)

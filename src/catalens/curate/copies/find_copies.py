"""Is this new photo one of the catalog's?  Asked of the tables that `duplicates` left; nothing is built again."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from catalens.core.catalog import Catalog, is_marked
from catalens.core.errors import CatalogError
from catalens.core.fingerprint import VIEWS, Fingerprint, Hashes, Signatures, fingerprint
from catalens.core.image import RgbImage, decode
from catalens.core.likeness import APART, best_view
from catalens.core.shards import image_id
from catalens.curate.copies.hash_pairs import Ints, distance
from catalens.curate.copies.hashes import HashMeasure
from catalens.curate.copies.near import Photos, Proposals, differences
from catalens.curate.copies.photo_reader import PhotoReader

RADIUS = 10  # one photo is compared with all, so it may look further than all with all


@dataclass(frozen=True, slots=True)
class Copy:
    """A photo of the catalog that shows the same picture.

    `kind` is "exact", "pixel", "near" or "mirrored"; `difference` as in `core.likeness.closely`, 0 for the first two.
    """

    image_id: str
    product_id: str
    kind: str
    difference: float


class CopyFinder:
    """The hashes of a catalog in memory: about a kilobyte a photo, and milliseconds a question.

    Raises CatalogError if `catalens duplicates` was not run on this catalog.
    """

    def __init__(self, catalog: Catalog) -> None:
        marks = {"catalog": catalog.digest, "version": HashMeasure.version}
        if not is_marked(catalog.path / "tables" / f"{HashMeasure.table}.parquet", marks):
            raise CatalogError(
                f"has no hashes of its photos; run `catalens duplicates {catalog.path}` first",
                source=str(catalog.path),
                key=HashMeasure.table,
            )
        table = catalog.table(HashMeasure.table)
        self._ids = table["image_id"].to_pylist()
        self._digests: dict[str, list[int]] = defaultdict(list)
        for number, digest in enumerate(table["pixel_digest"].to_pylist()):
            self._digests[digest].append(number)
        parts = table["part_phashes"].combine_chunks().flatten().to_numpy().reshape(-1, len(VIEWS) - 1)
        self._hashes: Hashes = np.column_stack([table["phash"].to_numpy(), parts])
        signatures = Signatures.from_bytes(table["signature"].to_pylist())
        self._photos = Photos(signatures, PhotoReader(catalog, self._ids))
        self._products: dict[str, list[str]] = defaultdict(list)
        columns = [catalog.images[name].to_pylist() for name in ("image_id", "product_id")]
        for image, product in zip(*columns, strict=True):
            if product not in self._products[image]:
                self._products[image].append(product)

    def find(
        self, data: bytes, *, source: str = "photo", max_difference: float = 1.3, mirrored: bool = False
    ) -> list[Copy]:
        """The copies of one photo, the most certain first.  Raises ImageError where the bytes are no photo."""
        image = decode(data, source=source)
        asked = fingerprint(image)
        kinds = dict.fromkeys(self._digests.get(asked.pixel_digest, ()), ("pixel", 0.0))
        kinds |= {number: ("exact", 0.0) for number in kinds if self._ids[number] == image_id(data)}
        sides = [("near", image, asked)]
        if mirrored:
            sides.append(("mirrored", image[:, ::-1], fingerprint(image[:, ::-1])))
        for kind, picture, known in sides:
            for number, value in self._near(picture, known, max_difference).items():
                kinds.setdefault(number, (kind, value))
        order = ("exact", "pixel", "near", "mirrored")
        found = [
            Copy(self._ids[number], product, kind, value)
            for number, (kind, value) in kinds.items()
            for product in self._products[self._ids[number]]
        ]
        return sorted(found, key=lambda copy: (order.index(copy.kind), copy.difference, copy.image_id))

    def _near(self, image: RgbImage, known: Fingerprint, limit: float) -> dict[int, float]:
        """number -> difference, of those within the limit."""
        photo = Photos(Signatures.from_bytes([known.signature]), lambda _: image)
        hashes = np.array(known.phashes, dtype=np.uint64)
        # the photo may be a part of theirs, or theirs a part of the photo
        inside = np.flatnonzero((distance(self._hashes, hashes[0]) <= RADIUS).any(axis=1))
        outside = np.flatnonzero((distance(self._hashes[:, :1], hashes) <= RADIUS).any(axis=1))
        best: dict[int, float] = {}
        for numbers, outer, inner in ((inside, self._photos, photo), (outside, photo, self._photos)):
            one = np.zeros(len(numbers), dtype=np.int64)
            pair = (numbers, one) if outer is self._photos else (one, numbers)
            for number, value in zip(numbers.tolist(), _compare(outer, inner, *pair), strict=True):
                if value <= limit:
                    best[number] = min(value, best.get(number, value))
        return best


def find_copies(
    catalog: Catalog, data: bytes, *, source: str = "photo", max_difference: float = 1.3, mirrored: bool = False
) -> list[Copy]:
    """`CopyFinder.find` for one photo of one catalog.  Raises CatalogError, ImageError."""
    return CopyFinder(catalog).find(data, source=source, max_difference=max_difference, mirrored=mirrored)


def _compare(outer: Photos, inner: Photos, first: Ints, second: Ints) -> list[float]:
    """The difference of each pair, infinite where they plainly differ."""
    found = np.full(len(first), np.inf)
    frame, apart = best_view(outer.signatures.take(first), inner.signatures.take(second))
    near = np.flatnonzero(apart <= APART)
    proposals = Proposals(first[near], second[near], frame[near])
    found[near] = differences(outer, inner, proposals)
    return found.tolist()

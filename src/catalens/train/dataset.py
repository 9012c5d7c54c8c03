"""From a catalog's photos to batches.  Every random choice follows from (seed, epoch, photo): resuming repeats it."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import sys
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from catalens.core.catalog import Catalog, photos_digest
from catalens.core.errors import CatalogError
from catalens.core.image import RgbImage
from catalens.core.preprocess import Preprocess
from catalens.core.shards import ShardReader
from catalens.core.taxonomy import Taxonomy
from catalens.train.attributes import Vocabulary
from catalens.train.augment import Augment
from catalens.train.rowfile import RowFile

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
Place = tuple[int, int]  # (epoch, photo)
Batch = tuple[Tensor, Tensor]  # uint8 [N, S, S, 3] or float [N, ...], int64 [N] or [N, 1 + A]


@dataclass(frozen=True)
class Photos:
    """Where M photos of one part stand, and what they show.

    `labels` int64 [M] index the taxonomy's leaves; `attributes` int64 [M, A], where some are trained, index their
    values, -1 where a product has none.
    """

    reader: ShardReader
    ids: tuple[str, ...]
    shards: tuple[str, ...]
    rows: tuple[int, ...]
    labels: np.ndarray
    attributes: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def digest(self) -> str:
        return photos_digest(self.ids, self.labels)

    @property
    def targets(self) -> np.ndarray:
        """What a batch is compared with: int64 [M], or [M, 1 + A] with the category first."""
        if self.attributes is None:
            return self.labels
        return np.column_stack([self.labels, self.attributes]).astype(np.int64)

    def without(self, skipped: Set[str]) -> Photos:
        """The photos that are not among `skipped`."""
        kept = [row for row, photo in enumerate(self.ids) if photo not in skipped]
        return replace(
            self,
            ids=tuple(self.ids[row] for row in kept),
            shards=tuple(self.shards[row] for row in kept),
            rows=tuple(self.rows[row] for row in kept),
            labels=self.labels[kept],
            attributes=self.attributes[kept] if self.attributes is not None else None,
        )


def photos_of(catalog: Catalog, part: str, taxonomy: Taxonomy, vocabulary: Vocabulary | None = None) -> Photos:
    """The photos of a part whose product is in one of the taxonomy's leaves, or below one.

    With a `vocabulary` they know the values of its attributes.  Raises CatalogError.
    """
    images, labels = catalog.labelled(part, taxonomy)
    if not len(images):
        message = f"no photo of part {part!r} is in one of the {len(taxonomy.leaves)} categories that are trained"
        raise CatalogError(message, source=str(catalog.path))
    ids, shards, rows = (tuple(images[name].to_pylist()) for name in ("image_id", "shard", "row"))
    attributes = None
    if vocabulary is not None and vocabulary.names:
        attributes = vocabulary.labels(catalog, images["product_id"].to_pylist())
    return Photos(catalog.photos, ids, shards, rows, labels, attributes)


class PhotoDataset(Dataset[tuple[Tensor, Tensor]]):
    """Photos by place.  Without `cache` it decodes on demand and keeps nothing: memory does not grow over epochs.

    `cache` (squares.py) holds a square uint8 [S, S, 3] a photo; those it lacks are decoded and put into it.
    """

    def __init__(
        self,
        photos: Photos,
        preprocess: Preprocess,
        augment: Augment | None = None,
        cache: RowFile | None = None,
    ) -> None:
        self.photos = photos
        self.preprocess = preprocess
        self.augment = augment
        self._cache = cache
        self._targets = torch.from_numpy(photos.targets)

    @property
    def cached(self) -> bool:
        """Does a photo cost the same wherever it lies?"""
        return self._cache is not None

    def unchanged(self) -> PhotoDataset:
        """The same photos as the server sees them, in the same cache."""
        return PhotoDataset(self.photos, self.preprocess, cache=self._cache)

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, place: Place) -> tuple[Tensor, Tensor]:
        """(uint8 [S, S, 3], label int64 [] or [1 + A]) of one photo in one epoch."""
        return torch.from_numpy(np.array(self._picture(place))), self._targets[place[1]]

    def __getitems__(self, places: Sequence[Place]) -> Batch:
        """(uint8 [N, S, S, 3], int64 [N] or [N, 1 + A]): a batch as it is, for `collate`."""
        first = self._picture(places[0])
        pixels = np.empty((len(places), *first.shape), np.uint8)
        pixels[0] = first
        for row, place in enumerate(places[1:], start=1):
            pixels[row] = self._picture(place)
        return torch.from_numpy(pixels), self._targets[[photo for _, photo in places]]

    def square(self, photo: int) -> RgbImage:
        """uint8 [S, S, 3] as the server sees it.  Raises ImageError or CatalogError."""
        kept = self._cache.get(photo) if self._cache is not None else None
        if kept is not None:
            return kept
        photos = self.photos
        data = photos.reader.read(photos.shards[photo], photos.rows[photo])
        square = self.preprocess.square(data, source=photos.ids[photo])
        if self._cache is not None:
            # a disk that became full: the photo will be decoded again
            with contextlib.suppress(OSError):
                self._cache.put(photo, square)
        return square

    def _picture(self, place: Place) -> RgbImage:
        epoch, photo = place
        square = self.square(photo)
        return square if self.augment is None else self.augment(square, epoch=epoch, photo=photo)


def collate(batch: Batch) -> Batch:
    """What `__getitems__` gives is a batch already: nothing is copied."""
    return batch


def windowed_order(photos: Photos, window: int, *, seed: int, epoch: int) -> np.ndarray:
    """The photos of one epoch, int64 [M], for catalogs that are read from disk as a stream: a permutation.

    The shards come in random order, the photos of each as they lie in it, and this stream is shuffled with a running
    window: each photo moves by fewer than `window` places, so what is read at a time lies close together.  Photos that
    are `window` or more apart in the stream never change their order; up to `window` photos are shuffled as a whole.
    """
    rng = np.random.default_rng((seed, epoch))
    if len(photos) <= window:
        return rng.permutation(len(photos))
    names, shard = np.unique(np.asarray(photos.shards), return_inverse=True)
    stream = np.lexsort((np.asarray(photos.rows), rng.permutation(len(names))[shard]))
    return stream[np.argsort(np.arange(len(stream)) + rng.uniform(0, window, len(stream)), kind="stable")]


def start_worker(worker: int) -> None:
    """One thread, since the cores belong to the training process; and no life after its death."""
    torch.set_num_threads(1)
    if sys.platform == "linux":
        # torch's own watchdog looks only every five seconds; the kernel tells at once
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

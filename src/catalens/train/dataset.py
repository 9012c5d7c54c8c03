"""From a catalog's photos to batches.  Every random choice follows from (seed, epoch, photo): resuming repeats it."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Iterator, Set
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from catalens.core.catalog import Catalog, photos_digest
from catalens.core.errors import CatalogError
from catalens.core.preprocess import Preprocess
from catalens.core.shards import ShardReader
from catalens.core.taxonomy import Taxonomy
from catalens.train.augment import Augment

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
Place = tuple[int, int]  # (epoch, photo)


@dataclass(frozen=True)
class Photos:
    """Where M photos of one part stand, and what they show.  `labels` int64 [M] index the taxonomy's leaves."""

    reader: ShardReader
    ids: tuple[str, ...]
    shards: tuple[str, ...]
    rows: tuple[int, ...]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def digest(self) -> str:
        return photos_digest(self.ids, self.labels)

    def without(self, skipped: Set[str]) -> Photos:
        """The photos that are not among `skipped`."""
        kept = [row for row, photo in enumerate(self.ids) if photo not in skipped]
        return Photos(
            self.reader,
            tuple(self.ids[row] for row in kept),
            tuple(self.shards[row] for row in kept),
            tuple(self.rows[row] for row in kept),
            self.labels[kept],
        )


def photos_of(catalog: Catalog, part: str, taxonomy: Taxonomy) -> Photos:
    """The photos of a part whose product is in one of the taxonomy's leaves.  Raises CatalogError."""
    images, labels = catalog.labelled(part, taxonomy)
    if not len(images):
        message = f"no photo of part {part!r} is in one of the {len(taxonomy.leaves)} categories that are trained"
        raise CatalogError(message, source=str(catalog.path))
    ids, shards, rows = (tuple(images[name].to_pylist()) for name in ("image_id", "shard", "row"))
    return Photos(catalog.photos, ids, shards, rows, labels)


class PhotoDataset(Dataset[tuple[Tensor, int]]):
    """Decodes on demand and keeps nothing: memory does not grow over epochs."""

    def __init__(self, photos: Photos, preprocess: Preprocess, augment: Augment | None = None) -> None:
        self._photos = photos
        self._preprocess = preprocess
        self._augment = augment

    def __len__(self) -> int:
        return len(self._photos)

    def __getitem__(self, place: Place) -> tuple[Tensor, int]:
        """(uint8 [S, S, 3], label) of one photo in one epoch."""
        epoch, photo = place
        photos = self._photos
        data = photos.reader.read(photos.shards[photo], photos.rows[photo])
        square = self._preprocess.square(data, source=photos.ids[photo])
        if self._augment is not None:
            square = self._augment(square, epoch=epoch, photo=photo)
        return torch.from_numpy(np.array(square)), int(photos.labels[photo])


class EpochSampler(Sampler[Place]):
    """Places of one epoch: in order, or shuffled by (seed, epoch).

    Lightning calls `set_epoch`, but in a resumed run only after the workers have begun to fetch: `epoch` is where to
    start.
    """

    def __init__(self, count: int, *, seed: int | None, epoch: int = 0) -> None:
        self._count = count
        self._seed = seed
        self._epoch = epoch

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Place]:
        order = np.arange(self._count)
        if self._seed is not None:
            order = np.random.default_rng((self._seed, self._epoch)).permutation(self._count)
        return ((self._epoch, int(photo)) for photo in order)


def loader(
    dataset: PhotoDataset, *, batch: int, workers: int, seed: int | None, epoch: int = 0
) -> DataLoader[tuple[Tensor, int]]:
    """Batches (uint8 [N, S, S, 3], int64 [N]).  With a `seed`: shuffled, and a last incomplete batch is left out."""
    return DataLoader(
        dataset,
        batch_size=batch,
        sampler=EpochSampler(len(dataset), seed=seed, epoch=epoch),
        drop_last=seed is not None and len(dataset) > batch,
        num_workers=workers,
        persistent_workers=workers > 0,
        worker_init_fn=_start_worker if workers else None,
        generator=torch.Generator(),  # workers' seeds are not drawn from the generator that dropout uses
        pin_memory=torch.cuda.is_available(),
    )


def _start_worker(worker: int) -> None:
    """One thread, since the cores belong to the training process; and no life after its death."""
    torch.set_num_threads(1)
    if sys.platform == "linux":
        # torch's own watchdog looks only every five seconds; the kernel tells at once
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

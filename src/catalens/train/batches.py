"""Which photos stand in which batch: the plan of all epochs, and the batches of one, for each process that trains.

Everything follows from (seed, epoch), so that a run which was killed goes on with the very batch that it had not done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler

from catalens.train.dataset import Batch, PhotoDataset, Photos, Place, collate, start_worker, windowed_order
from catalens.train.frozen import FrozenDataset
from catalens.train.sampling import epoch_order
from catalens.train.settings import TrainSettings

Order = Callable[[int], np.ndarray]  # epoch -> photos, int64 [M]
LARGEST_BATCH = 2  # times the batch asked for, where photos are smaller than they will be


@dataclass(frozen=True)
class Plan:
    """What each epoch trains on: the side of its squares in pixels, and the photos of a batch over all processes."""

    photos: int
    sizes: tuple[int, ...]
    batch_sizes: tuple[int, ...]
    accumulate: int

    def batches(self, epoch: int) -> int:
        """An incomplete last batch is left out, unless there is no other."""
        return max(1, self.photos // self.batch_sizes[epoch])

    def steps(self, epoch: int) -> int:
        """Steps of the optimiser."""
        return ceil(self.batches(epoch) / self.accumulate)

    @property
    def total_steps(self) -> int:
        return sum(self.steps(epoch) for epoch in range(len(self.sizes)))

    def done(self, epoch: int, batches: int) -> float:
        """Share in [0, 1] of the arithmetic that is behind after `batches` of an epoch."""
        costs = [size**2 for size in self.sizes]
        return (sum(costs[:epoch]) + costs[epoch] * min(1.0, batches / self.batches(epoch))) / sum(costs)


def epoch_sizes(settings: TrainSettings) -> tuple[int, ...]:
    """The side of the squares in each epoch, in pixels: those of `settings.sizes` for equal shares of the epochs."""
    sides = settings.sizes or (settings.size,)
    return tuple(sides[epoch * len(sides) // settings.epochs] for epoch in range(settings.epochs))


def make_plan(settings: TrainSettings, photos: int, batch: int) -> Plan:
    """The plan of all epochs; smaller photos come in larger batches.

    `batch` is of the size the model sees in the end.  Every batch is a multiple of `settings.devices`.
    """
    sizes = epoch_sizes(settings)
    largest = max(settings.sizes or (settings.size,))  # which few epochs do not reach
    grown = (int(batch * min(LARGEST_BATCH, (largest / size) ** 2)) for size in sizes)
    world = settings.devices
    return Plan(photos, sizes, tuple(max(world, size // world * world) for size in grown), settings.accumulate)


def photo_order(photos: Photos, settings: TrainSettings, *, cached: bool) -> Order:
    """How the photos of an epoch follow each other.

    Over- and undersampling draw from all photos.  Else photos that are read from disk are shuffled inside a running
    window (`windowed_order`), and cached ones all among each other.
    """
    if settings.sampling == "natural" and not cached:
        return lambda epoch: windowed_order(photos, settings.window, seed=settings.seed, epoch=epoch)
    return lambda epoch: epoch_order(photos.labels, settings.sampling, seed=settings.seed, epoch=epoch)


class EpochBatches(Sampler[list[Place]]):
    """The batches of one epoch, as lists of places.  `start` is the (epoch, batch) that a resumed run goes on with.

    Of several processes, the one of `rank` takes every `world`-th photo of each batch, so that together they step as
    one process would.  It has no length: epochs may differ in theirs.
    """

    def __init__(
        self, plan: Plan, order: Order, *, start: tuple[int, int] = (0, 0), rank: int = 0, world: int = 1
    ) -> None:
        self._plan = plan
        self._order = order
        self._start = start
        self._rank = rank
        self._world = world
        self._epoch = start[0]

    @property
    def sampler(self) -> EpochBatches:
        """Where Lightning looks for `set_epoch`."""
        return self

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __iter__(self) -> Iterator[list[Place]]:
        epoch = self._epoch
        if epoch >= len(self._plan.sizes):  # a loader is made before it is known that nothing is left to do
            return
        size = self._plan.batch_sizes[epoch]
        order = self._order(epoch)
        skipped = self._start[1] if epoch == self._start[0] else 0
        for number in range(skipped, self._plan.batches(epoch)):
            batch = order[number * size : (number + 1) * size][self._rank :: self._world]
            yield [(epoch, int(photo)) for photo in batch]


class InOrder(Sampler[list[Place]]):
    """All photos, as they are, divided among the processes."""

    def __init__(self, photos: int, batch: int, *, rank: int = 0, world: int = 1) -> None:
        self._mine = range(rank, photos, world)
        self._batch = batch

    def __len__(self) -> int:
        return ceil(len(self._mine) / self._batch)

    def __iter__(self) -> Iterator[list[Place]]:
        for at in range(0, len(self._mine), self._batch):
            yield [(0, photo) for photo in self._mine[at : at + self._batch]]


def loader(dataset: PhotoDataset | FrozenDataset, batches: Sampler[list[Place]], *, workers: int) -> DataLoader[Batch]:
    """Batches (uint8 [N, s, s, 3] or activations float32 [N, ...], int64 [N] or [N, 1 + A])."""
    return DataLoader(
        dataset,
        batch_sampler=batches,
        collate_fn=collate,  # type: ignore[arg-type]  # a batch comes whole
        num_workers=workers,
        persistent_workers=workers > 0,
        prefetch_factor=4 if workers else None,
        worker_init_fn=start_worker if workers else None,
        generator=torch.Generator(),  # workers' seeds are not drawn from the generator that dropout uses
        pin_memory=torch.cuda.is_available(),
    )

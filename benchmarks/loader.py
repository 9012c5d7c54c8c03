"""Do photos cost an epoch anything?  An epoch of real, augmented photos against one of random tensors made before.

    python benchmarks/loader.py CATALOG [--model mobilenetv2_100] [--size 224] [--photos 640] [--batch 32]
        [--rounds 3] [--workers 1] [--augment light] [--cache auto] [--threads N]

Both epochs train the same model in the same process and take turns, the first of them changing from round to round.
Round 0, in which squares are decoded and kept, and the machine gets warm, is told but does not count.  The ratio is of
the medians; the target is 1.10.  Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from catalens.core.catalog import Catalog
from catalens.core.preprocess import Preprocess
from catalens.train.augment import Augment
from catalens.train.backbones import create
from catalens.train.dataset import Batch, PhotoDataset, Place, collate, photos_of, start_worker
from catalens.train.model import build
from catalens.train.settings import TrainSettings
from catalens.train.squares import open_squares

TARGET = 1.10


class Places:
    """Batches of places, shuffled anew each epoch; a last incomplete batch is left out."""

    def __init__(self, photos: int, batch: int) -> None:
        self._photos, self._batch = photos, batch
        self.epoch = 0

    def __len__(self) -> int:
        return self._photos // self._batch

    def __iter__(self) -> Iterator[list[Place]]:
        order = np.random.default_rng(self.epoch).permutation(self._photos)
        for number in range(len(self)):
            yield [(self.epoch, int(photo)) for photo in order[number * self._batch : (number + 1) * self._batch]]


def epoch(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Iterable[Batch]) -> float:
    """Seconds of one epoch of training."""
    started = time.perf_counter()
    for pixels, labels in batches:
        loss = F.cross_entropy(model(pixels)[0], labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--model", default="mobilenetv2_100")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--photos", type=int, default=640)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3, help="that count; one more comes before them")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--augment", default="light")
    parser.add_argument("--cache", default="auto", choices=["auto", "memory", "disk", "none"])
    parser.add_argument("--threads", type=int, default=None, help="of torch; as it chooses where not given")
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)

    catalog = Catalog(given.catalog)
    photos = photos_of(catalog, "train", catalog.taxonomy)
    photos = photos.without(set(photos.ids[given.photos :]))
    preprocess = Preprocess(size=given.size)
    settings = TrainSettings(size=given.size, cache=given.cache)
    (kept,) = open_squares([photos], preprocess, settings, say=lambda line: print(line, file=sys.stderr))
    dataset = PhotoDataset(photos, preprocess, Augment(given.augment, given.size, seed=0), kept)
    places = Places(len(photos), given.batch)
    real = DataLoader(
        dataset,
        batch_sampler=places,
        collate_fn=collate,
        num_workers=given.workers,
        persistent_workers=given.workers > 0,
        worker_init_fn=start_worker if given.workers else None,
    )
    classes = len(catalog.taxonomy.leaves)
    made = [  # a few, in turn: an epoch of them all would be memory, not work
        (
            torch.randint(0, 256, (given.batch, given.size, given.size, 3), dtype=torch.uint8),
            torch.randint(0, classes, (given.batch,)),
        )
        for _ in range(4)
    ]
    random = [made[number % len(made)] for number in range(len(places))]

    torch.manual_seed(0)
    model = build(create(given.model, size=given.size), preprocess, classes=classes, dropout=0.0).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    seconds: dict[str, list[float]] = {"real": [], "random": []}
    for number in range(given.rounds + 1):
        places.epoch = number
        turns: list[tuple[str, Iterable[Batch]]] = [("real", real), ("random", random)]
        for name, batches in turns if number % 2 == 0 else turns[::-1]:
            seconds[name].append(round(epoch(model, optimizer, batches), 2))
        print(f"round {number}: {seconds['real'][-1]} s real, {seconds['random'][-1]} s random", file=sys.stderr)

    dataset.square(0)
    started = time.process_time()
    alone = 200
    for number in range(alone):
        dataset[99, number % len(dataset)]
    medians = {name: statistics.median(values[1:]) for name, values in seconds.items()}
    trained = len(places) * given.batch
    result = {
        "question": "epoch of real photos against an epoch of random tensors",
        "model": given.model,
        "size": given.size,
        "photos": trained,
        "batch": given.batch,
        "workers": given.workers,
        "augment": given.augment,
        "cache": given.cache,
        "seconds": seconds,
        "images_per_s": {name: round(trained / value, 1) for name, value in medians.items()},
        "cpu_ms_per_photo": round(1000 * (time.process_time() - started) / alone, 2),
        "ratio": round(medians["real"] / medians["random"], 3),
        "target": TARGET,
        "threads": torch.get_num_threads(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}",
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()

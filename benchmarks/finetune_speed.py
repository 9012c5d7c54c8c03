"""How fast is full fine-tuning here, and what pays?  Photos a second of MobileNetV2 against plain eager PyTorch.

    python benchmarks/finetune_speed.py CATALOG [--model mobilenetv2_100] [--size 160] [--batch 32] [--steps 12]
        [--rounds 3] [--only NAME ...]

Plain is float32, contiguous, eager, with the C library's memory and OpenMP's waiting as they come.  Each of the others
changes what its name says; `catalens` is what `catalens train` does.  All train the same network on the same
photos from kept squares, each in a process of its own; they take turns, the order turning from round to round.  The
ratio is of the medians over the rounds, of the steps after the first three; the target is 1.3.  Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

TARGET = 1.3
WARM_UP = 3
DEFAULT_SPINS = "300000"  # of libgomp, where nothing is set


@dataclass(frozen=True)
class Way:
    """One way to run the same training.  `threads` 0 leaves torch its choice."""

    kept_memory: bool = False
    short_spins: bool = False
    channels_last: bool = False
    fused: bool = False
    compiled: bool = False
    threads: int = 0
    workers: int = 1


CATALENS = Way(kept_memory=True, short_spins=True, channels_last=True, fused=True)
WAYS = {
    "plain": Way(),
    "channels-last": Way(channels_last=True),
    "short spins": Way(short_spins=True),
    "fused optimiser": Way(fused=True),
    "kept memory": Way(kept_memory=True),
    "catalens": CATALENS,
    "catalens, contiguous": replace(CATALENS, channels_last=False),
    "catalens, compiled": replace(CATALENS, compiled=True),
    "catalens, one thread": replace(CATALENS, threads=1),
    "catalens, no worker": replace(CATALENS, workers=0),
    "catalens, two workers": replace(CATALENS, workers=2),
}


def measure(catalog: Path, way: Way, *, model: str, size: int, batch: int, steps: int) -> float:
    """Photos a second of one way, in this process, which must be fresh."""
    if not way.kept_memory:
        platform.libc_ver = lambda *_: ("", "")  # type: ignore[assignment]  # catalens.train leaves the memory as it is
    import catalens.train  # noqa: F401, I001  # first: it sets the memory and the waiting
    import torch
    from torch.nn import functional as F
    from torch.utils.data import DataLoader

    from catalens.core.catalog import Catalog
    from catalens.core.preprocess import Preprocess
    from catalens.train.augment import Augment
    from catalens.train.backbones import create
    from catalens.train.dataset import PhotoDataset, collate, photos_of, start_worker
    from catalens.train.model import build
    from catalens.train.settings import TrainSettings
    from catalens.train.squares import open_squares

    if way.threads:
        torch.set_num_threads(way.threads)
    torch.manual_seed(0)
    read = Catalog(catalog)
    photos = photos_of(read, "train", read.taxonomy)
    photos = photos.without(set(photos.ids[8 * batch :]))
    preprocess = Preprocess(size=size)
    (kept,) = open_squares([photos], preprocess, TrainSettings(size=size, cache="memory"))
    dataset = PhotoDataset(photos, preprocess, Augment("light", size, seed=0), kept)
    places = [
        [(step, photo % len(photos)) for photo in range(step * batch, (step + 1) * batch)]
        for step in range(WARM_UP + steps)
    ]
    loader = DataLoader(
        dataset,
        batch_sampler=places,
        collate_fn=collate,  # type: ignore[arg-type]
        num_workers=way.workers,
        worker_init_fn=start_worker if way.workers else None,
    )
    backbone = create(model, size=size)
    classes = len(read.taxonomy.leaves)
    network = build(backbone, preprocess, classes=classes, dropout=0.0, channels_last=way.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=way.fused or None)
    forward = torch.compile(network) if way.compiled else network
    started = 0.0
    for step, (pixels, labels) in enumerate(loader):
        if step == WARM_UP:
            started = time.perf_counter()
        loss = F.cross_entropy(forward(pixels)[0], labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return steps * batch / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--model", default="mobilenetv2_100")
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=12, help="that are timed in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=WAYS, help="beside plain and catalens; all where not given")
    parser.add_argument("--measure", choices=WAYS, help=argparse.SUPPRESS)  # the process of one way
    given = parser.parse_args()
    task = {"model": given.model, "size": given.size, "batch": given.batch, "steps": given.steps}
    if given.measure:
        print(measure(given.catalog, WAYS[given.measure], **task))
        return

    names = [name for name in WAYS if given.only is None or name in (*given.only, "plain", "catalens")]
    speeds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(given.rounds):
        for name in names if number % 2 == 0 else names[::-1]:
            command = [sys.executable, __file__, str(given.catalog), "--measure", name]
            for key, value in task.items():
                command += [f"--{key}", str(value)]
            spins = {} if WAYS[name].short_spins else {"GOMP_SPINCOUNT": DEFAULT_SPINS}
            done = subprocess.run(command, env=os.environ | spins, stdout=subprocess.PIPE, text=True, check=True)
            speeds[name].append(round(float(done.stdout), 2))
            print(f"round {number}: {name}: {speeds[name][-1]} photos/s", file=sys.stderr, flush=True)
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    result = {
        "question": "full fine-tuning against plain eager PyTorch",
        **task,
        "photos_per_s": speeds,
        "ratio_to_plain": {name: round(value / medians["plain"], 2) for name, value in medians.items()},
        "target": TARGET,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()

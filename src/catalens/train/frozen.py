"""Modes `probe` and `last`: what the frozen trunk gives for each photo is computed once and kept, float16, on disk.

After that an epoch costs what the trained stages cost.  A photo is seen in `settings.views` augmented views, view v as
epoch v would augment it, and epoch e takes view e modulo `views`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from catalens.core.cache import FROZEN, LOCK, ROWS
from catalens.core.errors import CatalogError, ConfigError
from catalens.core.lock import lock
from catalens.core.progress import Progress, silent
from catalens.train.dataset import Batch, PhotoDataset, Photos, Place
from catalens.train.model import Classifier
from catalens.train.rowfile import RowFile, size_of
from catalens.train.settings import TrainSettings
from catalens.train.split import Outputs, Split, split
from catalens.train.squares import cache_folder, unusable
from catalens.train.trunk import Trunk, computed, fast, in_torch

REPORTED = 16  # photos between two reports of progress
LARGEST = float(np.finfo(np.float16).max)


class FrozenDataset(Dataset[tuple[Tensor, Tensor]]):
    """In place of a `PhotoDataset`: the same places and labels, activations instead of pixels."""

    cached = True

    def __init__(self, file: RowFile, photos: Photos, *, views: int, channels_last: bool) -> None:
        self.photos = photos
        self._file = file
        self._views = views
        self._channels_last = channels_last
        self._targets = torch.from_numpy(photos.targets)

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, place: Place) -> tuple[Tensor, Tensor]:
        """(activation float32 [...], label int64 [] or [1 + A]) of one photo in one epoch."""
        activations, targets = self.__getitems__([place])
        return activations[0], targets[0]

    def __getitems__(self, places: Sequence[Place]) -> Batch:
        """(activations float32 [N, ...], int64 [N] or [N, 1 + A]): a batch as it is, for `collate`."""
        rows = [self._file.get((epoch % self._views) * len(self) + photo) for epoch, photo in places]
        if any(row is None for row in rows):
            raise CatalogError("a cache of activations was changed while it was in use; start again with --resume")
        activations = torch.from_numpy(np.stack([row for row in rows if row is not None])).float()
        if self._channels_last:
            activations = activations.permute(0, 3, 1, 2)
        return activations, self._targets[[photo for _, photo in places]]


@dataclass(frozen=True)
class Frozen:
    """The data of a training whose trunk was computed once, and the way into the rest of its model.

    `files` hold the activations; `kept` says whether later runs find them.
    """

    train: FrozenDataset
    val: FrozenDataset | None
    settings: TrainSettings
    files: tuple[Path, ...]
    kept: bool

    def entry(self, model: Classifier) -> Callable[[Tensor], Outputs]:
        """Activations float [N, ...] -> (logits, embedding, ...) of this model, or of an averaged copy of it."""
        return split(model, self.settings).rest

    def close(self) -> None:
        """At the end of a run: delete what no later run will look for."""
        for file in self.files:
            if not self.kept:
                file.unlink(missing_ok=True)
                file.with_suffix(LOCK).unlink(missing_ok=True)


def prepare(
    model: Classifier,
    train: PhotoDataset,
    val: PhotoDataset | None,
    settings: TrainSettings,
    folder: Path,
    *,
    say: Callable[[str], None] = lambda line: None,
    progress: Progress = silent,
) -> Frozen | None:
    """Compute the frozen trunk for all photos, or find what was computed before; None where `settings.views` is 0.

    The files lie in the cache folder, where later runs find them, or in the run's `folder` with cache="none".  A
    computation that was stopped goes on where it was.  Raises ConfigError, ImageError or CatalogError.
    """
    if not settings.views:
        return None
    if settings.sizes:
        raise ConfigError("sizes that grow cannot be computed once; set train.views=0 or train.sizes=[]", key="views")
    if settings.mixup or settings.cutmix:
        raise ConfigError(
            "photos that are mixed cannot be computed once; set train.views=0, or no mixup and cutmix", key="views"
        )
    parts = split(model, settings)
    kept = settings.cache != "none"
    place = (cache_folder(settings) if kept else folder) / FROZEN
    trunk = _digest(model, parts, settings)
    policy = train.augment.policy if train.augment is not None else None
    changed = f"{settings.augment} {policy} {settings.size} {settings.erasing} {settings.seed}"
    files: list[Path] = []
    graph = cache(lambda: fast(model, parts, settings.size))  # traced for train, used for val, too

    def made(dataset: PhotoDataset, views: int, seen: str) -> FrozenDataset:
        key = hashlib.sha256("\n".join([trunk, dataset.preprocess.digest, seen, *dataset.photos.ids]).encode())
        files.append(place / f"{key.hexdigest()[:32]}{ROWS}")
        return _computed(model, parts, graph, dataset, views, files[-1], say=say, progress=progress)

    return Frozen(
        made(train, settings.views, f"{settings.views} views {changed}" if train.augment is not None else "as it is"),
        made(val, 1, "as it is") if val is not None else None,
        settings,
        tuple(files),
        kept,
    )


def _computed(
    model: Classifier,
    parts: Split,
    graph: Callable[[], Trunk | None],
    dataset: PhotoDataset,
    views: int,
    path: Path,
    *,
    say: Callable[[str], None],
    progress: Progress,
) -> FrozenDataset:
    home = model.head.weight.device
    device = torch.device("cuda") if torch.cuda.is_available() else home
    model.to(device)
    try:
        first = parts.trunk(dataset[0, 0][0][None].to(device))
        channels_last = first.ndim == 4 and first.is_contiguous(memory_format=torch.channels_last)
        form = tuple((first.permute(0, 2, 3, 1) if channels_last else first).shape[1:])
        try:
            file = RowFile.on_disk(path, views * len(dataset), form, "float16")
            with _alone(path, say):
                if len(rows := file.missing()):
                    size = size_of(len(file), form, "float16") / 1e9
                    say(f"computing the frozen layers once: {len(rows):,} pictures, {size:.2f} GB in {path.parent}")
                    trunk = graph() if device.type == "cpu" else None
                    _fill(file, rows, dataset, trunk or in_torch(parts, device), channels_last, progress)
                    file.flush()
        except OSError as error:
            raise unusable(error, path.parent, instead="train.views=0") from None
    finally:
        model.to(home)
    return FrozenDataset(file, dataset.photos, views=views, channels_last=channels_last)


def _fill(
    file: RowFile, rows: np.ndarray, dataset: PhotoDataset, trunk: Trunk, channels_last: bool, progress: Progress
) -> None:
    """Write the missing rows; each counts as soon as it is written."""
    places = [divmod(int(row), len(dataset)) for row in rows]  # (view, photo)
    threads = torch.get_num_threads() + 1  # one more than cores: some wait for others to hand over
    with closing(computed(trunk, dataset, places, threads)) as activations:
        for done, (row, activation) in enumerate(zip(rows, activations, strict=True), start=1):
            kept = activation.clip(-LARGEST, LARGEST).astype(np.float16)
            file.put(int(row), kept.transpose(1, 2, 0) if channels_last else kept)
            if done % REPORTED == 0 or done == len(rows):
                progress(done, len(rows), "frozen layers")


@contextmanager
def _alone(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    """A context in which one process computes this file; others wait and find it done."""
    held = path.with_suffix(LOCK)
    file = lock(held)
    if file is None:
        say("waiting for another run that computes the same layers")
        file = lock(held, wait=True)
    try:
        yield
    finally:
        if file is not None:
            file.close()


def _digest(model: Classifier, parts: Split, settings: TrainSettings) -> str:
    """By all that an activation follows from, but for the photos: networks, weights and libraries."""
    stages = {name.rpartition(".")[0] for name in parts.trained}
    digest = hashlib.sha256(f"frozen 1 {settings.model} {parts.cut} {version('timm')} {version('pillow')}".encode())
    for name, value in sorted(model.backbone.state_dict().items()):
        if name not in parts.trained and name.rpartition(".")[0] not in stages:
            digest.update(f"\n{name} {tuple(value.shape)} {value.dtype}\n".encode())
            digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()

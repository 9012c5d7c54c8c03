"""Modes `probe` and `last`: what the frozen trunk gives for each photo is computed once and kept, float16, on disk.

After that an epoch costs what the trained stages cost.  A photo is seen in `settings.views` augmented views, view v as
epoch v would augment it, and epoch e takes view e modulo `views`.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from catalens.core.errors import CatalogError, ConfigError
from catalens.core.lock import lock
from catalens.core.progress import Progress, silent
from catalens.train.dataset import Batch, PhotoDataset, Photos, Place, collate, start_worker
from catalens.train.model import Classifier
from catalens.train.rowfile import RowFile, size_of
from catalens.train.settings import TrainSettings
from catalens.train.split import Outputs, Split, evaluated, example, split
from catalens.train.squares import cache_folder, unusable

BATCH = 16  # photos that the trunk computes at once: faster than 8 or 32, whose arrays no longer fit the caches
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
        activations = torch.from_numpy(np.stack([row for row in rows if row is not None]).astype(np.float32))
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
                file.with_suffix(".lock").unlink(missing_ok=True)


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
    place = (cache_folder(settings) if kept else folder) / "frozen"
    trunk = _digest(model, parts, settings)
    changed = f"{settings.augment} {settings.size} {settings.erasing} {settings.seed}"
    files: list[Path] = []

    def made(dataset: PhotoDataset, views: int, seen: str) -> FrozenDataset:
        key = hashlib.sha256("\n".join([trunk, dataset.preprocess.digest, seen, *dataset.photos.ids]).encode())
        files.append(place / f"{key.hexdigest()[:32]}.rows")
        return _computed(model, parts, dataset, views, files[-1], settings, say=say, progress=progress)

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
    dataset: PhotoDataset,
    views: int,
    path: Path,
    settings: TrainSettings,
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
                    trunk = fast(model, parts, settings.size) if device.type == "cpu" else parts.trunk
                    _fill(file, rows, dataset, trunk, device, channels_last, settings.workers, progress)
                    file.flush()
        except OSError as error:
            raise unusable(error, path.parent, instead="train.views=0") from None
    finally:
        model.to(home)
    return FrozenDataset(file, dataset.photos, views=views, channels_last=channels_last)


def _fill(
    file: RowFile,
    rows: np.ndarray,
    dataset: PhotoDataset,
    trunk: Callable[[Tensor], Tensor],
    device: torch.device,
    channels_last: bool,
    workers: int,
    progress: Progress,
) -> None:
    """Write the missing rows; each counts as soon as it is written."""
    places = [divmod(int(row), len(dataset)) for row in rows]  # (view, photo)
    batches = [places[first : first + BATCH] for first in range(0, len(places), BATCH)]
    pictures = DataLoader(
        dataset,
        batch_sampler=batches,
        collate_fn=collate,  # type: ignore[arg-type]  # torch's types know only lists of items
        num_workers=workers,
        worker_init_fn=start_worker if workers else None,
        generator=torch.Generator(),  # torch's own stays as the seed left it
    )
    done = 0
    for chosen, (pixels, _) in zip(batches, pictures, strict=True):
        with torch.no_grad():
            computed = trunk(pixels.to(device))
        activations = computed.float().clamp(-LARGEST, LARGEST).half()
        if channels_last:
            activations = activations.permute(0, 2, 3, 1)
        for (view, photo), activation in zip(chosen, activations.cpu().numpy(), strict=True):
            file.put(view * len(dataset) + photo, activation)
        done += len(chosen)
        progress(done, len(rows), "frozen layers")


def fast(model: Classifier, parts: Split, size: int) -> Callable[[Tensor], Tensor]:
    """The trunk as one graph, batch norms folded into the convolutions: on a CPU, MobileNetV2 takes half the time.

    The trunk as it is, where it cannot be traced or what comes out differs.
    """

    class Trunk(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, pixels: Tensor) -> Tensor:
            return parts.trunk(pixels)

    with warnings.catch_warnings(), torch.no_grad(), evaluated(model):
        warnings.simplefilter("ignore")  # of tracing: what it warns of is compared below
        try:
            graph = torch.jit.freeze(torch.jit.trace(Trunk().eval(), example(size, 2), check_trace=False, strict=False))
            pixels = example(size, 3)
            same = torch.allclose(graph(pixels), parts.trunk(pixels), rtol=1e-3, atol=1e-3)
        except Exception:  # tracing raises whatever the network's own code does on it
            return parts.trunk
    return graph if same else parts.trunk


@contextmanager
def _alone(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    """A context in which one process computes this file; others wait and find it done."""
    held = path.with_suffix(".lock")
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

"""`catalens train`: from a split catalog to a run folder.  `run` is the whole story; the rest is its detail."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback

from catalens.core.catalog import Catalog
from catalens.core.preprocess import Preprocess
from catalens.core.progress import Progress, silent
from catalens.track.tracker import Tracker
from catalens.train.augment import Augment
from catalens.train.backbones import Backbone, create
from catalens.train.batches import EpochBatches, InOrder, epoch_sizes, loader, make_plan, photo_order
from catalens.train.checkpoint import load_run
from catalens.train.confusion import Confusion
from catalens.train.dataset import PhotoDataset
from catalens.train.epochs import CHECKPOINTS, LAST, read_info, write_info
from catalens.train.faults import explained
from catalens.train.folder import describe, open_folder
from catalens.train.frozen import Frozen, FrozenDataset, prepare
from catalens.train.history import History
from catalens.train.losses import make_loss
from catalens.train.memory import fitting_batch
from catalens.train.mixing import Mixer
from catalens.train.model import Classifier, build
from catalens.train.module import Objective, TrainModule, freeze
from catalens.train.parts import Parts, read_parts
from catalens.train.settings import TrainSettings
from catalens.train.squares import open_squares
from catalens.train.tail import improve, save
from catalens.train.tail import lines as tail_lines
from catalens.train.tracking import SendEpochs, open_tracker
from catalens.train.trainer import MidEpoch, make_trainer, process_rank

Inputs = tuple[PhotoDataset | FrozenDataset, PhotoDataset | FrozenDataset | None]  # train, val


def run(
    catalog: Catalog,
    folder: Path,
    settings: TrainSettings,
    *,
    resume: bool = False,
    say: Callable[[str], None] = lambda line: None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Train a model on the catalog's `train` part, watched on its `val` part; what run.json says at the end.

    The same catalog, settings, seed and number of threads give the same run.  With `resume`, a run that was stopped
    goes on at its last checkpoint, in mid-epoch too, as if it had not been stopped.  `say` gets a line an epoch.
    Raises ConfigError, CatalogError or TrainingError.
    """
    first = process_rank() == 0
    say = say if first else _nothing
    data = read_parts(catalog, settings)
    L.seed_everything(settings.seed, verbose=False)
    backbone = create(settings.model, weights=settings.weights, size=settings.size)
    preprocess = _preprocess(settings, backbone)
    model = build(
        backbone,
        preprocess,
        classes=len(data.taxonomy.leaves),
        dropout=settings.dropout,
        attributes=data.vocabulary.sizes,
        channels_last=settings.channels_last,
    )
    freeze(model, settings)
    info = describe(catalog, data, settings, preprocess, backbone)
    info["batch"] = _batch(settings, model, len(data.train), folder, resume=resume)
    if first:
        open_folder(folder, info, data.taxonomy, resume=resume)
    tracker = open_tracker(settings, info, folder, say=say)
    try:
        with explained(folder, batch=info["batch"], accumulate=settings.accumulate):
            train, val = _datasets(data, settings, preprocess, say)
            seen = (train.unchanged(), val) if settings.tail != "none" else None
            frozen = prepare(model, train, val, settings, folder, say=say, progress=progress)
            inputs: Inputs = (train, val) if frozen is None else (frozen.train, frozen.val)
            del train, val  # squares that nobody reads any more are memory
            history = _fit(model, data, inputs, frozen, folder, settings, info, tracker, resume, say, progress)
            info |= _outcome(history)
            if first:
                if seen is not None:
                    info |= _after(data, *seen, folder, settings, progress)
                write_info(folder, info)
    except BaseException as error:
        if tracker is not None:
            tracker.fail(error)
        raise
    if tracker is not None:
        tracker.finish(info)
    return info


def _fit(
    model: Classifier,
    data: Parts,
    inputs: Inputs,
    frozen: Frozen | None,
    folder: Path,
    settings: TrainSettings,
    info: dict[str, Any],
    tracker: Tracker | None,
    resume: bool,
    say: Callable[[str], None],
    progress: Progress,
) -> History:
    """Train all epochs; what happened in them."""
    train, val = inputs
    rank, world = process_rank(), settings.devices
    plan = make_plan(settings, len(data.train), info["batch"])
    checkpoints = folder / CHECKPOINTS
    last = checkpoints / LAST if resume and (checkpoints / LAST).exists() else None
    mixer = Mixer(settings.mixup, settings.cutmix, settings.mix_share, len(data.taxonomy.leaves))
    module = TrainModule(
        model,
        settings,
        plan,
        Objective(make_loss(settings, data.taxonomy, data.counts), mixer, data.vocabulary.names),
        entry=frozen.entry if frozen is not None else None,
        after_step=MidEpoch(checkpoints, every_s=settings.checkpoint_s),
    )
    if settings.compile:
        model.compile()
    history = History(folder, plan, say=say, progress=progress)
    callbacks: list[Callback] = [history] if tracker is None else [history, SendEpochs(tracker)]
    if val is not None:
        names = [" > ".join(data.taxonomy.path_names(leaf)) for leaf in data.taxonomy.leaves]
        callbacks.append(Confusion(folder, names))
    trainer = make_trainer(checkpoints, settings, callbacks, watched=val is not None)
    order = photo_order(data.train, settings, cached=train.cached)
    # activations are read in 0.1 ms a batch; handing them over from another process takes 1 ms
    workers = settings.workers if frozen is None else 0
    trainer.fit(
        module,
        loader(train, EpochBatches(plan, order, start=_start(last), rank=rank, world=world), workers=workers),
        loader(val, InOrder(len(val), 2 * info["batch"], rank=rank, world=world), workers=workers)
        if val is not None
        else None,
        ckpt_path=last,
        weights_only=True,
    )
    if frozen is not None:
        frozen.close()
    return history


def _datasets(
    data: Parts, settings: TrainSettings, preprocess: Preprocess, say: Callable[[str], None]
) -> tuple[PhotoDataset, PhotoDataset | None]:
    """The photos to train on, augmented, and those of val as the server sees them."""
    squares = open_squares([data.train, *([data.val] if data.val else [])], preprocess, settings, say=say)
    augment = Augment(settings.augment, epoch_sizes(settings), seed=settings.seed, erasing=settings.erasing)
    train = PhotoDataset(data.train, preprocess, augment, squares[0])
    return train, PhotoDataset(data.val, preprocess, cache=squares[1]) if data.val is not None else None


def _after(
    data: Parts,
    train: PhotoDataset,
    val: PhotoDataset | None,
    folder: Path,
    settings: TrainSettings,
    progress: Progress,
) -> dict[str, Any]:
    """What is done to the classifier once the network is trained, by photos as the server sees them; for run.json."""
    improvement = improve(
        load_run(folder, tail=False).model,
        train,
        val,
        data.counts,
        settings,
        products=np.array([data.products[leaf] for leaf in data.taxonomy.leaves]),
        progress=progress,
    )
    save(improvement, folder)
    return {"tail": {"lines": tail_lines(improvement), "chosen": improvement.chosen.name}}


def _batch(settings: TrainSettings, model: Classifier, photos: int, folder: Path, *, resume: bool) -> int:
    """The photos of a batch: as set, as this run began with, or as many as memory holds."""
    if settings.batch != "auto":
        return settings.batch
    if resume and (before := read_info(folder).get("batch")):
        return int(before)
    return fitting_batch(model, max(settings.sizes or (settings.size,)), photos=photos)


def _start(checkpoint: Path | None) -> tuple[int, int]:
    """(epoch, batch) to go on with."""
    if checkpoint is None:
        return 0, 0
    epoch, batches = torch.load(checkpoint, map_location="cpu", weights_only=True)["place"]
    return int(epoch), int(batches)


def _nothing(line: str) -> None:
    """What the other processes say."""


def _preprocess(settings: TrainSettings, backbone: Backbone) -> Preprocess:
    return Preprocess(
        size=settings.size,
        resize=settings.resize,
        interpolation=settings.interpolation,
        mean=backbone.mean,
        std=backbone.std,
    )


def _outcome(history: History) -> dict[str, Any]:
    """`seconds` is that of all epochs, those before a resumption included."""
    watched = [row for row in history.rows if not math.isnan(row["val_top1"])]
    best = max(watched, key=lambda row: row["val_top1"], default=None)
    return {
        "status": "finished",
        "epochs": len(history.rows),
        "best": {"epoch": int(best["epoch"]), "val_top1": best["val_top1"]} if best else None,
        "seconds": round(sum(row["seconds"] for row in history.rows), 1),
    }

"""Lightning's trainer, set up from the settings: device, precision, processes, checkpoints that survive a kill."""

from __future__ import annotations

import logging
import math
import os
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, Checkpoint, EarlyStopping, ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.strategies import DDPStrategy

from catalens.core.durable import replacing
from catalens.core.errors import ConfigError
from catalens.train.epochs import LAST
from catalens.train.settings import TrainSettings

SAVED_S = 10.0  # seconds of training that a kill may cost


class DurableCheckpoints(TorchCheckpointIO):
    """A checkpoint is the old one or the new one, never half of it, whatever stops the process or fills the disk."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial, partial.open("wb") as file:
            torch.save(checkpoint, file)


class MidEpoch:
    """Saves `last.ckpt` inside an epoch, every `every_s` seconds: called after each step, when all of it is done."""

    def __init__(self, folder: Path, *, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = folder / LAST
        self._every_s = every_s
        self._clock = clock
        self._saved = clock()

    def __call__(self, trainer: L.Trainer) -> None:
        if _together(trainer, self._clock() - self._saved >= self._every_s):
            trainer.save_checkpoint(self._path)
            self._saved = self._clock()


class AfterEpoch(Checkpoint):
    """Saves `last.ckpt` after an epoch, but for those that end within `SAVED_S` of the one before; after the last one
    always.

    Where only a last stage is trained, an epoch takes two seconds and writing all weights half of one.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = folder / LAST
        self._clock = clock
        self._saved = -math.inf

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        over = trainer.should_stop or trainer.current_epoch + 1 >= (trainer.max_epochs or 0)
        if _together(trainer, over or self._clock() - self._saved >= SAVED_S):
            trainer.save_checkpoint(self._path)
            self._saved = self._clock()


def _together(trainer: L.Trainer, due: bool) -> bool:
    """What the first process says, for all: they save together."""
    return bool(trainer.strategy.broadcast(due)) if trainer.world_size > 1 else due


def process_rank() -> int:
    """0 in the process that the user started, and wherever there is no other."""
    return int(os.environ.get("RANK") or os.environ.get("LOCAL_RANK") or 0)


def make_trainer(folder: Path, settings: TrainSettings, callbacks: Sequence[Callback], *, watched: bool) -> L.Trainer:
    """`folder` is where checkpoints go; `watched`: there is a val part to choose an epoch by.  Raises ConfigError."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    # two cores: the hint to use more loader workers does not apply, and batches of an epoch are known to the plan
    warnings.filterwarnings("ignore", module="lightning")
    kept: dict[str, Any] = {"dirpath": folder, "save_on_train_epoch_end": True, "enable_version_counter": False}
    all_callbacks = list(callbacks)
    if watched:
        all_callbacks.append(ModelCheckpoint(filename="best", monitor="val_top1", mode="max", **kept))
    if settings.patience:
        all_callbacks.append(
            EarlyStopping("val_top1", mode="max", patience=settings.patience, check_on_train_epoch_end=True)
        )
    all_callbacks.append(AfterEpoch(folder))
    on_gpu = torch.cuda.is_available()
    return L.Trainer(
        accelerator="gpu" if on_gpu else "cpu" if settings.devices > 1 else "auto",
        devices=settings.devices,
        strategy=_strategy(settings, on_gpu),
        precision=_precision(settings, on_gpu),
        max_epochs=settings.epochs,
        accumulate_grad_batches=settings.accumulate,
        gradient_clip_val=settings.clip or None,
        callbacks=all_callbacks,
        plugins=[DurableCheckpoints()],
        use_distributed_sampler=False,  # our own divides the batches
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


def _strategy(settings: TrainSettings, on_gpu: bool) -> Any:
    if settings.devices == 1:
        return "auto"
    if on_gpu and settings.devices > torch.cuda.device_count():
        raise ConfigError(f"expected {settings.devices} GPUs, found {torch.cuda.device_count()}", key="devices")
    # the other processes are started by the same command line (Lightning's way); gloo is what CPUs talk by
    return DDPStrategy(process_group_backend="nccl" if on_gpu else "gloo")


def _precision(settings: TrainSettings, on_gpu: bool) -> Any:
    if settings.precision == "auto":
        return "bf16-mixed" if on_gpu and torch.cuda.is_bf16_supported() else "32-true"
    if settings.precision == "16" and not on_gpu:
        raise ConfigError("16-bit floats need a GPU; on a CPU take bf16, where it has it, or 32", key="precision")
    return {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}[settings.precision]

"""What a training run tells MLflow: settings, where the photos are from, and every epoch.  `track` does the sending."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

from catalens.track.tracker import Tracker, open_run, wanted
from catalens.train.history import History
from catalens.train.settings import TrainSettings
from catalens.train.trainer import process_rank

NOT_LOGGED = {"tracking", "experiment"}  # settings that say nothing about the model


def open_tracker(
    settings: TrainSettings, info: dict[str, Any], folder: Path, *, say: Callable[[str], None]
) -> Tracker | None:
    """The tracker of a run whose folder is there; None where it is not tracked, and in all but the first process.

    `info` is what run.json says.  Raises MissingExtra where MLflow was asked for and is not installed.
    """
    if process_rank():
        return None
    if not wanted(settings.tracking, say=say):
        return None
    catalog = info["catalog"]
    params = {key: value for key, value in info["settings"].items() if key not in NOT_LOGGED}
    tags = {
        "catalog": catalog["name"],
        "catalog.digest": catalog["digest"],
        "train.digest": info["train_digest"],
        "train.photos": info.get("train_photos", ""),
        **{f"library.{name}": number for name, number in info.get("libraries", {}).items()},
    }
    experiment = settings.experiment or catalog["name"]
    return open_run(folder, experiment=experiment, params=params, tags=tags, say=say)


class SendEpochs(Callback):
    """Hands the rows of History to a tracker; it stands after History among the callbacks."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._send(trainer)  # of a resumed run: what a kill kept from being sent

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._send(trainer)

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._send(trainer)

    def _send(self, trainer: L.Trainer) -> None:
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, History):
                self._tracker.rows(callback.rows)

"""What happened epoch by epoch: kept in the checkpoint, written as a table and as a picture."""

from __future__ import annotations

import csv
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

from catalens.core.progress import Progress

COLUMNS = ("epoch", "train_loss", "train_top1", "val_loss", "val_top1", "lr", "seconds")
HEADER = (
    f"{'epoch':>5}  {'train loss':>10}  {'train top-1':>11}  {'val loss':>8}  {'val top-1':>9}  {'lr':>8}  {'s':>6}"
)


class History(Callback):
    """Writes metrics.csv and curves.png after every epoch, and says each epoch as a line of a table."""

    def __init__(self, folder: Path, *, say: Callable[[str], None], progress: Progress) -> None:
        self._folder = folder
        self._say = say
        self._progress = progress
        self._started = 0.0
        self.rows: list[dict[str, float]] = []

    def state_dict(self) -> dict[str, Any]:
        return {"rows": [dict(row) for row in self.rows]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = [dict(row) for row in state_dict["rows"]]

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._say(HEADER)
        for row in self.rows:
            self._say(_line(row))

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._started = time.monotonic()

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        note = f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}"
        self._progress(trainer.global_step, int(trainer.estimated_stepping_batches), note)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        row = {name: metrics.get(name, math.nan) for name in COLUMNS}
        row["epoch"] = trainer.current_epoch + 1
        row["lr"] = trainer.optimizers[0].param_groups[-1]["lr"]
        row["seconds"] = time.monotonic() - self._started
        self.rows.append(row)
        self._say(_line(row))
        write_csv(self.rows, self._folder / "metrics.csv")
        draw_curves(self.rows, self._folder / "curves.png")


def write_csv(rows: list[dict[str, float]], path: Path) -> None:
    """Write metrics.csv whole or not at all."""
    partial = path.with_suffix(".partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in rows)
    os.replace(partial, path)


def draw_curves(rows: list[dict[str, float]], path: Path) -> None:
    """Loss on the left, top-1 on the right, train and val in each."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, what, title in zip(figure.subplots(1, 2), ("loss", "top1"), ("loss", "top-1"), strict=True):
        epochs = [row["epoch"] for row in rows]
        for part, colour in (("train", "#7f8c9b"), ("val", "#0b7a75")):
            axes.plot(epochs, [row[f"{part}_{what}"] for row in rows], marker=".", color=colour, label=part)
        axes.set(title=title, xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
        axes.legend(frameon=False)
    partial = path.with_suffix(".partial")
    figure.savefig(partial, format="png", dpi=110)
    os.replace(partial, path)


def _line(row: dict[str, float]) -> str:
    return (
        f"{row['epoch']:5.0f}  {row['train_loss']:10.4f}  {row['train_top1']:11.4f}  {row['val_loss']:8.4f}  "
        f"{row['val_top1']:9.4f}  {row['lr']:8.2g}  {row['seconds']:6.1f}"
    )

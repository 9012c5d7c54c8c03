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
from catalens.train.batches import Plan

DRAWN_S = 10.0  # seconds from one picture to the next
COLUMNS = ("epoch", "train_loss", "train_top1", "val_loss", "val_top1", "lr", "seconds")
HEADER = (
    f"{'epoch':>5}  {'train loss':>10}  {'train top-1':>11}  {'val loss':>8}  {'val top-1':>9}  {'lr':>8}  {'s':>6}"
)


class History(Callback):
    """Writes metrics.csv after every epoch, and says it as a line of a table; curves.png follows in a few seconds.

    A picture takes 0.2 s: short epochs do not get one each.
    """

    def __init__(self, folder: Path, plan: Plan, *, say: Callable[[str], None], progress: Progress) -> None:
        self._folder = folder
        self._plan = plan
        self._say = say
        self._progress = progress
        self._epoch_started = self._fit_started = time.monotonic()
        self._drawn = -math.inf
        self._done_before = 0.0  # share of the work that an earlier process did
        self.rows: list[dict[str, float]] = []

    def state_dict(self) -> dict[str, Any]:
        """The rows so far, and the seconds that are spent on the epoch that is not done yet."""
        return {"rows": [dict(row) for row in self.rows], "spent_s": time.monotonic() - self._epoch_started}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = [dict(row) for row in state_dict["rows"]]
        self._epoch_started = time.monotonic() - state_dict["spent_s"]

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._fit_started = time.monotonic()
        self._done_before = self._plan.done(min(len(self.rows), len(self._plan.sizes) - 1), 0)
        self._say(HEADER)
        for row in self.rows:
            self._say(_line(row))

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._epoch_started = time.monotonic()

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        done = self._plan.done(trainer.current_epoch, batch_idx + 1)
        left = left_s(time.monotonic() - self._fit_started, done - self._done_before, 1 - done)
        note = f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}, {duration(left)} left"
        self._progress(trainer.global_step, self._plan.total_steps, note)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        metrics |= pl_module.epoch_sums()  # a sum over all processes: each of them has to come here
        row = {name: metrics.get(name, math.nan) for name in COLUMNS}
        row |= {name: value for name, value in metrics.items() if name.startswith("val_")}  # attributes have their own
        row["epoch"] = trainer.current_epoch + 1
        row["lr"] = trainer.optimizers[0].param_groups[-1]["lr"]
        row["seconds"] = time.monotonic() - self._epoch_started
        self.rows.append(row)
        if not trainer.is_global_zero:
            return
        self._say(_line(row))
        write_csv(self.rows, self._folder / "metrics.csv")
        if time.monotonic() - self._drawn >= DRAWN_S:
            self._draw()

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.is_global_zero and self.rows:
            self._draw()

    def _draw(self) -> None:
        draw_curves(self.rows, self._folder / "curves.png")
        self._drawn = time.monotonic()


def left_s(spent_s: float, done: float, left: float) -> float | None:
    """Seconds that `left` of the work will take if `done` of it took `spent_s`; None before anything is done."""
    return spent_s * left / done if done > 0 else None


def duration(seconds: float | None) -> str:
    """For a person: "40 s", "12 min", "3 h 05 min"; "?" where it is not known."""
    if seconds is None:
        return "?"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


def write_csv(rows: list[dict[str, float]], path: Path) -> None:
    """Write metrics.csv whole or not at all."""
    partial = path.with_suffix(".partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys([*COLUMNS, *rows[-1]])))
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

"""Which categories are taken for which on val, in the best epoch: a table in the run folder and its picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch.callbacks import Callback

from catalens.core.durable import replacing

TABLE, PICTURE = "confusion.npy", "confusion.png"
MOST_SHOWN = 40  # categories in the picture: more cannot be read
LARGEST = 5000  # categories of which a table is kept: 200 MB

Counts = npt.NDArray[np.int64]


class Confusion(Callback):
    """Counts what `validation_step` returns, {"truth": int64 [N], "predicted": int64 [N]}, and keeps the best epoch's.

    `names` are those of the classes in their order.  The counts of several processes are added up.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._folder = folder
        self._names = list(names)
        self._best = -math.inf
        self._counts = torch.zeros(0, 0, dtype=torch.int64)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self._best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._best = state_dict["best"]

    def on_validation_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        side = len(self._names) if len(self._names) <= LARGEST else 0
        self._counts = torch.zeros(side, side, dtype=torch.int64, device=pl_module.device)

    def on_validation_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, *_: Any, **__: Any
    ) -> None:
        if isinstance(outputs, Mapping) and self._counts.numel():
            truth, predicted = outputs["truth"], outputs["predicted"]
            self._counts.index_put_((truth, predicted), torch.ones_like(truth), accumulate=True)

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.sanity_checking or not self._counts.numel():
            return
        counts: Counts = trainer.strategy.reduce(self._counts, reduce_op="sum").cpu().numpy()
        total = counts.sum()
        top1 = float(np.trace(counts) / total) if total else -math.inf
        if top1 <= self._best:
            return
        self._best = top1
        if trainer.is_global_zero:
            with replacing(self._folder / TABLE) as partial, partial.open("wb") as file:
                np.save(file, counts)

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        path = self._folder / TABLE
        if trainer.is_global_zero and path.exists():
            draw_confusion(np.load(path), self._names, self._folder / PICTURE)


def draw_confusion(counts: Counts, names: Sequence[str], path: Path) -> None:
    """int64 [C, C], truth down and prediction across -> a PNG of each row's shares.

    Of more than 40 categories, those with the most wrong answers are shown, and the title says so.
    """
    from matplotlib.figure import Figure

    shown = most_confused(counts, MOST_SHOWN)
    rows = counts[np.ix_(shown, shown)] / np.maximum(counts[shown].sum(axis=1, keepdims=True), 1)
    side = 2.5 + 0.24 * len(shown)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(rows, vmin=0, vmax=1, cmap="Greens")
    labels = [names[index][:24] for index in shown]
    axes.set_xticks(range(len(shown)), labels, rotation=90, fontsize=7)
    axes.set_yticks(range(len(shown)), labels, fontsize=7)
    few = f", the {len(shown)} most confused of {len(counts)} categories" if len(shown) < len(counts) else ""
    axes.set_title(f"share of each row's photos in val{few}", fontsize=8)
    axes.set(xlabel="was taken for", ylabel="is")
    if len(shown) <= 20:
        for row, column in np.argwhere(rows >= 0.005):
            colour = "white" if rows[row, column] > 0.6 else "black"
            axes.text(column, row, f"{rows[row, column]:.0%}", ha="center", va="center", fontsize=6, color=colour)
    figure.colorbar(image, shrink=0.6)
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=110)


def most_confused(counts: Counts, most: int) -> npt.NDArray[np.int64]:
    """int64 [C, C] -> up to `most` classes with the most wrong answers in row and column, in their order."""
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-(wrong.sum(axis=0) + wrong.sum(axis=1)), kind="stable")[:most]
    return np.sort(order)

"""What a correction of the mix did to labelled products."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from catalens.evaluate import metrics
from catalens.evaluate.prior import mean_of

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Figures:
    """Of labelled products: shares in [0, 1], `nll` in nats.

    `mix_error` is the share of products whose category the mean probabilities get wrong in sum: half of the summed
    differences to the true shares.
    """

    top1: float
    macro_recall: float
    nll: float
    mix_error: float


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """What a correction did to N labelled products.

    `mix` has a row for each of the leaves most over- or underestimated before: `leaf` (index), its share `truth`, and
    its mean probability `before` and `after`.
    """

    products: int
    before: Figures
    after: Figures
    mix: tuple[dict[str, float], ...]

    def table(self) -> list[dict[str, Any]]:
        """One row a figure: `figure`, `before`, `after`, `change`."""
        before, after = asdict(self.before), asdict(self.after)
        return [
            {"figure": name, "before": before[name], "after": after[name], "change": after[name] - before[name]}
            for name in before
        ]

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "mix": list(self.mix)}


def before_after(probabilities: Floats, corrected: Floats, truth: Ints, *, worst: int = 5) -> BeforeAfter:
    """float [N, C] without and with correction, int [N] -> figures; the `worst` leaves over and under before, each."""
    if probabilities.shape != corrected.shape or len(truth) != len(probabilities) or not len(truth):
        shapes = f"{list(probabilities.shape)}, {list(corrected.shape)} and {len(truth):,} labels"
        raise ValueError(f"expected probabilities of the same products before and after, got {shapes}")
    shares = np.bincount(truth, minlength=probabilities.shape[1]) / len(truth)
    (before, first), (after, second) = (_figures(given, truth, shares) for given in (probabilities, corrected))
    order = np.argsort(shares - first, kind="stable")  # overestimated first
    chosen = dict.fromkeys([*order[:worst].tolist(), *order[::-1][:worst].tolist()])
    mix = tuple(
        {"leaf": leaf, "truth": float(shares[leaf]), "before": float(first[leaf]), "after": float(second[leaf])}
        for leaf in chosen
        if first[leaf] != shares[leaf]
    )
    return BeforeAfter(len(truth), before, after, mix)


def _figures(probabilities: Floats, truth: Ints, shares: Doubles) -> tuple[Figures, Doubles]:
    """The figures and the mean probabilities."""
    rows = np.arange(len(truth))
    said = np.maximum(probabilities[rows, truth].astype(np.float64), 1e-12)  # float32 may have come down to 0
    top = probabilities.argmax(axis=1)
    mean = mean_of(probabilities)
    recall = metrics.class_counts(top, np.asarray(truth, dtype=np.int64), len(shares)).macro_recall
    wrong = float(np.abs(mean - shares).sum() / 2)
    return Figures(float((top == truth).mean()), recall, float(-np.log(said).mean()), wrong), mean

"""How often the model is right: per leaf, per size of leaf, and where it goes wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt

from catalens.core.tail import Band, band

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """Per leaf, int64 [C]: products that are of it, that were given it, and that are and were."""

    support: Ints
    predicted: Ints
    correct: Ints

    @property
    def recall(self) -> npt.NDArray[np.float64]:
        """float64 [C]; NaN where the leaf has no products."""
        return _share(self.correct, self.support)

    @property
    def precision(self) -> npt.NDArray[np.float64]:
        """float64 [C]; NaN where the leaf was given to no product."""
        return _share(self.correct, self.predicted)

    @property
    def macro_recall(self) -> float:
        """Mean recall over the leaves that have products."""
        return float(self.recall[self.support > 0].mean())


@dataclass(frozen=True, slots=True)
class Shots:
    """The leaves of one size in training: how many, their products here, share right, and mean recall."""

    categories: int
    products: int
    top1: float | None
    macro_recall: float | None


def best(scores: npt.NDArray[np.floating], k: int = 5) -> Ints:
    """float [N, C] -> int64 [N, min(k, C)], best first; the lower index wins a tie."""
    k = min(k, scores.shape[1])
    if scores.shape[1] <= 4 * k:
        return np.argsort(-scores, axis=1, kind="stable")[:, :k]
    found = np.sort(np.argpartition(-scores, k - 1, axis=1)[:, :k], axis=1)
    order = np.argsort(-np.take_along_axis(scores, found, axis=1), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)


def hit_rate(top: Ints, truth: Ints, k: int) -> float:
    """Share in [0, 1] of rows whose truth is among their first k."""
    return float((top[:, :k] == truth[:, None]).any(axis=1).mean())


def class_counts(predicted: Ints, truth: Ints, classes: int) -> ClassCounts:
    """int64 [N], int64 [N] -> counts over `classes` leaves."""
    return ClassCounts(
        np.bincount(truth, minlength=classes),
        np.bincount(predicted, minlength=classes),
        np.bincount(truth[predicted == truth], minlength=classes),
    )


def confusions(predicted: Ints, truth: Ints, classes: int, limit: int = 50) -> list[tuple[int, int, int]]:
    """(truth, predicted, count) of the wrong answers, the most frequent first."""
    wrong = predicted != truth
    pairs, counts = np.unique(truth[wrong] * classes + predicted[wrong], return_counts=True)
    order = np.lexsort((pairs, -counts))[:limit]
    return [(int(pairs[i] // classes), int(pairs[i] % classes), int(counts[i])) for i in order]


def shots(counts: ClassCounts, leaves: Sequence[str], train_counts: Mapping[str, int]) -> dict[str, Shots]:
    """Leaves with many, medium and few training products (`core.tail`)."""
    bands = np.array([band(train_counts.get(leaf, 0)) for leaf in leaves])
    return {name: _shots(counts, (bands == name) & (counts.support > 0)) for name in get_args(Band)}


def _shots(counts: ClassCounts, member: npt.NDArray[np.bool_]) -> Shots:
    products = int(counts.support[member].sum())
    if not products:
        return Shots(0, 0, None, None)
    right = int(counts.correct[member].sum())
    return Shots(int(member.sum()), products, right / products, float(counts.recall[member].mean()))


def _share(part: Ints, whole: Ints) -> npt.NDArray[np.float64]:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)

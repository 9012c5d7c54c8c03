"""coverage@promise: how much is filed by itself at each promise, and was it filed right?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from catalens.core.promise import Choice, Promise
from catalens.core.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class LevelCoverage:
    """One level: share of all products filed there, their precision (None: none filed), and the rule's threshold."""

    level: str
    filed: float
    precision: float | None
    threshold: float | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """One promise: share of products filed in [0, 1], their precision (None: none filed), and the same per level."""

    promise: float
    filed: float
    precision: float | None
    by_level: tuple[LevelCoverage, ...]

    def sentence(self) -> str:
        """For a person: "At 98 % promised precision, 71 % of listings file themselves (99.1 % of them right)." """
        start = f"At {100 * self.promise:g} % promised precision, "
        if self.precision is None:
            return start + "no listing files itself: the calibration products cannot support that promise."
        return start + f"{self.filed:.0%} of listings file themselves ({self.precision:.1%} of them right).".replace(
            "%", " %"
        )


def judge(taxonomy: Taxonomy, choice: Choice, truth: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """bool [N]: was the product filed at a node that its true leaf lies under?  False where it was not filed."""
    right: npt.NDArray[np.bool_] = choice.filed & (choice.node == taxonomy.ancestors[choice.level, truth])
    return right


def coverage(
    taxonomy: Taxonomy, promise: Promise, level: npt.NDArray[np.int64], correct: npt.NDArray[np.bool_]
) -> Coverage:
    """`level` int64 [N] where each product was filed (-1: nowhere), `correct` bool [N] from `judge`."""
    by_level = []
    for rule in promise.rules:
        here = level == rule.level
        by_level.append(
            LevelCoverage(taxonomy.level_name(rule.level), float(here.mean()), _mean(correct[here]), rule.threshold)
        )
    return Coverage(promise.precision, float((level >= 0).mean()), _mean(correct[level >= 0]), tuple(by_level))


def _mean(values: npt.NDArray[np.bool_]) -> float | None:
    return float(values.mean()) if len(values) else None

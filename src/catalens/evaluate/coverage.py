"""coverage@promise: how much is filed by itself at each promise, and was it filed right?"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from catalens.core.promise import Choice, Promise
from catalens.core.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class LevelCoverage:
    """One level: share of all products filed there, their precision (None: none filed), and the rule's threshold.

    Where branches have thresholds of their own, `threshold` is that of all others, and `branches` are theirs.
    """

    level: str
    filed: float
    precision: float | None
    threshold: float | None
    branches: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Coverage:
    """One promise: share of products filed in [0, 1], their precision (None: none filed), and the same per level.

    `reviews_per_1000` of 1,000 listings wait for a person, `errors_per_1000` are filed wrong.
    """

    promise: float
    filed: float
    precision: float | None
    by_level: tuple[LevelCoverage, ...]
    reviews_per_1000: float
    errors_per_1000: float

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
    for number in dict.fromkeys(rule.level for rule in promise.rules):
        here, rules = level == number, promise.at(number)
        branches = {rule.branch: rule.threshold for rule in rules if rule.branch is not None}
        others = next((rule.threshold for rule in rules if rule.branch is None), None)
        by_level.append(
            LevelCoverage(taxonomy.level_name(number), float(here.mean()), _mean(correct[here]), others, branches)
        )
    filed = level >= 0
    wrong = float((filed & ~correct).mean())
    return Coverage(
        promise.precision,
        float(filed.mean()),
        _mean(correct[filed]),
        tuple(by_level),
        reviews_per_1000=1000 * float((~filed).mean()),
        errors_per_1000=1000 * wrong,
    )


def _mean(values: npt.NDArray[np.bool_]) -> float | None:
    return float(values.mean()) if len(values) else None

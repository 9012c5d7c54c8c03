"""Find the thresholds of a promise on calibration products (DESIGN 7).  The rule that applies them is core/promise.py.

What is promised.  At each level: with probability at least 1 - delta over the calibration products, the precision of
what is filed at that level is at least the promised one.  For all L levels together, and so for everything filed (a
mean over levels), the same holds with probability at least 1 - L * delta.

Why it holds.  Take the photos of the calibration products as given; their labels are what is random.
1. Thresholds, their order and the one to start with are chosen from the confidences alone, never from labels.  So the
   tests are a fixed sequence: the first one whose claim is false is passed with probability <= delta, and none after it
   is looked at unless it was passed.  Hence no false claim is made with probability >= 1 - delta (Learn then Test,
   Angelopoulos et al., 2021; selective guaranteed risk, Geifman & El-Yaniv, 2017).
2. The errors among n accepted products are independent, with unequal rates whose mean is above the one allowed; such a
   sum is no likelier than the binomial to fall far below its mean (Hoeffding, 1956).  So the exact binomial test is
   valid for the mean precision of the accepted calibration products.  The population's own precision follows where
   products come from the same shop, exactly where precision does not fall as the threshold rises.
3. A level is tested on the products that no deeper level took, as in serving.  Which these are depends on the deeper
   labels, in the safe direction only: the deeper sequence stopped because the next band of products held many errors,
   and a product whose leaf is wrong is no likelier to have its parent right.
The temperature is fitted on the same labels: one number, which hardly changes the order of confidences.

Branches.  Asked for a promise in each branch of the top level, the products of a level are divided by the branch that
the answer lies in.  A branch with at least three times the products that the promise needs gets a rule of its own, and
all others together one more; that number follows from answers alone.  With B rules each is tested at delta / B, so that
all of them hold together with probability at least 1 - delta, and with them the promise of the level, their mean.

Where to start.  With 149 products, 98 % needs 149 right of 149, which good models fail by one unlucky photo, and the
sequence would end there.  It starts at the strictest threshold that should be passed with probability 0.95 if there
are as many errors as the confidences say, and a quarter of those allowed on top (labels are wrong now and then, even
where a model is surest), or else at the likeliest.  Wrong confidences cost coverage, never the promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from catalens.core.calibrator import Calibrated
from catalens.core.promise import LevelRule, Promise
from catalens.core.taxonomy import Taxonomy
from catalens.evaluate.binomial import allowed_errors, at_most, least_trials, lower_bound

STEP = 1.03  # each threshold accepts at least 3 % more products than the one before
Probabilities = npt.NDArray[np.floating] | Calibrated
START_POWER, ON_TOP = 0.95, 0.25
BLOCK = 1 << 23  # probabilities at a time: nothing of the size of all of them is made
ENOUGH = 3  # times the products that a promise needs, for a branch to get a rule of its own


@dataclass(frozen=True, slots=True)
class Answers:
    """The best node of each product at one level: its probability float64 [N], whether it is right bool [N], and the
    node of the top level that it lies under, int64 [N]."""

    level: int
    confidence: npt.NDArray[np.float64]
    correct: npt.NDArray[np.bool_]
    branch: npt.NDArray[np.int64]

    def of(self, rows: npt.NDArray[np.bool_]) -> Answers:
        return Answers(self.level, self.confidence[rows], self.correct[rows], self.branch[rows])


def fit(
    taxonomy: Taxonomy,
    probabilities: Probabilities,
    truth: npt.NDArray[np.integer],
    *,
    precision: float,
    delta: float = 0.05,
    by_branch: bool = False,
) -> Promise:
    """float [N, C] calibrated, int [N] leaf indices -> the promise; a level without support gets no threshold.

    `by_branch`: promised in each branch of the top level, as far as the products allow.
    """
    found = answers(taxonomy, probabilities, truth)
    return fit_on(found, taxonomy, precision=precision, delta=delta, by_branch=by_branch)


def fit_on(
    answers_by_level: Sequence[Answers],
    taxonomy: Taxonomy,
    *,
    precision: float,
    delta: float = 0.05,
    by_branch: bool = False,
) -> Promise:
    """The same from what `answers` gave, which serves for several promises."""
    if not 0 < precision < 1 or not 0 < delta < 1:
        raise ValueError(f"expected precision and delta between 0 and 1, got {precision} and {delta}")
    left = np.ones(len(answers_by_level[0].correct), dtype=bool)
    rules = []
    for found in sorted(answers_by_level, key=lambda one: -one.level):
        groups = _groups(taxonomy, found.branch[left], precision, delta) if by_branch else [None]
        own = [group for group in groups if group is not None]
        taken = np.zeros(len(left), dtype=bool)
        for group in groups:
            here = left & (np.isin(found.branch, own, invert=True) if group is None else found.branch == group)
            rule = _fit_level(found.of(here), precision, delta / len(groups))
            if rule.threshold is not None:
                taken |= here & (found.confidence >= rule.threshold)
            rules.append(rule if group is None else replace(rule, branch=taxonomy.level_nodes[0][group]))
        left &= ~taken
    return Promise(precision, delta, tuple(rules))


def answers(taxonomy: Taxonomy, probabilities: Probabilities, truth: npt.NDArray[np.integer]) -> tuple[Answers, ...]:
    """The best nodes of all levels, top first, a block of products at a time."""
    levels = range(taxonomy.depth)
    step = max(1, BLOCK // max(1, probabilities.shape[1]))
    blocks: list[list[tuple[npt.NDArray[Any], ...]]] = [[] for _ in levels]
    for start in range(0, max(1, len(truth)), step):
        said = probabilities[start : start + step]
        for level in levels:
            nodes = taxonomy.level_probabilities(said, level)
            best = nodes.argmax(axis=1)
            right = best == taxonomy.ancestors[level][truth[start : start + step]]
            blocks[level].append((nodes.max(axis=1, initial=0.0), right, taxonomy.branches(level)[best]))
    return tuple(
        Answers(level, *(np.concatenate(column) for column in zip(*blocks[level], strict=True))) for level in levels
    )


def _groups(taxonomy: Taxonomy, branch: npt.NDArray[np.int64], precision: float, delta: float) -> list[int | None]:
    """The branches with a rule of their own, and None for all others."""
    counts = np.bincount(branch, minlength=len(taxonomy.level_nodes[0]))
    enough = ENOUGH * least_trials(precision, delta / (len(counts) + 1))
    return [*(int(one) for one in np.flatnonzero(counts >= enough)), None]


def _fit_level(found: Answers, precision: float, delta: float) -> LevelRule:
    order = np.argsort(-found.confidence, kind="stable")
    confidence, correct = found.confidence[order], found.correct[order]
    errors = np.cumsum(~correct)
    accepted = 0
    for count in _sequence(confidence, precision, delta):
        if at_most(int(errors[count - 1]), count, 1 - precision) > delta:
            break
        accepted = count
    if not accepted:
        return LevelRule(found.level, None)
    right = accepted - int(errors[accepted - 1])
    return LevelRule(found.level, float(confidence[accepted - 1]), accepted, right, lower_bound(right, accepted, delta))


def _sequence(confidence: npt.NDArray[np.float64], precision: float, delta: float) -> list[int]:
    """How many products each test accepts, strict to lax.  `confidence` float64 [N] falls; labels are not seen here."""
    least, total = least_trials(precision, delta), len(confidence)
    counts = []
    wanted = float(least)
    while wanted <= total:
        # equal confidences are accepted together
        count = int(np.searchsorted(-confidence, -confidence[int(wanted) - 1], side="right"))
        counts.append(count)
        wanted = max(count + 1, count * STEP)
    if counts and counts[-1] < total:
        counts.append(total)
    return counts[_start(counts, np.cumsum(1 - confidence), precision, delta) :]


def _start(counts: list[int], expected: npt.NDArray[np.float64], precision: float, delta: float) -> int:
    """Index of the first test that is likely to be passed, with `expected[n - 1]` errors among the first n products."""
    likeliest, most = 0, 0.0
    for index, count in enumerate(counts):
        rate = min(1.0, expected[count - 1] / count + ON_TOP * (1 - precision))
        chance = at_most(allowed_errors(count, precision, delta), count, rate)
        if chance >= START_POWER:
            return index
        if chance > most:
            likeliest, most = index, chance
    return likeliest

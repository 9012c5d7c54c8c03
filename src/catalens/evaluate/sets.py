"""Find the thresholds of suggestion sets on calibration products.  The rule that applies them is core/sets.py.

What is promised.  The set of a new product holds its right leaf with probability at least `coverage`, over the
calibration products and the new one together.  It is a promise about the mean of all products: some calibrations turn
out above and some below, by about sqrt(coverage * (1 - coverage) / n).

Why it holds.  Score every product's right leaf.  If the new product comes from where the n calibration products come
from, its score is equally likely to have any of the n + 1 places in their common order.  So it is at most the
ceil((n + 1) * coverage)-th smallest of theirs with probability at least `coverage`, and then its leaf is in the set.
Nothing is asked of the model: a badly calibrated one has larger sets, not a broken promise (Vovk, Gammerman & Shafer,
2005).  Where no two scores are equal, the probability is at most coverage + 1 / (n + 1) as well.  With fewer products
than `least_rows` there is no such place; the threshold is infinite, and the set is everything.
1. Scores are equal where the best label is right: all are 0.  A model whose best label is right more often than
   `coverage` has threshold 0 and suggests one leaf, right as often as the model is: over-coverage, at no cost.
2. RAPS's penalty is chosen on a part of the products, by their labels, and the threshold found on the rest.  One part
   for both would choose the penalty by luck and promise too much.
3. The temperature is fitted on the same labels: one number, which hardly changes the order of scores.

By class.  A mean of 95 % may hide a leaf that is never suggested.  With `conditional`, the products of a leaf are
compared with each other only, and the promise holds for each leaf that has `least_rows` products (Mondrian: Vovk, 2012;
for classification Sadinle, Lei & Wasserman, 2019).  With 30 products a leaf's threshold is noisy and its sets large.
Leaves with fewer products share a threshold, as similar ones do in Ding et al. (2023).  Theirs holds for them as one
group, as nearly as the calibration products tell which leaves are rare; not for each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from catalens.core.calibrator import Calibrated
from catalens.core.errors import CatalogError
from catalens.core.sets import Kind, SetRule, better_mass, blocks, standing

Floats = npt.NDArray[np.floating] | Calibrated
Ints = npt.NDArray[np.integer]
PENALTIES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
FREE = (1, 2, 3, 5, 10)
TUNING_SHARE, TUNING_MOST = 0.3, 4000
WORTH = 0.98  # a penalty must cut the mean size by 2 %; what cuts less is mostly luck
TUNING_LEAST = 10  # times `least_rows`; with fewer, the threshold of each candidate is mostly luck
CLASS_LEAST = 20  # products that a class needs before its coverage is told


@dataclass(frozen=True, slots=True)
class SetFigures:
    """How often the sets held the right leaf, and how large they were.

    Shares are in [0, 1], sizes in leaves; `singles` is the share of sets of one.  `worst_class` is the lowest coverage
    of a class with at least 20 products, `class_gap` the mean over those classes of how far coverage is from nominal,
    to either side (Ding et al., 2023); None where no class is so large.
    """

    products: int
    coverage: float
    mean_size: float
    median_size: float
    singles: float
    worst_class: float | None
    class_gap: float | None


def fit(
    probabilities: Floats,
    truth: Ints,
    leaves: Sequence[str],
    *,
    coverage: float = 0.95,
    kind: Kind = "raps",
    conditional: bool = False,
    seed: int = 0,
) -> SetRule:
    """float [N, C] calibrated, int [N] leaf indices, C leaf ids -> the rule.

    RAPS is APS where a penalty does not make the sets smaller, or the products are too few to choose one.
    """
    _check(probabilities, truth, leaves)
    rule = SetRule(kind, coverage, np.inf)
    better, rank = standing(probabilities, truth)
    rest = np.arange(len(truth))
    if kind == "raps":
        shuffled = np.random.default_rng(seed).permutation(len(truth))
        tuning = np.sort(shuffled[: min(int(TUNING_SHARE * len(truth)), TUNING_MOST)])
        if len(tuning) >= TUNING_LEAST * least_rows(coverage):
            rule = _tune(probabilities[tuning], better[tuning], rank[tuning], coverage)
            rest = np.sort(shuffled[len(tuning) :])
        else:
            rule = replace(rule, kind="aps")
    score, truth = rule.score(better[rest], rank[rest]), truth[rest]
    if not conditional:
        return replace(rule, threshold=quantile(score, coverage))
    return _by_class(rule, score, truth, leaves)


def measure(rule: SetRule, probabilities: Floats, truth: Ints, leaves: Sequence[str]) -> SetFigures:
    """float [N, C], int [N], C leaf ids -> the figures of the rule as it is served, on products it was not fitted on.

    Raises CatalogError where there is nothing to measure on.
    """
    _check(probabilities, truth, leaves)
    if len(truth) == 0:
        raise CatalogError("no labelled products to measure suggestion sets on; split the catalog with a test part")
    covered = np.zeros(len(truth), dtype=bool)
    sizes = np.zeros(len(truth), dtype=np.int64)
    for rows in blocks(probabilities):
        members = rule.members(probabilities[rows], leaves)
        sizes[rows] = np.count_nonzero(members, axis=1)
        covered[rows] = np.take_along_axis(members, truth[rows, None], axis=1)[:, 0]
    counts = np.bincount(truth, minlength=len(leaves))
    large = counts >= CLASS_LEAST
    shares = np.bincount(truth, weights=covered, minlength=len(leaves))[large] / counts[large]
    return SetFigures(
        products=len(truth),
        coverage=float(covered.mean()),
        mean_size=float(sizes.mean()),
        median_size=float(np.median(sizes)),
        singles=float((sizes == 1).mean()),
        worst_class=float(shares.min()) if large.any() else None,
        class_gap=float(np.abs(shares - rule.coverage).mean()) if large.any() else None,
    )


def quantile(scores: npt.NDArray[np.float64], coverage: float) -> float:
    """float64 [n] -> the ceil((n + 1) * coverage)-th smallest, inf where there are not so many."""
    place = math.ceil((len(scores) + 1) * coverage - 1e-9)  # (9 + 1) * 0.9 must stay 9
    if place > len(scores):
        return math.inf
    return float(np.partition(scores, place - 1)[place - 1])


def least_rows(coverage: float) -> int:
    """Products that a finite threshold takes: 19 for 95 %, 99 for 99 %."""
    return math.ceil(coverage / (1 - coverage) - 1e-9)


def _tune(probabilities: Floats, better: npt.NDArray[np.float64], rank: Ints, coverage: float) -> SetRule:
    """The rule, still without its threshold, whose sets of these products are the smallest in the mean."""
    rules = [SetRule("aps", coverage, math.inf)]
    rules += [SetRule("raps", coverage, math.inf, penalty, free) for free in FREE for penalty in PENALTIES]
    thresholds = [quantile(rule.score(better, rank), coverage) for rule in rules]
    totals = np.zeros(len(rules), dtype=np.int64)
    for rows in blocks(probabilities):
        mass = better_mass(np.sort(probabilities[rows], axis=1)[:, ::-1])
        ranks = np.arange(1, mass.shape[1] + 1)
        for place, (rule, threshold) in enumerate(zip(rules, thresholds, strict=True)):
            # the penalty alone ends the set
            width = math.ceil(rule.free + threshold / rule.penalty) + 1 if rule.penalty else len(ranks)
            inside = rule.score(mass[:, :width], ranks[:width]) <= threshold
            totals[place] += np.maximum(1, np.count_nonzero(inside, axis=1)).sum()
    smallest = int(totals.argmin())
    return rules[smallest if totals[smallest] <= WORTH * totals[0] else 0]


def _by_class(rule: SetRule, score: npt.NDArray[np.float64], truth: Ints, leaves: Sequence[str]) -> SetRule:
    """A threshold for each leaf with enough products, and one for all others.

    Where the others are too few together, products of the next smallest leaves are lent to them: a leaf with an
    infinite threshold would be in every set.
    """
    counts = np.bincount(truth, minlength=len(leaves))
    least = least_rows(rule.coverage)
    scores = np.split(score[np.argsort(truth, kind="stable")], np.cumsum(counts)[:-1])
    by_leaf = {
        leaf: quantile(own, rule.coverage) for leaf, own in zip(leaves, scores, strict=True) if len(own) >= least
    }
    smallest_first = np.argsort(counts, kind="stable")
    enough = int(np.searchsorted(np.cumsum(counts[smallest_first]), least)) + 1
    pool = smallest_first[: max(enough, len(leaves) - len(by_leaf))]
    shared = np.concatenate([scores[place] for place in pool])
    return replace(rule, threshold=quantile(shared, rule.coverage), by_leaf=by_leaf)


def _check(probabilities: Floats, truth: Ints, leaves: Sequence[str]) -> None:
    if probabilities.shape != (len(truth), len(leaves)):
        raise ValueError(
            f"expected probabilities of shape [{len(truth)}, {len(leaves)}], got {list(probabilities.shape)}"
        )

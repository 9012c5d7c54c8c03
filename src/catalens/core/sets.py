"""A set of suggestions that holds the right leaf as often as was promised: "one of these three, 95 % sure".

A label's score is the probability of all labels ranked before it (equal ones by index, as in a stable argsort): 0 for
the best one, near 1 at the tail.  The set holds every label whose score is at most the threshold, so a sure model
suggests one leaf and a torn one several (APS: Romano, Sesia & Candes, 2020, without its random tie-breaking).  RAPS
adds `penalty` for each rank beyond `free`, which cuts the long tail of labels that are hardly told apart (Angelopoulos,
Bates, Malik & Jordan, 2021).  Class-conditional sets ask of each label a threshold of its own.

`evaluate/sets.py` finds the thresholds on calibration data; here is the rule itself, one for reports and serving.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from catalens.core.calibrator import Calibrated

Kind = Literal["aps", "raps"]
Floats = npt.NDArray[np.floating]
Scores = npt.NDArray[np.float64]
Members = npt.NDArray[np.bool_]
Ranks = npt.NDArray[np.int64]
# Thresholds are scores that occurred, so a last bit decides who is in.  Sums of whole units are the same in any order.
UNITS = 2.0**40
BLOCK = 2**21  # probabilities at a time: nothing but the answer is of the size of the input
HEAD = 64  # labels looked at first; sorting all of 5,000 takes 20 times as long


@dataclass(frozen=True, slots=True)
class SetRule:
    """Every label with a score of at most its threshold, and always the best one.

    `coverage` is the share of products promised to have the right leaf in their set; `threshold` >= 0, or inf: all
    labels.  `by_leaf` has the thresholds of leaves with one of their own.
    """

    kind: Kind
    coverage: float
    threshold: float
    penalty: float = 0.0
    free: int = 0
    by_leaf: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"expected kind 'aps' or 'raps', got {self.kind!r}")
        if not 0 < self.coverage < 1:
            raise ValueError(f"expected coverage between 0 and 1, got {self.coverage}")
        if not self.penalty >= 0 or self.free < 0:
            raise ValueError(f"expected penalty and free of at least 0, got {self.penalty} and {self.free}")
        if self.kind == "aps" and (self.penalty or self.free):
            raise ValueError(f"expected no penalty in APS, got penalty {self.penalty} and free {self.free}")
        if any(not threshold >= 0 for threshold in (self.threshold, *self.by_leaf.values())):
            raise ValueError(f"expected thresholds of at least 0, got {self.threshold} and {self.by_leaf}")

    def choose(self, probabilities: Floats, leaves: Sequence[str]) -> list[Ranks]:
        """float [N, C] -> for each product the leaf indices in its set, int64 [its size], best first."""
        chosen = []
        for rows in blocks(probabilities):
            block = probabilities[rows]
            for row, inside in zip(block, self.members(block, leaves), strict=True):
                found = np.flatnonzero(inside)
                chosen.append(found[np.argsort(-row[found], kind="stable")])
        return chosen

    def members(self, probabilities: Floats, leaves: Sequence[str]) -> Members:
        """float [N, C] calibrated leaf probabilities, C leaf ids -> bool [N, C], who is in each product's set."""
        if probabilities.ndim != 2 or probabilities.shape[1] != len(leaves):
            raise ValueError(f"expected probabilities of shape [N, {len(leaves)}], got {list(probabilities.shape)}")
        thresholds = np.array([self.by_leaf.get(leaf, self.threshold) for leaf in leaves])
        members = np.zeros(probabilities.shape, dtype=bool)
        for rows in blocks(probabilities):
            self._fill(members[rows], probabilities[rows], thresholds, HEAD)
        return members

    def score(self, better: Scores, rank: npt.NDArray[np.integer]) -> Scores:
        """What comes before a label, as `standing` has it -> its score; any shapes that go together."""
        return better + self.penalty * np.maximum(0, rank - self.free)

    def to_json(self) -> dict[str, Any]:
        """Plain values; JSON has no infinity, so a threshold that lets everything in is null."""
        by_leaf = {leaf: _finite(threshold) for leaf, threshold in self.by_leaf.items()}
        return asdict(self) | {"threshold": _finite(self.threshold), "by_leaf": by_leaf}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> SetRule:
        return cls(
            values["kind"],
            float(values["coverage"]),
            _number(values["threshold"]),
            float(values["penalty"]),
            int(values["free"]),
            {leaf: _number(threshold) for leaf, threshold in values["by_leaf"].items()},
        )

    def _fill(self, members: Members, block: Floats, thresholds: Scores, width: int) -> None:
        """Mark the members of each row in `members` bool [B, C], all False so far.

        Scores never fall from rank to rank: once one is above every threshold, no later label is in.  So the best
        `width` labels are sorted, and a row is done again in full where they did not reach that far.
        """
        order = _best(block, width)
        values = np.take_along_axis(block, order, axis=1)
        score = self.score(better_mass(values), np.arange(1, order.shape[1] + 1))
        inside = score <= thresholds[order]
        inside[:, :1] = True
        np.put_along_axis(members, order, inside, axis=1)
        if width < block.shape[1]:
            # of labels equal to the last in the head some may stand outside it: only those before them have their rank
            sure = (values > values[:, -1:]).sum(axis=1)
            unfinished = (sure == 0) | (score[np.arange(len(score)), sure] <= thresholds.max())
            if unfinished.any():
                again = np.zeros((int(unfinished.sum()), block.shape[1]), dtype=bool)
                self._fill(again, block[unfinished], thresholds, block.shape[1])
                members[unfinished] = again


def standing(probabilities: Floats | Calibrated, labels: npt.NDArray[np.integer]) -> tuple[Scores, Ranks]:
    """float [N, C], int [N] -> what is ranked before each row's label: its mass float64 [N], and the label's rank from
    1, int64 [N].  Nothing is sorted: 200,000 rows of 5,000 take seconds."""
    better = np.zeros(len(labels))
    rank = np.ones(len(labels), dtype=np.int64)
    columns = np.arange(probabilities.shape[1])
    for rows in blocks(probabilities):
        block, label = probabilities[rows], labels[rows, None]
        own = np.take_along_axis(block, label, axis=1)
        before = block > own
        before |= (block == own) & (columns < label)
        better[rows] = np.einsum("nc,nc->n", _whole(block), before)
        rank[rows] += np.count_nonzero(before, axis=1)
    return better, rank


def better_mass(falling: Floats) -> Scores:
    """float [N, K], each row falling -> float64 [N, K], the sum of what stands before each."""
    mass = _whole(falling)
    return mass.cumsum(axis=1) - mass


def blocks(probabilities: Floats | Calibrated) -> Iterator[slice]:
    """Slices of rows of [N, C] that hold about `BLOCK` numbers each."""
    count, width = probabilities.shape
    step = max(1, BLOCK // max(1, width))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def _best(block: Floats, width: int) -> Ranks:
    """float [B, C] -> int64 [B, width], the indices of the largest, best first, equal ones by index."""
    if width >= block.shape[1]:
        return np.argsort(-block, axis=1, kind="stable")
    head = np.sort(np.argpartition(-block, width - 1, axis=1)[:, :width], axis=1)
    order = np.argsort(-np.take_along_axis(block, head, axis=1), axis=1, kind="stable")
    return np.take_along_axis(head, order, axis=1)


def _whole(values: Floats) -> Scores:
    """Rounded to a multiple of 1 / `UNITS`, about 1e-12."""
    scaled = np.multiply(values, UNITS, dtype=np.float64)
    np.rint(scaled, out=scaled)
    scaled /= UNITS
    return scaled


def _finite(threshold: float) -> float | None:
    return None if np.isinf(threshold) else threshold


def _number(threshold: float | None) -> float:
    return np.inf if threshold is None else float(threshold)

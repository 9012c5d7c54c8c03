"""Confident learning: which labels are likely wrong, judged by probabilities of a model that has not seen them.

Northcutt, Jiang, Chuang (2021): Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 70.

The probabilities, float [M, C], are never held as a whole: they come in blocks of rows, three times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from catalens.core.errors import SourceError

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Prune = Literal["noise_rate", "class", "both"]
BLOCK_VALUES = 2**22  # probabilities at a time: 16 MB

# every call begins anew: (rows int64 [B], probabilities float [B, C]), each row of M in one block
Blocks = Callable[[], Iterable[tuple[Ints, npt.NDArray[np.floating]]]]


@dataclass(frozen=True, slots=True)
class Joint:
    """How many items labelled `given` are really of class `true`, int64 [K] each, for the K pairs that occur."""

    given: Ints
    true: Ints
    count: Ints


@dataclass(frozen=True, slots=True)
class Confidence:
    """What is known of M items labelled with C classes.

    `thresholds` float64 [C]: the mean probability of a class over the items labelled so, NaN where there are none.
    `joint` is calibrated: its rows sum to the number of items labelled so.  `noise` float64 [C]: the share of a class's
    items that are estimated to be of another one.
    Per item: `suggested` int64 [M], the most probable class besides the given one; `self_confidence` and
    `suggested_confidence` float32 [M], the probabilities of the two; `issue` bool [M], likely mislabelled;
    `rank` int64 [M], 1 for the most suspicious.
    """

    thresholds: npt.NDArray[np.float64]
    joint: Joint
    noise: npt.NDArray[np.float64]
    suggested: Ints
    self_confidence: Floats
    suggested_confidence: Floats
    issue: Bools
    rank: Ints

    @property
    def margin(self) -> Floats:
        """float32 [M], in [-1, 1]: above 0 where the suggested class is more probable than the given one."""
        return self.suggested_confidence - self.self_confidence


def find(labels: Ints, blocks: Blocks, *, classes: int, prune: Prune = "noise_rate") -> Confidence:
    """Labels int64 [M], in [0, classes), and out-of-fold probabilities -> what is likely mislabelled.

    `prune` chooses among the items of a class: "noise_rate" takes, for each pair of classes, as many as the joint says,
    those of largest margin; "class" takes as many as the class's noise says, those of least self-confidence; "both"
    takes what both take.  An item whose label is the most probable class is never an issue.
    """
    sizes = np.bincount(labels, minlength=classes)
    thresholds = _thresholds(labels, blocks, classes)
    items = _items(labels, blocks, thresholds)
    joint = _calibrate(_count(labels, items.confident, classes), sizes)
    wrong = joint.given != joint.true
    off_diagonal = Joint(joint.given[wrong], joint.true[wrong], joint.count[wrong])
    suspected = np.bincount(off_diagonal.given, off_diagonal.count, minlength=classes).astype(np.int64)
    issue = items.self_confidence < items.suggested_confidence
    if prune != "class":
        issue &= _of_largest_margin(labels, blocks, off_diagonal, classes)
    if prune != "noise_rate":
        issue &= _of_least_confidence(labels, items.self_confidence, suspected)
    return Confidence(
        thresholds=thresholds,
        joint=joint,
        noise=_ratio(suspected, sizes, 0.0),
        suggested=items.suggested,
        self_confidence=items.self_confidence,
        suggested_confidence=items.suggested_confidence,
        issue=issue,
        rank=_rank(issue, items.self_confidence),
    )


def blocks_of(path: Path, *, values: int = BLOCK_VALUES) -> Blocks:
    """The probabilities in an .npy file, float [M, C] of any width, about `values` numbers at a time.

    Raises SourceError if the file is no matrix of numbers.
    """

    def opened() -> npt.NDArray[np.floating]:
        try:
            matrix: npt.NDArray[np.floating] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise SourceError(f"cannot be read as an .npy file ({error})", source=str(path)) from None
        if matrix.ndim != 2 or matrix.dtype.kind != "f":
            shape = f"{matrix.dtype} {list(matrix.shape)}"
            raise SourceError(f"expected probabilities float [M, C], got {shape}", source=str(path))
        return matrix

    def read() -> Iterator[tuple[Ints, npt.NDArray[np.floating]]]:
        count, classes = opened().shape
        step = max(1, values // max(classes, 1))
        for start in range(0, count, step):
            # mapped anew each time: pages of one map would add up to the whole file in memory
            block = np.array(opened()[start : start + step], dtype=np.float32)
            yield np.arange(start, start + len(block)), block

    opened()
    return read


def _thresholds(labels: Ints, blocks: Blocks, classes: int) -> npt.NDArray[np.float64]:
    """The mean self-confidence of each class, float64 [C]: as sure as that, the model counts as confident."""
    sums = np.zeros(classes)
    seen = np.zeros(len(labels), dtype=np.bool_)
    for rows, block in blocks():
        if block.shape != (len(rows), classes):
            raise ValueError(f"expected a block of shape [{len(rows)}, {classes}], got {list(block.shape)}")
        if not (block.min() >= 0 and block.max() <= 1 + 1e-3):  # not-a-number is neither
            raise ValueError("expected probabilities in [0, 1]")
        if seen[rows].any():
            raise ValueError("expected each row in one block, got one in two")
        seen[rows] = True
        own = labels[rows]
        sums += np.bincount(own, block[np.arange(len(rows)), own], minlength=classes)
    if not seen.all():
        raise ValueError(f"expected probabilities of {len(labels):,} rows, got {int(seen.sum()):,}")
    return _ratio(sums, np.bincount(labels, minlength=classes), np.nan)


@dataclass(frozen=True, slots=True)
class _Items:
    """`confident` int64 [M] is the class an item confidently belongs to, -1 where there is none; the others are those
    of `Confidence`."""

    confident: Ints
    suggested: Ints
    self_confidence: Floats
    suggested_confidence: Floats


def _items(labels: Ints, blocks: Blocks, thresholds: npt.NDArray[np.float64]) -> _Items:
    count = len(labels)
    confident, suggested = np.full(count, -1, dtype=np.int64), np.zeros(count, dtype=np.int64)
    own_p, other_p = np.zeros(count, dtype=np.float32), np.zeros(count, dtype=np.float32)
    # a class of equal probabilities would be below its own mean by a rounding
    limits = (thresholds - 1e-6).astype(np.float32)
    for rows, block in blocks():
        at, own = np.arange(len(rows)), labels[rows]
        own_p[rows] = block[at, own]
        # beyond the paper: a class that nothing can learn has a threshold of next to 0, which every item passes; no
        # item is confidently of a class that is less probable than its own
        sure = np.where((block >= limits) & (block >= own_p[rows, None]), block, np.float32(-1))
        best = sure.argmax(axis=1)
        confident[rows] = np.where(sure[at, best] >= 0, best, -1)
        others = np.array(block, dtype=np.float32)
        others[at, own] = -1
        suggested[rows] = others.argmax(axis=1)
        other_p[rows] = np.maximum(others[at, suggested[rows]], 0)
    return _Items(confident, suggested, own_p, other_p)


def _count(labels: Ints, confident: Ints, classes: int) -> Joint:
    """The confident joint: how many items of each label are confidently of each class; every class holds itself once at
    least."""
    sure = confident >= 0
    present = np.unique(labels)
    pairs, count = np.unique(
        np.concatenate([labels[sure] * classes + confident[sure], present * (classes + 1)]), return_counts=True
    )
    given, true = np.divmod(pairs, classes)
    # each pair of a class with itself was added once above: only those that nobody else counted keep it
    count = np.where(given == true, np.maximum(count - 1, 1), count)
    return Joint(given, true, count.astype(np.int64))


def _calibrate(joint: Joint, sizes: Ints) -> Joint:
    """Scale each row to the number of items labelled so, in whole numbers (the largest remainders are rounded up)."""
    rows = np.bincount(joint.given, joint.count, minlength=len(sizes)).astype(np.int64)
    count, rest = np.divmod(joint.count * sizes[joint.given], rows[joint.given])
    short = sizes - np.bincount(joint.given, count, minlength=len(sizes)).astype(np.int64)
    order = np.lexsort((joint.true, -rest, joint.given))
    count[order] += _place_in_run(joint.given[order]) < short[joint.given[order]]
    return Joint(joint.given, joint.true, count)


def _of_largest_margin(labels: Ints, blocks: Blocks, wrong: Joint, classes: int) -> Bools:
    """bool [M]: for each (given, true) pair, the `count` items labelled `given` of largest p[true] - p[given]."""
    starts = np.searchsorted(wrong.given, np.arange(classes + 1))
    widths = np.diff(starts)
    pairs, margins, items = np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.int64)
    for rows, block in blocks():
        own = labels[rows]
        at = np.repeat(np.arange(len(rows)), widths[own])
        pair = starts[own][at] + _place_in_run(at)
        margin = block[at, wrong.true[pair]] - block[at, own[at]]
        pairs, margins, items = (np.concatenate(both) for both in ((pairs, pair), (margins, margin), (items, rows[at])))
        # what is kept never exceeds the counts of the joint, which sum to M at most
        order = np.lexsort((items, -margins, pairs))
        pairs, margins, items = pairs[order], margins[order], items[order]
        kept = _place_in_run(pairs) < wrong.count[pairs]
        pairs, margins, items = pairs[kept], margins[kept], items[kept]
    found = np.zeros(len(labels), dtype=np.bool_)
    found[items] = True
    return found


def _of_least_confidence(labels: Ints, self_confidence: Floats, counts: Ints) -> Bools:
    """For each class, the `counts[class]` items labelled so of least self-confidence.  bool [M]."""
    order = np.lexsort((self_confidence, labels))
    found = np.zeros(len(labels), dtype=np.bool_)
    found[order] = _place_in_run(labels[order]) < counts[labels[order]]
    return found


def _rank(issue: Bools, self_confidence: Floats) -> Ints:
    """1 for the issue of least self-confidence; what is no issue follows."""
    rank = np.empty(len(issue), dtype=np.int64)
    rank[np.lexsort((self_confidence, ~issue))] = np.arange(1, len(issue) + 1)
    return rank


def _ratio(values: npt.NDArray[Any], sizes: Ints, where_none: float) -> npt.NDArray[np.float64]:
    found = np.full(len(sizes), where_none)
    np.divide(values, sizes, out=found, where=sizes > 0)
    return found


def _place_in_run(values: Ints) -> Ints:
    """Sorted int64 [N] -> for each, how many equal ones stand before it."""
    return np.arange(len(values)) - np.searchsorted(values, values)

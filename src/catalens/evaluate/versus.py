"""Is the new bundle better than the one before it?  The same products, answered by both; numpy only.

Shares of two models on one part are far from independent: both get the easy products right.  So only products whose
answer changed say anything, and the exact McNemar test counts those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from catalens.core.errors import CatalogError
from catalens.core.taxonomy import Taxonomy
from catalens.evaluate.chance import ALPHA, holm, mcnemar
from catalens.evaluate.outcomes import Outcomes

# of fewer changes even all in one direction may be chance, so a category with fewer is not tested (Tarone, 1990)
CHANGES_LEAST = 6
LISTED = 50  # products that were right and are wrong now
Rows = npt.NDArray[np.int64]
Change = Literal["better", "worse"]


@dataclass(frozen=True, slots=True)
class Side:
    """One bundle's answers on a part of a catalog; `promises` are the precisions promised, in the outcomes' order."""

    name: str
    taxonomy: Taxonomy
    outcomes: Outcomes
    promises: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class CategoryChange:
    """A category that both know: its products, shares right, how many changed, the test alone and among all (Holm).

    All are the categories in which 6 products or more changed; with fewer, `p_holm` is 1.  `change` is None where the
    difference may well be chance.
    """

    id: str
    path: tuple[str, ...]
    products: int
    before: float
    after: float
    won: int
    lost: int
    p: float
    p_holm: float
    change: Change | None


@dataclass(frozen=True, slots=True)
class PromiseChange:
    """Of the same products, the shares filed at any level and in a leaf, and of all filed the shares right.

    None: not promised, or nothing filed.
    """

    promise: float
    filed_before: float | None
    filed_after: float | None
    leaf_before: float | None
    leaf_after: float | None
    precision_before: float | None
    precision_after: float | None


@dataclass(frozen=True, slots=True)
class Lost:
    """A product that was right and is wrong now: leaf ids, names of paths, and how sure the new bundle is."""

    product: str
    truth: str
    truth_path: tuple[str, ...]
    answer: str
    answer_path: tuple[str, ...]
    confidence: float


@dataclass(frozen=True, slots=True)
class Versus:
    """`products` are those that both answered and whose category has the same id in both; only they are compared.

    `only_before` and `only_after` are products that one of the two could be measured on; `new` and `gone` leaf ids.
    `won` were wrong and are right now, `lost` the other way round; `losses` names at most 50 of the lost, the surest
    first.  Categories: the most changed first.
    """

    before: str
    after: str
    products: int
    only_before: int
    only_after: int
    top1_before: float
    top1_after: float
    won: int
    lost: int
    p: float
    categories: tuple[CategoryChange, ...]
    promises: tuple[PromiseChange, ...]
    losses: tuple[Lost, ...]
    new: tuple[str, ...]
    gone: tuple[str, ...]

    def sentence(self) -> str:
        """For a person: "85.1 % were right before, 86.3 % are now ... more than chance explains (p = 0.004)." """
        start = (
            f"Of {self.products:,} products that both know, {100 * self.top1_before:.1f} % were right before and "
            f"{100 * self.top1_after:.1f} % are now: {self.won:,} came right, {self.lost:,} went wrong"
        )
        p = "p < 0.001" if self.p < 0.001 else f"p = {self.p:.3f}" if self.p < 0.1 else f"p = {self.p:.2f}"
        if self.p >= ALPHA:
            return f"{start}; that may be chance ({p})."
        return f"{start}; {'better' if self.won > self.lost else 'worse'} than chance explains ({p})."

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "sentence": self.sentence()}


def compare(before: Side, after: Side) -> Versus:
    """Raises CatalogError where the two have no product of a common category."""
    old, new = _paired(before, after)
    if not len(old):
        raise CatalogError(
            f"{before.name} and {after.name} know no product of this part under the same category; "
            "compare bundles of one shop, whose category ids are the same"
        )
    was, now = before.outcomes.correct[old], after.outcomes.correct[new]
    won, lost = int((~was & now).sum()), int((was & ~now).sum())
    leaves_before, leaves_after = before.taxonomy.leaf_index, after.taxonomy.leaf_index
    return Versus(
        before=before.name,
        after=after.name,
        products=len(old),
        only_before=len(before.outcomes.product_ids) - len(old),
        only_after=len(after.outcomes.product_ids) - len(new),
        top1_before=float(was.mean()),
        top1_after=float(now.mean()),
        won=won,
        lost=lost,
        p=mcnemar(won, lost),
        categories=_categories(after, new, was, now),
        promises=_promises(before, after, old, new),
        losses=_losses(after, new[was & ~now]),
        new=tuple(leaf for leaf in after.taxonomy.leaves if leaf not in leaves_before),
        gone=tuple(leaf for leaf in before.taxonomy.leaves if leaf not in leaves_after),
    )


def _paired(before: Side, after: Side) -> tuple[Rows, Rows]:
    """Rows of both outcomes, int64 [n] each, of the products that are of the same leaf id in both."""
    place = {product: row for row, product in enumerate(before.outcomes.product_ids)}
    old_truth, new_truth = before.outcomes.truth.tolist(), after.outcomes.truth.tolist()
    old_leaves, new_leaves = before.taxonomy.leaves, after.taxonomy.leaves
    pairs = [
        (place[product], row)
        for row, product in enumerate(after.outcomes.product_ids)
        if product in place and old_leaves[old_truth[place[product]]] == new_leaves[new_truth[row]]
    ]
    both = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _categories(
    after: Side, rows: Rows, was: npt.NDArray[np.bool_], now: npt.NDArray[np.bool_]
) -> tuple[CategoryChange, ...]:
    truth, size = after.outcomes.truth[rows], len(after.taxonomy.leaves)
    products, old, new = (np.bincount(truth[mask], minlength=size) for mask in (was | True, was, now))
    won, lost = (np.bincount(truth[mask], minlength=size).tolist() for mask in (~was & now, was & ~now))
    there = np.flatnonzero(products).tolist()
    tested = [leaf for leaf in there if won[leaf] + lost[leaf] >= CHANGES_LEAST]
    alone = {leaf: mcnemar(won[leaf], lost[leaf]) for leaf in there}
    among = dict.fromkeys(there, 1.0) | dict(zip(tested, holm([alone[leaf] for leaf in tested]), strict=True))
    found = [
        CategoryChange(
            id=after.taxonomy.leaves[leaf],
            path=after.taxonomy.path_names(after.taxonomy.leaves[leaf]),
            products=int(products[leaf]),
            before=float(old[leaf] / products[leaf]),
            after=float(new[leaf] / products[leaf]),
            won=won[leaf],
            lost=lost[leaf],
            p=alone[leaf],
            p_holm=among[leaf],
            change=None if among[leaf] >= ALPHA else "better" if won[leaf] > lost[leaf] else "worse",
        )
        for leaf in there
    ]
    return tuple(sorted(found, key=lambda one: (one.p, -abs(one.won - one.lost), -one.products)))


def _promises(before: Side, after: Side, old: Rows, new: Rows) -> tuple[PromiseChange, ...]:
    changes = []
    for promise in sorted({*before.promises, *after.promises}):
        was, now = _filed(before, promise, old), _filed(after, promise, new)
        changes.append(PromiseChange(promise, *(value for pair in zip(was, now, strict=True) for value in pair)))
    return tuple(changes)


def _filed(side: Side, promise: float, rows: Rows) -> tuple[float | None, float | None, float | None]:
    """Share filed, share filed in a leaf, and of all filed the share right."""
    if promise not in side.promises:
        return None, None, None
    place, outcomes = side.promises.index(promise), side.outcomes
    level, right = outcomes.filed_level[place, rows], outcomes.filed_right[place, rows]
    depth = np.array([side.taxonomy[leaf].level for leaf in side.taxonomy.leaves])[outcomes.top[rows, 0]]
    filed = level >= 0
    precision = float(right[filed].mean()) if filed.any() else None
    return float(filed.mean()), float((filed & (level >= depth)).mean()), precision


def _losses(after: Side, rows: Rows) -> tuple[Lost, ...]:
    outcomes, leaves = after.outcomes, after.taxonomy.leaves
    surest: Sequence[int] = rows[np.argsort(-outcomes.confidence[rows], kind="stable")][:LISTED].tolist()
    found = []
    for row in surest:
        truth, answer = leaves[outcomes.truth[row]], leaves[outcomes.top[row, 0]]
        names = after.taxonomy.path_names
        confidence = float(outcomes.confidence[row])
        found.append(Lost(outcomes.product_ids[row], truth, names(truth), answer, names(answer), confidence))
    return tuple(found)

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

    `change` is None where the difference may well be chance.
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
    """Of the same products, the shares filed and of those the shares right; None: not promised, or nothing filed."""

    promise: float
    filed_before: float | None
    filed_after: float | None
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
    p_values = [mcnemar(won[leaf], lost[leaf]) for leaf in there]
    found = [
        CategoryChange(
            id=after.taxonomy.leaves[leaf],
            path=after.taxonomy.path_names(after.taxonomy.leaves[leaf]),
            products=int(products[leaf]),
            before=float(old[leaf] / products[leaf]),
            after=float(new[leaf] / products[leaf]),
            won=won[leaf],
            lost=lost[leaf],
            p=p,
            p_holm=adjusted,
            change=None if adjusted >= ALPHA else "better" if won[leaf] > lost[leaf] else "worse",
        )
        for leaf, p, adjusted in zip(there, p_values, holm(p_values), strict=True)
    ]
    return tuple(sorted(found, key=lambda one: (one.p, -abs(one.won - one.lost), -one.products)))


def _promises(before: Side, after: Side, old: Rows, new: Rows) -> tuple[PromiseChange, ...]:
    changes = []
    for promise in sorted({*before.promises, *after.promises}):
        filed_before, precision_before = _filed(before, promise, old)
        filed_after, precision_after = _filed(after, promise, new)
        changes.append(PromiseChange(promise, filed_before, filed_after, precision_before, precision_after))
    return tuple(changes)


def _filed(side: Side, promise: float, rows: Rows) -> tuple[float | None, float | None]:
    """Share filed and, of those, share right."""
    if promise not in side.promises:
        return None, None
    place = side.promises.index(promise)
    filed = side.outcomes.filed_level[place, rows] >= 0
    right = side.outcomes.filed_right[place, rows][filed]
    return float(filed.mean()), float(right.mean()) if len(right) else None


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

"""What to do about what it gets wrong, in words, each with the numbers that led to it.  Values in, values out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from catalens.core.taxonomy import Taxonomy
from catalens.evaluate.metrics import ClassCounts, class_counts
from catalens.evaluate.outcomes import Outcomes

Kind = Literal["merge", "labels", "photos", "swallowed", "bold"]
SURE = 0.95  # an answer that is wrong although it is so sure
PAIR_LEAST, PAIR_SHARE, SYMMETRIC = 5, 0.15, 0.25
LABELS_LEAST, LABELS_SHARE = 3, 0.4
FEW, WEAK, MISSED_LEAST = 100, 0.75, 2
EXAMPLES = 5
LARGER = 5  # times the training products: a neighbour that swallows


@dataclass(frozen=True, slots=True)
class Advice:
    """`say` is what to do and `why` the numbers behind it; `products` of this part were answered wrong because of it.

    `category` and `other` are leaf ids; `other` is None where one category is meant.  `examples` are products to look
    at.
    """

    kind: Kind
    category: str
    other: str | None
    say: str
    why: str
    products: int
    examples: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the rules look at.

    `pairs` maps (truth, answer), leaf indices, to how many products were so answered wrongly, and `certain` to those of
    them that were sure, the surest first.  `sure` are all sure answers and those of them that are right, `train` the
    products per leaf in training, or None: not known.
    """

    taxonomy: Taxonomy
    counts: ClassCounts
    pairs: Mapping[tuple[int, int], int]
    certain: Mapping[tuple[int, int], Sequence[str]]
    sure: tuple[int, int]
    train: Sequence[int] | None

    def name(self, leaf: int) -> str:
        return f"“{self.taxonomy[self.taxonomy.leaves[leaf]].name()}”"

    def parent(self, leaf: int) -> str:
        return self.taxonomy[self.taxonomy.leaves[leaf]].parent

    def id(self, leaf: int) -> str:
        return self.taxonomy.leaves[leaf]

    def support(self, leaf: int) -> int:
        return int(self.counts.support[leaf])

    def correct(self, leaf: int) -> int:
        return int(self.counts.correct[leaf])


def advise(
    outcomes: Outcomes,
    taxonomy: Taxonomy,
    train_counts: Mapping[str, int] | None = None,
    trust: Sequence[Mapping[str, Any]] = (),
) -> tuple[Advice, ...]:
    """What concerns most products first.  `trust` are the rows of `category_trust.by_category`."""
    seen = _see(outcomes, taxonomy, train_counts)
    merged = list(_merge(seen))
    together = {frozenset((one.category, one.other)) for one in merged}
    labels = [one for one in _labels(seen) if frozenset((one.category, one.other)) not in together]
    taken = together | {frozenset((one.category, one.other)) for one in labels}
    swallowed = [one for one in _swallowed(seen) if frozenset((one.category, one.other)) not in taken]
    found = [*merged, *labels, *swallowed, *_photos(seen), *_bold(seen, trust)]
    return tuple(sorted(found, key=lambda one: (-one.products, one.category, one.kind)))


def _see(outcomes: Outcomes, taxonomy: Taxonomy, train_counts: Mapping[str, int] | None) -> Seen:
    truth, answer, size = outcomes.truth, outcomes.top[:, 0], len(taxonomy.leaves)
    wrong, sure = ~outcomes.correct, outcomes.confidence >= SURE
    codes, counts = np.unique(truth[wrong] * size + answer[wrong], return_counts=True)
    pairs = {(code // size, code % size): count for code, count in zip(codes.tolist(), counts.tolist(), strict=True)}
    certain: dict[tuple[int, int], list[str]] = defaultdict(list)
    for row in np.argsort(-outcomes.confidence, kind="stable").tolist()[: int(sure.sum())]:
        if wrong[row]:
            certain[int(truth[row]), int(answer[row])].append(outcomes.product_ids[row])
    return Seen(
        taxonomy=taxonomy,
        counts=class_counts(answer, truth, size),
        pairs=pairs,
        certain=certain,
        sure=(int(sure.sum()), int((sure & ~wrong).sum())),
        train=None if train_counts is None else [train_counts.get(leaf, 0) for leaf in taxonomy.leaves],
    )


def _merge(seen: Seen) -> Iterator[Advice]:
    """Siblings that are taken for each other, in both directions and often."""
    for (one, two), there in seen.pairs.items():
        back = seen.pairs.get((two, one), 0)
        # each pair once, from the side with more errors
        if (there, -one) < (back, -two) or seen.parent(one) != seen.parent(two):
            continue
        smaller = min(seen.support(one), seen.support(two))
        if there + back < max(PAIR_LEAST, PAIR_SHARE * smaller) or back < SYMMETRIC * there:
            continue
        total, right = seen.support(one) + seen.support(two), seen.correct(one) + seen.correct(two)
        above = seen.parent(one)
        level_up = f", or file both one level up, under “{seen.taxonomy[above].name()}”" if above else ""
        yield Advice(
            "merge",
            seen.id(one),
            seen.id(two),
            f"Merge {seen.name(one)} and {seen.name(two)}{level_up}.",
            f"{there} of {seen.support(one)} {seen.name(one)} are taken for {seen.name(two)}, and {back} of "
            f"{seen.support(two)} the other way round: the photos do not tell them apart. As one category, "
            f"{_percent(right + there + back, total)} of their products would be right, now {_percent(right, total)}.",
            there + back,
        )


def _labels(seen: Seen) -> Iterator[Advice]:
    """Wrong answers that are very sure: as likely the label is wrong."""
    answers, right = seen.sure
    branch = seen.taxonomy.ancestors[0]
    for (truth, answer), products in seen.certain.items():
        sure, of = len(products), seen.support(truth)
        many = "one" if sure == 1 else "some"
        # one is enough where it is sure of another branch: a wallet among the shoes
        if sure >= LABELS_LEAST or sure >= LABELS_SHARE * of or branch[truth] != branch[answer]:
            yield Advice(
                "labels",
                seen.id(truth),
                seen.id(answer),
                f"Look at the labels of {seen.name(truth)}: {many} may be {seen.name(answer)}.",
                f"{sure} of {of} are taken for {seen.name(answer)} with at least {_share(SURE)} confidence "
                f"({seen.pairs[truth, answer]} in all); of answers so sure, {_percent(right, answers)} are right. "
                f"Begin with {', '.join(products[:EXAMPLES])}.",
                sure,
                tuple(products[:EXAMPLES]),
            )


def _photos(seen: Seen) -> Iterator[Advice]:
    """Categories that it has seen too little of, and finds too seldom."""
    if seen.train is None:
        return
    train = np.array(seen.train)
    large = (train >= FEW) & (seen.counts.support > 0)
    mean = float(seen.counts.recall[large].mean()) if large.any() else None
    others = "" if mean is None else f"; categories with {FEW} or more have {_share(mean)} in the mean"
    for leaf in np.flatnonzero((train < FEW) & (seen.counts.support > 0)).tolist():
        support, right = seen.support(leaf), seen.correct(leaf)
        if support - right >= MISSED_LEAST and right < WEAK * support:
            yield Advice(
                "photos",
                seen.id(leaf),
                None,
                f"More photos of {seen.name(leaf)}: {seen.train[leaf]:,} products in training now.",
                f"It finds {right} of {support}, a recall of {_percent(right, support)}{others}.",
                support - right,
            )


def _swallowed(seen: Seen) -> Iterator[Advice]:
    """A category whose products go to a neighbour with many more training products, and not the other way round."""
    if seen.train is None:
        return
    for (truth, answer), count in seen.pairs.items():
        back = seen.pairs.get((answer, truth), 0)
        often = count >= max(MISSED_LEAST, 0.2 * seen.support(truth))
        if often and back < SYMMETRIC * count and seen.train[answer] >= LARGER * max(1, seen.train[truth]):
            yield Advice(
                "swallowed",
                seen.id(truth),
                seen.id(answer),
                f"Show {seen.name(truth)} more often in training (`--set train.sampling=sqrt`): "
                f"{seen.name(answer)} swallows it.",
                f"{count} of {seen.support(truth)} are taken for {seen.name(answer)}, {back} the other way round; "
                f"training had {seen.train[truth]:,} products of the one and {seen.train[answer]:,} of the other.",
                count,
            )


def _bold(seen: Seen, trust: Sequence[Mapping[str, Any]]) -> Iterator[Advice]:
    """Categories whose answers are right less often than they say, beyond chance."""
    for row in trust:
        if row["over_confident"]:
            leaf = seen.taxonomy.leaf_index[row["id"]]
            yield Advice(
                "bold",
                row["id"],
                None,
                f"Look through what is filed as {seen.name(leaf)}: it is over-confident there.",
                f"Its {row['answers']:,} answers say {_share(row['stated'])} and {_share(row['precision'])} are right; "
                f"chance alone would do that in {_chance(row['p'])}.",
                row["answers"] - row["right"],
            )


def _percent(part: int, whole: int) -> str:
    return _share(part / whole if whole else 0.0)


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _chance(p: float) -> str:
    return f"1 of {round(1 / p):,} cases" if p > 1e-4 else "less than 1 of 10,000 cases"

"""Deal groups that hold products of many leaves, so that shares hold overall and in every leaf as nearly as can be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence


def balance(groups: Sequence[Mapping[str, int]], shares: Sequence[float]) -> list[int]:
    """Each group as {leaf: products} -> for each, the index of the share it goes to.

    Largest first (of equal ones the first), each to where the chi-square distance from what was asked, in all and in
    each of its leaves, then grows least.  Shares of 0 stay empty.
    """
    totals: Counter[str] = Counter()
    for group in groups:
        totals.update(group)
    everything = totals.total()
    places = [index for index, share in enumerate(shares) if share > 0]
    held: list[Counter[str]] = [Counter() for _ in shares]
    held_in_all = [0 for _ in shares]
    chosen = [places[0]] * len(groups)
    for index in sorted(range(len(groups)), key=lambda index: -sum(groups[index].values())):
        group = groups[index]
        size = sum(group.values())
        growth = {
            place: _growth(held_in_all[place], size, shares[place] * everything)
            + sum(_growth(held[place][leaf], count, shares[place] * totals[leaf]) for leaf, count in group.items())
            for place in places
        }
        chosen[index] = best = min(places, key=growth.__getitem__)
        held_in_all[best] += size
        held[best].update(group)
    return chosen


def _growth(held: int, more: int, asked: float) -> float:
    """By how much (held - asked)^2 / asked grows with `more`."""
    return more * (2 * (held - asked) + more) / asked

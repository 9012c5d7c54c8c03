"""Deal groups that hold products of many leaves, so that shares hold overall and in every leaf as nearly as can be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence


def balance(groups: Sequence[Mapping[str, int]], shares: Sequence[float]) -> list[int]:
    """Each group as {leaf: products} -> for each, the index of the share it goes to.

    Largest first (of equal ones the first), each to where it lessens most the squared distance from what was asked,
    in all and in each of its leaves, relative to the leaf's size.  That is the greedy rule of iterative stratification
    (Sechidis, Tsoumakas, Vlahavas 2011) for groups.  Shares of 0 stay empty.
    """
    totals: Counter[str] = Counter()
    for group in groups:
        totals.update(group)
    everything = totals.total()
    lacking = {leaf: [share * total for share in shares] for leaf, total in totals.items()}
    lacking_in_all = [share * everything for share in shares]
    places = [index for index, share in enumerate(shares) if share > 0]
    chosen = [places[0]] * len(groups)
    for index in sorted(range(len(groups)), key=lambda index: -sum(groups[index].values())):
        group = groups[index]
        size = sum(group.values())
        # (lack - n)^2 - lack^2 = n^2 - 2 n lack: the place of least distance is that of the largest n x lack
        gains = {
            place: size * lacking_in_all[place] / everything
            + sum(count * lacking[leaf][place] / totals[leaf] for leaf, count in group.items())
            for place in places
        }
        best = max(places, key=gains.__getitem__)
        chosen[index] = best
        lacking_in_all[best] -= size
        for leaf, count in group.items():
            lacking[leaf][best] -= count
    return chosen

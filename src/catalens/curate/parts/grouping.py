"""Which products belong together: whatever shares a photo, a group or a line of a file never straddles a split."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def connect(count: int, links: Iterable[tuple[Ints, Ints]]) -> Ints:
    """Connected components of `count` members: int64 [count], the lowest member of each one's component.

    A link is (members int64 [M], keys int64 [M]): members of equal key belong together, directly or by way of others.
    """
    parents = list(range(count))

    def root(member: int) -> int:
        while parents[member] != member:
            parents[member] = parents[parents[member]]
            member = parents[member]
        return member

    for members, keys in links:
        order = np.argsort(keys, kind="stable")
        members, keys = members[order], keys[order]
        # most keys are held by one member alone: only neighbours of equal key are an edge
        edges = (keys[1:] == keys[:-1]) & (members[1:] != members[:-1])
        for left, right in zip(members[:-1][edges].tolist(), members[1:][edges].tolist(), strict=True):
            first, second = sorted((root(left), root(right)))
            parents[second] = first
    return np.array([root(member) for member in range(count)], dtype=np.int64)

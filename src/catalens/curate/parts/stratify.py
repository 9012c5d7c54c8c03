"""Spread groups of products over parts so that shares hold in every leaf and overall.  No randomness of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

TRAIN = "train"


@dataclass(frozen=True, slots=True)
class Group:
    """Products to be placed together: their positions, the leaf they count for, and their place in the hashed order."""

    members: tuple[int, ...]
    leaf: str
    key: bytes


def spread(
    groups: Iterable[Group], ratios: Mapping[str, float], parts: list[str], *, every_leaf_elsewhere: bool
) -> None:
    """Fill `parts` so that the ratios hold in every leaf as nearly as whole groups allow, and overall.

    Small leaves come first, and what a part missed in one leaf is carried over to the next, so that the large leaves
    even out what the small ones could not.  A leaf's first group goes to train; with `every_leaf_elsewhere` a leaf of
    two groups or more is in another part, too.
    """
    by_leaf: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        by_leaf[group.leaf].append(group)
    ratios = {part: ratio for part, ratio in ratios.items() if ratio > 0}
    every_leaf_elsewhere &= len(ratios) > 1
    carry = dict.fromkeys(ratios, 0.0)
    for _, members in sorted(by_leaf.items(), key=lambda item: (len(item[1]), item[0])):
        ordered = sorted(members, key=lambda group: (-len(group.members), group.key))
        total = sum(len(group.members) for group in ordered)
        missing = {part: ratio * total for part, ratio in ratios.items()}
        elsewhere = not every_leaf_elsewhere
        for index, group in enumerate(ordered):
            last_chance = not elsewhere and 0 < index == len(ordered) - 1
            part = TRAIN if index == 0 else _neediest(missing, carry, len(group.members), skip_train=last_chance)
            elsewhere |= part != TRAIN
            missing[part] -= len(group.members)
            for member in group.members:
                parts[member] = part
        for part in carry:
            carry[part] += missing[part]


def _neediest(missing: Mapping[str, float], carry: Mapping[str, float], size: int, *, skip_train: bool) -> str:
    """The part that lacks most, among those that have room for the whole group, else for some of it, else any."""
    allowed = [part for part in missing if not (skip_train and part == TRAIN)]
    tolerance = 1e-9
    room = [part for part in allowed if missing[part] >= size - tolerance]
    some = [part for part in allowed if missing[part] > tolerance]
    return max(room or some or allowed, key=lambda part: missing[part] + carry[part])

"""All pairs of 64-bit hashes within a Hamming distance, without comparing all with all.

Multi-index hashing (Norouzi, Punjani and Fleet, CVPR 2012): of `radius + 3` bands of the bits, at least three agree in
a pair within the radius.  For each choice of three bands the hashes are sorted by these, and neighbours compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt

from catalens.core.fingerprint import BITS, Hashes

Ints = npt.NDArray[np.int64]
Pairs = tuple[Ints, Ints]
AGREEING = 3
AT_A_TIME = 2**21  # candidate pairs in memory


@dataclass(frozen=True, slots=True)
class Holders:
    """Which places hold each of V values: those of value v are `places[edges[v] : edges[v + 1]]`."""

    places: Ints
    edges: Ints

    def pairs_with(self, other: Holders, values: Ints, others: Ints) -> Iterator[Pairs]:
        """All pairs (a place that holds the value, a place that holds the other value), in blocks."""
        firsts, seconds = np.diff(self.edges)[values], np.diff(other.edges)[others]
        starts = np.zeros(len(values), dtype=np.int64)
        for which, number in _expand(starts, firsts * seconds):
            one = self.places[self.edges[values[which]] + number // seconds[which]]
            yield one, other.places[other.edges[others[which]] + number % seconds[which]]


def members_of(hashes: Hashes) -> tuple[Hashes, Holders]:
    """(the distinct hashes in order, who holds them)."""
    order = np.argsort(hashes, kind="stable")
    values, firsts = np.unique(hashes[order], return_index=True)
    return values, Holders(order, np.append(firsts, len(hashes)).astype(np.int64))


def distance(first: Hashes, second: Hashes) -> npt.NDArray[np.uint8]:
    """Bits that differ, 0 to 64, elementwise."""
    bits: npt.NDArray[np.uint8] = np.bitwise_count(first ^ second)
    return bits


def pairs_within(hashes: Hashes, radius: int) -> Iterator[Pairs]:
    """Every pair of places i < j with at most `radius` differing bits, each once, in blocks.

    The hashes must be distinct (`np.unique`): of a thousand equal ones half a million pairs would say nothing new.
    """
    for choice in _choices(radius):
        keys, places = _sorted_keys(hashes, choice)
        ends = np.searchsorted(keys, keys, side="right")
        following = np.arange(1, len(keys) + 1)
        for left, right in _expand(following, ends):
            first, second = places[left], places[right]
            near = _first_found(hashes[first], hashes[second], choice, radius)
            yield np.minimum(first[near], second[near]), np.maximum(first[near], second[near])


def pairs_between(first: Hashes, second: Hashes, radius: int) -> Iterator[Pairs]:
    """Every pair (place in `first`, place in `second`) with at most `radius` differing bits, each once, in blocks."""
    for choice in _choices(radius):
        keys, places = _sorted_keys(first, choice)
        others, other_places = _sorted_keys(second, choice)
        starts, ends = np.searchsorted(others, keys, side="left"), np.searchsorted(others, keys, side="right")
        for left, right in _expand(starts, ends):
            one, two = places[left], other_places[right]
            near = _first_found(first[one], second[two], choice, radius)
            yield one[near], two[near]


class _Choice:
    """Three bands to sort by, and all choices before it, which have found their pairs already."""

    def __init__(self, bands: list[tuple[int, int]], chosen: tuple[int, ...]) -> None:
        self.chosen = [bands[band] for band in chosen]
        # a pair that agrees in more than three bands belongs to the choice of the first three: in none of the
        # others before its last one may it agree
        self.earlier = [bands[band] for band in range(chosen[-1]) if band not in chosen]


def _choices(radius: int) -> Iterator[_Choice]:
    count = max(radius, 3) + AGREEING  # wider bands would not leave room for the place beside the key
    edges = [BITS * band // count for band in range(count + 1)]
    bands = [(low, high - low) for low, high in pairwise(edges)]
    for chosen in combinations(range(count), AGREEING):
        yield _Choice(bands, chosen)


def _sorted_keys(hashes: Hashes, choice: _Choice) -> tuple[Hashes, Ints]:
    """(the chosen bits as numbers, in order; the place each had)."""
    keys = np.zeros(len(hashes), dtype=np.uint64)
    for low, width in choice.chosen:
        keys = (keys << np.uint64(width)) | _band(hashes, low, width)
    # key and place in one number: numpy sorts numbers several times as fast as it finds their order
    both = (keys << np.uint64(32)) | np.arange(len(hashes), dtype=np.uint64)
    both.sort()
    return both >> np.uint64(32), (both & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _band(hashes: Hashes, low: int, width: int) -> Hashes:
    return (hashes >> np.uint64(low)) & np.uint64(2**width - 1)


def _expand(starts: Ints, ends: Ints) -> Iterator[Pairs]:
    """For each place p the pairs (p, start of p ... end of p), in blocks of bounded size."""
    counts = ends - starts
    totals = np.concatenate([[0], np.cumsum(counts)])
    begin = 0
    while begin < len(counts):
        # at least one place a block: a place has at most as many pairs as there are hashes
        stop = max(begin + 1, int(np.searchsorted(totals, totals[begin] + AT_A_TIME, side="right")) - 1)
        width = counts[begin:stop]
        left = np.repeat(np.arange(begin, stop), width)
        within = np.arange(len(left)) - np.repeat(totals[begin:stop] - totals[begin], width)
        if len(left):
            yield left, starts[left] + within
        begin = stop


def _first_found(first: Hashes, second: Hashes, choice: _Choice, radius: int) -> Ints:
    """Where the pair is within the radius and no earlier choice has given it."""
    different = first ^ second
    near = np.flatnonzero(np.bitwise_count(different) <= radius)
    different = different[near]
    fresh = np.ones(len(near), dtype=bool)
    for low, width in choice.earlier:
        fresh &= _band(different, low, width) != 0
    return near[fresh]

"""Near copies: which of N photos show the same picture, and what groups they form.

Hashes propose pairs, `core.likeness` looks at them ever more closely, and what is left is grouped without chains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from catalens.core.fingerprint import VIEWS, WHOLE, Floats, Hashes, Signatures, View, coefficients, hashes
from catalens.core.image import RgbImage
from catalens.core.likeness import (
    APART,
    CLOSE_SIDE,
    DIFFERENT,
    MOVED,
    PLAIN,
    SHARE,
    apart,
    apart_moved,
    best_view,
    close_pair,
    closely,
    coarseness,
    colours_apart,
    frames,
    plain_colour,
    shares,
)
from catalens.core.overlay import align
from catalens.core.progress import Progress, silent
from catalens.curate.copies.hash_pairs import Ints, Pairs, members_of, pairs_between

TOGETHER = 4096  # pairs whose photos are in memory
PARTS_APART = 0.15  # as APART, for parts that lie less densely


@dataclass(frozen=True)
class Photos:
    """N photos: their `signatures`, and `read`, which decodes the photo at a place."""

    signatures: Signatures
    read: Callable[[int], RgbImage]

    def colours(self, places: Ints) -> Floats:
        """The colour of each photo that shows nothing else, float32 [P, 3]; NaN for all others."""
        asked = np.unique(places[np.isinf(self._colours[places, 0])])
        for place in asked.tolist():
            flat = np.ptp(self.signatures.luma[place]) <= PLAIN
            self._colours[place] = plain_colour(self.read(place)) if flat else np.nan
        return self._colours[places]

    @cached_property
    def _colours(self) -> Floats:
        """float32 [N, 3]; infinite where nobody has asked yet."""
        return np.full((len(self.signatures), 3), np.inf, dtype=np.float32)

    def mirrored(self) -> Photos:
        return Photos(self.signatures.mirrored(), lambda place: self.read(place)[:, ::-1])


@dataclass(frozen=True, slots=True)
class Proposals:
    """M pairs of places that may show the same picture: the whole of `inner` in the part `frame` of `outer`."""

    outer: Ints
    inner: Ints
    frame: Floats


def group_copies(
    photos: Photos,
    *,
    radius: int,
    limit: float,
    mirrored: bool = False,
    also: Pairs | None = None,
    progress: Progress = silent,
) -> Ints:
    """For each of N photos the place of the one that stands for its group, itself where it has no copy: int64 [N].

    `radius` is in bits of the hash, `limit` in units of `closely`.  `mirrored` looks for copies with left and right
    exchanged, too; `also` are pairs to be looked at besides those of the hashes.

    A group is a star, not a chain: each member was compared with the photo in the middle, or has the hash of one that
    was and was compared with that.
    """
    leader = _leaders(photos, limit)
    leaders = np.unique(leader)
    chosen = Photos(photos.signatures.take(leaders), lambda place: photos.read(int(leaders[place])))
    sides = [chosen, chosen.mirrored()] if mirrored else [chosen]
    found = []
    for other in sides:
        proposals = propose(chosen.signatures, other.signatures, radius, progress)
        found.append(_same(chosen, other, proposals, limit, progress))
    if also is not None:
        first, second = (np.searchsorted(leaders, leader[places]) for places in also)
        found.append(_same(chosen, chosen, _propose_parts(chosen.signatures, first, second), limit, progress))
    centre = stars(len(leaders), *(np.concatenate(places) for places in zip(*found, strict=True)))
    return leaders[centre][np.searchsorted(leaders, leader)]


def differences(outer: Photos, inner: Photos, proposals: Proposals, *, progress: Progress = silent) -> Floats:
    """The difference of each proposed pair, float32 [M]; infinite where the signatures alone say that they differ."""
    found = np.full(len(proposals.outer), DIFFERENT, dtype=np.float32)
    for start in range(0, len(found), TOGETHER):
        rows = np.arange(start, min(start + TOGETHER, len(found)))
        # hundreds of colour swatches have one hash: looking closely at each pair of them would take hours
        found[rows] = colours_apart(outer.colours(proposals.outer[rows]), inner.colours(proposals.inner[rows]))
        rows = rows[np.isnan(found[rows])]
        found[rows] = DIFFERENT
        first, second = proposals.outer[rows], proposals.inner[rows]
        share, frame = shares(outer.signatures.take(first), inner.signatures.take(second), proposals.frame[rows])
        near = np.flatnonzero(share <= SHARE)
        if len(near):
            pairs = np.empty((len(near), 2, CLOSE_SIDE, CLOSE_SIDE, 3), dtype=np.uint8)
            coarse = np.empty(len(near), dtype=np.float32)
            for place, (one, two) in enumerate(zip(first[near].tolist(), second[near].tolist(), strict=True)):
                photos = outer.read(one), inner.read(two)
                pairs[place], coarse[place] = close_pair(*photos), coarseness(*photos)
            found[rows[near]] = closely(pairs, frame[near], coarse)
        progress(min(start + TOGETHER, len(found)), len(found), "looking closely")
    return found


def propose(outer: Signatures, inner: Signatures, radius: int, progress: Progress = silent) -> Proposals:
    """Pairs of different places that a hash of the outer photo or of a part of it brings together, each pair once."""
    whole = coefficients(inner)
    best: dict[str, Any] = {}
    for number, view in enumerate(VIEWS):
        inside = coefficients(outer, view)
        for one, two in _pairs_of_photos(hashes(inside), hashes(whole), radius):
            distance = apart(inside[one], whole[two])
            near = np.flatnonzero((distance <= APART) & (one != two))
            block: dict[str, Any] = {
                "outer": one[near],
                "inner": two[near],
                "apart": distance[near],
                "view": np.full(len(near), number),
            }
            best = {name: np.concatenate([best[name], block[name]]) if best else block[name] for name in block}
        best = _nearest_view(best) if best else best
        progress(number + 1, len(VIEWS), "comparing hashes")
    if not best:
        nothing = np.empty(0, dtype=np.int64)
        return Proposals(nothing, nothing, frames(VIEWS)[nothing])
    one, two, views = (best[name].astype(np.int64) for name in ("outer", "inner", "view"))
    near = _near_when_moved(outer, whole, one, two, views)
    return Proposals(one[near], two[near], frames(VIEWS)[views[near]])


def _near_when_moved(outer: Signatures, whole: Floats, one: Ints, two: Ints, views: Ints) -> Ints:
    """Which of the pairs fit each other once the view is moved a little."""
    near = np.zeros(len(one), dtype=bool)
    for number, view in enumerate(VIEWS):
        rows = np.flatnonzero(views == number)
        for start in range(0, len(rows), TOGETHER):
            block = rows[start : start + TOGETHER]
            near[block] = apart_moved(outer.take(one[block]), whole[two[block]], view) <= MOVED
    return np.flatnonzero(near)


def stars(count: int, first: Ints, second: Ints) -> Ints:
    """The place of the middle of each place's group, int64 [count]; itself where it has no pair.

    The photo with most copies takes all of them, then the next that is still free: where A is like B and B like C but
    not A like C, they are one group only if B is in the middle.
    """
    ends, starts = np.concatenate([first, second]), np.concatenate([second, first])
    order = np.lexsort((ends, starts))
    ends, edges = ends[order], np.searchsorted(starts[order], np.arange(count + 1))
    degree = np.diff(edges)
    middle = np.full(count, -1, dtype=np.int64)
    for place in np.lexsort((np.arange(count), -degree)).tolist():
        if middle[place] >= 0:
            continue
        middle[place] = place
        around = ends[edges[place] : edges[place + 1]]
        middle[around[middle[around] < 0]] = place
    return middle


def _leaders(photos: Photos, limit: float) -> Ints:
    """Photos of one hash that show the same picture are led by the first of them: int64 [N].

    So ten thousand copies of one placeholder are ten thousand comparisons, not fifty million.
    """
    leader = np.arange(len(photos.signatures))
    found = hashes(coefficients(photos.signatures))
    waiting = leader
    while len(waiting):
        _, firsts, which = np.unique(found[waiting], return_index=True, return_inverse=True)
        head = waiting[firsts][which]
        head, waiting = head[head != waiting], waiting[head != waiting]
        whole = np.repeat(frames([WHOLE]), len(waiting), axis=0)
        same = differences(photos, photos, Proposals(head, waiting, whole)) <= limit
        leader[waiting[same]] = head[same]
        waiting = waiting[~same]
    return leader


def _same(outer: Photos, inner: Photos, proposals: Proposals, limit: float, progress: Progress) -> Pairs:
    near = differences(outer, inner, proposals, progress=progress) <= limit
    return proposals.outer[near], proposals.inner[near]


def _propose_parts(signatures: Signatures, first: Ints, second: Ints) -> Proposals:
    """Each pair both ways round, laid on the nearest of many smaller parts; those that lie badly are left out."""
    outer, inner = np.concatenate([first, second]), np.concatenate([second, first])
    different = outer != inner
    outer, inner = outer[different], inner[different]
    if not len(outer):
        return Proposals(outer, inner, frames(VIEWS)[outer])
    frame, distance = best_view(signatures.take(outer), signatures.take(inner), PARTS)
    near = distance <= PARTS_APART
    outer, inner, frame = outer[near], inner[near], frame[near]
    for start in range(0, len(outer), TOGETHER):  # from so far away it takes more steps than `shares` makes
        rows = slice(start, start + TOGETHER)
        one, two = (signatures.take(places[rows]).luma.astype(np.float32) for places in (outer, inner))
        frame[rows] = align(one, two, frame[rows], steps=6)
    return Proposals(outer, inner, frame)


def _parts() -> Sequence[View]:
    """VIEWS, and parts down to two thirds of the sides, in nine places each."""
    smaller = [
        View(scale, down * (1 - scale) / 3, right * (1 - scale) / 3)
        for scale in (0.86, 0.8, 0.73, 0.67)
        for down in (-1, 0, 1)
        for right in (-1, 0, 1)
    ]
    return (*VIEWS, *smaller)


PARTS = _parts()


def _nearest_view(pairs: dict[str, Any]) -> dict[str, Any]:
    """Of the several views by which a pair was found, in either order, the one where it is least apart."""
    low, high = np.minimum(pairs["outer"], pairs["inner"]), np.maximum(pairs["outer"], pairs["inner"])
    order = np.lexsort((pairs["apart"], high, low))
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)
    return {name: values[order[fresh]] for name, values in pairs.items()}


def _pairs_of_photos(first: Hashes, second: Hashes, radius: int) -> Iterator[Pairs]:
    """Pairs of places whose hashes are within the radius; equal hashes are looked up once."""
    (values, holders), (others, other_holders) = members_of(first), members_of(second)
    for one, two in pairs_between(values, others, radius):
        yield from holders.pairs_with(other_holders, one, two)

"""Neighbours among embeddings, without comparing all with all: a net that brings pairs of photos to be looked at."""

from __future__ import annotations

import numpy as np

from catalens.core.fingerprint import BITS, Floats, hashes
from catalens.curate.copies.hash_pairs import Ints, Pairs, members_of, pairs_between

RADIUS = 6  # bits; two vectors with a cosine of 0.95 differ in 6 of 64 on average
NETS = 4  # a pair that one net misses is found by another


def pairs_of_vectors(vectors: Floats, *, min_cosine: float) -> Pairs:
    """Places first < second, int64 [M], of rows of float32 [N, D], L2-normalised, with at least this cosine.

    Most of them: each of four times 64 random planes through the middle of all vectors gives a bit, and pairs whose
    bits are nearly the same are compared (Charikar 2002).
    """
    found: set[tuple[int, int]] = set()
    if not len(vectors):
        return _columns(found)
    centred = vectors - vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    generator = np.random.default_rng(0)
    for _ in range(NETS):
        planes = generator.standard_normal((vectors.shape[1], BITS), dtype=np.float32)
        values, holders = members_of(hashes(centred @ planes, faint=0.0))
        for one, two in pairs_between(values, values, RADIUS):
            for first, second in holders.pairs_with(holders, one, two):
                near = np.flatnonzero(first < second)
                first, second = first[near], second[near]
                cosine = np.einsum("pd,pd->p", vectors[first], vectors[second])
                close = cosine >= min_cosine
                found.update(zip(first[close].tolist(), second[close].tolist(), strict=True))
    return _columns(found)


def _columns(pairs: set[tuple[int, int]]) -> Pairs:
    table: Ints = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]

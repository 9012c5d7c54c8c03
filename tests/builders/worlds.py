"""A make-believe shop whose true probabilities are known: labels are drawn from what a calibrated model would say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from catalens.core.scores import softmax
from catalens.core.taxonomy import Taxonomy

TOPS, MIDDLES, LEAVES = 4, 3, 3
TAXONOMY = Taxonomy.from_paths(
    {
        f"{top}{middle}{leaf}": (f"top {top}", f"middle {top}{middle}", f"leaf {top}{middle}{leaf}")
        for top in range(TOPS)
        for middle in range(MIDDLES)
        for leaf in range(LEAVES)
    },
    level_names=("top", "middle", "leaf"),
)


@dataclass(frozen=True)
class World:
    """float64 [N, C] logits and the probabilities they stand for, int64 [N] labels drawn from these."""

    logits: np.ndarray
    probabilities: np.ndarray
    truth: np.ndarray

    def take(self, rows: np.ndarray) -> World:
        return World(self.logits[rows], self.probabilities[rows], self.truth[rows])


def draw_world(products: int, seed: int, sharpness: float = 6.0) -> World:
    """Some products are plain and some are hard; siblings are more alike than cousins."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(products, TOPS * MIDDLES * LEAVES))
    logits += np.repeat(rng.normal(size=(products, TOPS * MIDDLES)), LEAVES, axis=1) * 2
    logits += np.repeat(rng.normal(size=(products, TOPS)), MIDDLES * LEAVES, axis=1) * 3
    logits *= rng.gamma(2.0, sharpness / 2, size=(products, 1))
    probabilities = softmax(logits)
    truth = (probabilities.cumsum(axis=1) > rng.random((products, 1))).argmax(axis=1)
    return World(logits, probabilities, truth)

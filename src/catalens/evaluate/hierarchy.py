"""Right at which level?  A node's probability is the sum of its leaves'."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from catalens.core.taxonomy import Taxonomy


def level_hits(
    taxonomy: Taxonomy, probabilities: npt.NDArray[np.floating], truth: npt.NDArray[np.integer]
) -> npt.NDArray[np.bool_]:
    """float [N, C] over leaves, int [N] leaf indices -> bool [levels, N]: is the level's likeliest node the true one?

    The likeliest node of a level need not be above the likeliest leaf: many unsure siblings may outweigh one leaf.
    """
    return np.stack(
        [
            taxonomy.level_probabilities(probabilities, level).argmax(axis=1) == taxonomy.ancestors[level][truth]
            for level in range(taxonomy.depth)
        ]
    )

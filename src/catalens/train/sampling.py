"""Which photos make up an epoch, and in which order: as they come, or the rare categories more often."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from catalens.core.errors import ConfigError

Sampling = Literal["natural", "sqrt", "balanced"]
# how a category's share of an epoch grows with its n photos: as n, as the root of n, or not at all
_GROWTH: dict[Sampling, float] = {"natural": 1.0, "sqrt": 0.5, "balanced": 0.0}


def epoch_order(labels: npt.NDArray[np.int64], how: Sampling, *, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """int64 [M], the labels of M photos -> int64 [M], the photos of one epoch in order; it follows from (seed, epoch).

    "natural" takes each photo once.  "balanced" gives each category the same number of places, "sqrt" a number that
    grows with the root of its photos (Mahajan et al., ECCV 2018); photos of a category take turns, so that one that is
    expected 2.3 times comes two or three times, never none.  Raises ConfigError if there is no such sampling.
    """
    if how not in _GROWTH:
        raise ConfigError(f"no sampling {how!r}; there are {', '.join(get_args(Sampling))}", key="sampling")
    rng = np.random.default_rng((seed, epoch))
    if how == "natural" or not len(labels):
        return rng.permutation(len(labels))
    _, category, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    drawn = np.lexsort((rng.random(len(labels)), category))  # category by category, shuffled within
    share = sizes[category[drawn]] ** (_GROWTH[how] - 1.0)
    # systematic resampling: one random start and equal steps along the shares laid end to end
    ends = np.cumsum(share) * (len(labels) / share.sum())
    ends[-1] = len(labels)  # as it would be without rounding
    times = np.diff(np.floor(ends + rng.random()), prepend=0.0).astype(np.int64)
    return rng.permutation(np.repeat(drawn, times))

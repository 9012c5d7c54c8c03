"""Stray labels: how many labels are drawn at random, whatever is in the photo, and which.

A model that confuses two categories says so: it is unsure of both.  A label that it gives next to no chance is either
one of the few that chance allows, or it has nothing to do with the photo.  So the labels are taken for a mixture, of a
share e that is uniform over C classes and a rest that follows the model's calibrated probabilities:

    p(label) = (1 - e) p_model(label) + e / C

Confident learning counts confusion as noise; this does not, and finds no noise between categories that the model
confuses.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
STEPS = 50


def share(self_confidence: Floats, *, classes: int) -> float:
    """The likeliest share of stray labels, in [0, 1], by expectation maximisation.

    `self_confidence` float [M] is what a model that has not seen them gives the labels.
    """
    found = 0.05
    for _ in range(STEPS):
        found = float(probability(self_confidence, found, classes=classes).mean()) if len(self_confidence) else 0.0
    return found


def probability(self_confidence: Floats, share: float, *, classes: int) -> Floats:
    """float32 [M]: that a label is stray."""
    stray = share / classes
    mixed = np.maximum((1 - share) * self_confidence.astype(np.float64) + stray, 1e-300)
    return (stray / mixed).astype(np.float32)


def log_likelihood(self_confidence: Floats, share: float, *, classes: int) -> float:
    """The mean over the labels, in nats."""
    mixed = (1 - share) * self_confidence.astype(np.float64) + share / classes
    return float(np.log(np.maximum(mixed, 1e-300)).mean())

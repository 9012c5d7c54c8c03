"""Logistic regression of two sides that weigh the same however many rows each has."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
STEPS = 60


def fit(
    features: npt.NDArray[np.floating],
    positive: npt.NDArray[np.bool_],
    *,
    centre: npt.NDArray[np.floating],
    spread: npt.NDArray[np.floating],
    penalty: float,
    tolerance: float = 1e-8,
) -> Doubles:
    """float [N, F], bool [N] -> float64 [F + 1]: weights of the features as they are, and a constant.

    Newton's method (IRLS) on the mean loss plus `penalty` / 2 times the squared weights, of features less their
    `centre` [F] and divided by their `spread` [F]; it ends where no weight moves by `tolerance`.
    """
    values = (features.astype(np.float64) - centre) / spread
    values = np.concatenate([values, np.ones((len(values), 1))], axis=1)
    weight = np.where(positive, 0.5 / max(1, positive.sum()), 0.5 / max(1, (~positive).sum()))
    pull = np.append(np.full(features.shape[1], penalty), 1e-9)  # the constant is free
    found = np.zeros(values.shape[1])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(values @ found, -500, 500)))
        slope = values.T @ (weight * (chance - positive)) + pull * found
        curve = (values * (weight * chance * (1 - chance))[:, None]).T @ values + np.diag(pull)
        step = np.linalg.solve(curve, slope)
        found -= step / max(1.0, float(np.abs(step).max()))  # far from the minimum a whole step may overshoot
        if np.abs(step).max() < tolerance:
            break
    weights = found[:-1] / spread
    return np.append(weights, found[-1] - weights @ centre)

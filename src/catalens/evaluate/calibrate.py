"""Temperature, and how well probabilities say how often they are right."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from catalens.core.errors import CatalogError
from catalens.core.scores import softmax

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
LOWEST, HIGHEST = 0.05, 20.0
BLOCK = 4096  # rows at a time: nothing of the size of the logits is made


def fit_temperature(logits: Floats, truth: Ints) -> float:
    """float [N, C], int [N] -> the temperature in [0.05, 20] of the smallest NLL (Guo et al., 2017).

    In b = 1/T the NLL is convex: Newton's step on its slope, and bisection where that would leave the bracket.
    Raises CatalogError where there is nothing to calibrate on.
    """
    if len(truth) == 0:
        raise CatalogError("no labelled products to calibrate on; split the catalog with a calib part")
    low, high, scale = 1 / HIGHEST, 1 / LOWEST, 1.0
    for _ in range(60):
        slope, curvature = _slope(logits, truth, scale)
        if slope > 0:
            high = scale
        else:
            low = scale
        step = scale - slope / curvature if curvature > 0 else np.inf
        new = step if low < step < high else float(np.sqrt(low * high))
        if abs(new - scale) < 1e-7 * scale:
            break
        scale = new
    return float(1 / scale)


def nll(logits: Floats, truth: Ints, temperature: float = 1.0) -> float:
    """Mean negative log-probability of the truth, in nats; 0 is perfect."""
    total = 0.0
    for block, labels in _blocks(logits, truth):
        total += float(row_nll(block / temperature, labels).sum())
    return total / len(truth)


def row_nll(logits: Floats, truth: Ints) -> npt.NDArray[np.float64]:
    """float [N, C], int [N] -> float64 [N]: the negative log-probability of each row's truth, in nats."""
    scaled = np.asarray(logits, dtype=np.float64)
    losses: npt.NDArray[np.float64] = _log_sum(scaled) - scaled[np.arange(len(truth)), truth]
    return losses


def ece(confidence: Floats, correct: npt.NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error in [0, 1] over bins of equal mass: mean |share correct - mean confidence|."""
    order = np.argsort(confidence, kind="stable")
    gaps = [
        abs(float(correct[part].mean()) - float(confidence[part].mean())) * len(part)
        for part in np.array_split(order, bins)
        if len(part)
    ]
    return sum(gaps) / len(order)


def reliability(confidence: Floats, correct: npt.NDArray[np.bool_], bins: int = 10) -> list[dict[str, float]]:
    """Bins of equal width: the mean `confidence` and the `accuracy` of their `products`; empty bins are left out."""
    which = np.minimum((np.asarray(confidence) * bins).astype(np.int64), bins - 1)
    return [
        {
            "confidence": float(confidence[here].mean()),
            "accuracy": float(correct[here].mean()),
            "products": int(here.sum()),
        }
        for here in (which == number for number in np.unique(which))
    ]


def _slope(logits: Floats, truth: Ints, scale: float) -> tuple[float, float]:
    """First and second derivative of the summed NLL in b = 1/T: E[z] - z_true, and Var[z]."""
    slope = curvature = 0.0
    for block, labels in _blocks(logits, truth):
        block -= block.mean(axis=1, keepdims=True)  # Var[z] from moments needs small numbers
        probabilities = softmax(block, 1 / scale)
        mean = (probabilities * block).sum(axis=1)
        slope += float((mean - block[np.arange(len(labels)), labels]).sum())
        curvature += float(((probabilities * block**2).sum(axis=1) - mean**2).sum())
    return slope, curvature


def _blocks(logits: Floats, truth: Ints) -> Iterator[tuple[npt.NDArray[np.float64], Ints]]:
    for start in range(0, len(truth), BLOCK):
        yield logits[start : start + BLOCK].astype(np.float64), truth[start : start + BLOCK]


def _log_sum(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    top = logits.max(axis=1)
    sums: npt.NDArray[np.float64] = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    return sums

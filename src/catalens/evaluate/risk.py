"""Risk against coverage: how precise the answers are if only the surest are filed, whatever was promised."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

POINTS = 50


def curve(
    confidence: npt.NDArray[np.floating], correct: npt.NDArray[np.bool_], points: int = POINTS
) -> list[dict[str, float]]:
    """float [N], bool [N] -> {filed, precision, confidence} at even steps of the share filed, the last one all.

    `confidence` is that of the least sure product filed.  Equally sure products are filed together or not at all, so
    the shares are those that a threshold can reach.
    """
    order = np.argsort(-np.asarray(confidence), kind="stable")
    said, right = np.asarray(confidence)[order], np.cumsum(correct[order])
    ends = np.append(np.flatnonzero(np.diff(said)), len(said) - 1)  # the last place of each confidence
    wanted = np.ceil(len(said) * np.arange(1, points + 1) / points).astype(np.int64) - 1
    places = np.unique(ends[np.searchsorted(ends, wanted)])
    return [
        {
            "filed": float((place + 1) / len(said)),
            "precision": float(right[place] / (place + 1)),
            "confidence": float(said[place]),
        }
        for place in places.tolist()
    ]

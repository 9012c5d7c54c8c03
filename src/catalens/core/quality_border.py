"""Bands of one colour beside the photo proper: frames, letter boxes, padding."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from catalens.core.quality_windows import Mask, Planes

_ALIKE = 32  # levels of the farthest channel; a coloured frame bleeds into white by less
_WHITE = 235  # of 255: a margin that a packshot may have
_BAND = 0.9  # of a line; the rest are ripples of JPEG


def border(colours: Planes) -> float:
    """Share of the area in bands with a straight inner edge, on two opposite sides or on all four, in [0, 1].

    White bands count only where the photo between them reaches both other sides, as a padded one does: a white margin
    all round is a packshot, whose product may well be a box with straight edges.
    """
    corners = colours[:, [0, 0, -1, -1], [0, -1, 0, -1]].astype(np.int16)
    if int(np.ptp(corners, axis=1).max()) > _ALIKE:
        return 0.0
    colour = corners.mean(axis=1).astype(np.int16)
    white = int(colour.min()) >= _WHITE
    away = np.abs(colours - colour[:, None, None]).max(axis=0) > _ALIKE
    height, width = away.shape
    top, bottom = _bands(away.mean(axis=1))
    left, right = _bands(away.mean(axis=0))
    inner = away[top : height - bottom, left : width - right]
    if not inner.size:
        return 0.0
    kept = 1.0
    if min(top, bottom) > 0 and _straight(inner, white=white, whole=left == right == 0):
        kept *= inner.shape[0] / height
    if min(left, right) > 0 and _straight(inner.T, white=white, whole=top == bottom == 0):
        kept *= inner.shape[1] / width
    return 1.0 - kept


def _bands(away: npt.NDArray[np.float64]) -> tuple[int, int]:
    """How many lines at either end have the border's colour, by the share of each line that has not."""
    other = away > 1 - _BAND
    if not other.any():
        return len(other), len(other)
    return int(other.argmax()), int(other[::-1].argmax())


def _straight(inner: Mask, *, white: bool, whole: bool) -> bool:
    """Whether what is between two bands begins and ends, all along, within three lines."""
    if white and not whole:
        return False
    asked = 0.97 if white else 0.7  # a dark photo between black bars stands off in part only
    return all(float(inner[lines].any(axis=0).mean()) >= asked for lines in (slice(3), slice(-3, None)))

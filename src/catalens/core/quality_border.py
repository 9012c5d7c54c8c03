"""Bands of one colour beside the photo proper: frames, letter boxes, padding."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from catalens.core.quality_windows import Planes

_ALIKE = 32  # levels of the farthest channel; a coloured frame bleeds into white by less
_STEP = 24  # levels within three lines
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
    apart = np.abs(colours - colour[:, None, None]).max(axis=0)
    away = apart > _ALIKE
    height, width = away.shape
    top, bottom = _bands(away.mean(axis=1))
    left, right = _bands(away.mean(axis=0))
    if top + bottom >= height or left + right >= width:
        return 0.0
    kept = 1.0
    if min(top, bottom) > 0 and not (white and (left or right)):
        view = apart[:, left : width - right]
        if all(_straight(lines, white=white) for lines in (view[top - 1 :], view[::-1][bottom - 1 :])):
            kept *= (height - top - bottom) / height
    if min(left, right) > 0 and not (white and (top or bottom)):
        view = apart[top : height - bottom].T
        if all(_straight(lines, white=white) for lines in (view[left - 1 :], view[::-1][right - 1 :])):
            kept *= (width - left - right) / width
    return 1.0 - kept


def _bands(away: npt.NDArray[np.float64]) -> tuple[int, int]:
    """How many lines at either end have the border's colour, by the share of each line that has not."""
    other = away > 1 - _BAND
    if not other.any():
        return len(other), len(other)
    return int(other.argmax()), int(other[::-1].argmax())


def _straight(lines: npt.NDArray[np.int16], *, white: bool) -> bool:
    """Whether the photo begins at once behind the last line of a band, the first given, and nearly all along.

    `lines` is int16 [n, w], how far each pixel is from the border's colour: a vignette changes too slowly.
    """
    step = lines[1:4].max(axis=0) - lines[0]
    # a dark photo between black bars stands off in part only
    return float((step >= _STEP).mean()) >= (0.97 if white else 0.7)

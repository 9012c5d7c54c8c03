"""What is round the product: a plain background, clutter, or bands that are no part of the photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from catalens.core.quality_windows import Planes

_RING = 0.12  # of the shorter side
_TEXTURED = 32  # levels of luma within a cell
_ALIKE = 16  # levels of the farthest channel
_WHITE = 235  # of 255: a margin that a packshot may have
_BAND_SPREAD = 20  # levels within one line of a band, JPEG's ripples included


@dataclass(frozen=True, slots=True)
class Backdrop:
    """`colour` int16 [3] is the commonest along the photo's edge; `share` of the edge has it, `subject` has not.

    `subject` is the area of the box round what stands off from a plain background, in [0, 1]; None where there is none.
    """

    colour: npt.NDArray[np.int16]
    share: float
    subject: float | None

    @property
    def white(self) -> bool:
        """A packshot's background: most of the photo's edge is white."""
        return self.share >= 0.5 and int(self.colour.min()) >= _WHITE


def backdrop(colours: Planes) -> Backdrop:
    """What runs along the edge of a photo."""
    thick = max(1, round(0.03 * min(colours.shape[1:])))
    sides = (colours[:, :thick], colours[:, -thick:], colours[:, :, :thick], colours[:, :, -thick:])
    edge = np.concatenate([side.reshape(3, -1) for side in sides], axis=1).astype(np.int16)
    bins = np.array([256, 16, 1], np.int16) @ (edge >> 4)
    colour = np.median(edge[:, bins == np.bincount(bins).argmax()], axis=1).astype(np.int16)
    share = float((np.abs(edge - colour[:, None]).max(axis=0) <= _ALIKE).mean())
    if share < 0.6:
        return Backdrop(colour, share, None)
    away = np.abs(colours.astype(np.int16) - colour[:, None, None]).max(axis=0) > _ALIKE
    rows, columns = (np.flatnonzero(away.mean(axis=axis) > 0.01) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return Backdrop(colour, share, 0.0)
    box = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
    return Backdrop(colour, share, float(box / away.size))


def busy(spreads: npt.NDArray[np.int16]) -> float:
    """Share of the outer eighth of a photo that is textured, in [0, 1], from the `cell_spread` of its cells.

    High where the background is full of things, or where the product leaves none.
    """
    cells = spreads >= _TEXTURED
    depth = max(1, round(_RING * min(cells.shape)))
    ring = np.ones(cells.shape, dtype=bool)
    ring[depth:-depth, depth:-depth] = False
    return float(cells[ring].mean())


def border(colours: Planes) -> float:
    """Share of the area in bands of one colour, with a straight inner edge, on two opposite sides or all four, [0, 1].

    White bands count only where the photo between them reaches both other sides, as a padded one does: a white margin
    all round is a packshot, whose product may well be a box with straight edges.
    """
    _, height, width = colours.shape
    top, bottom = _bands(colours.max(axis=2), colours.min(axis=2))
    left, right = _bands(colours.max(axis=1), colours.min(axis=1))
    inner = colours[:, top : height - bottom, left : width - right].astype(np.int16)
    if not inner.size:
        return 0.0
    colour = colours[:, 0, 0].astype(np.int16)
    kept = 1.0
    if min(top, bottom) > 0 and _straight(inner, colour, whole=left == right == 0):
        kept *= inner.shape[1] / height
    if min(left, right) > 0 and _straight(inner.transpose(0, 2, 1), colour, whole=top == bottom == 0):
        kept *= inner.shape[2] / width
    return 1.0 - kept


def _bands(high: npt.NDArray[np.uint8], low: npt.NDArray[np.uint8]) -> tuple[int, int]:
    """How many lines at each end are of one colour, and of the same, by each line's extremes, uint8 [3, n] each."""
    high, low = high.astype(np.int16), low.astype(np.int16)
    uneven = (high - low).max(axis=0) > _BAND_SPREAD
    middle = (high + low) // 2
    ends = []
    for lines, first in ((slice(None), 0), (slice(None, None, -1), -1)):
        other = uneven | (np.abs(middle - middle[:, [first]]).max(axis=0) > _ALIKE)
        ends.append(int(other[lines].argmax()) if other.any() else len(other))
    return ends[0], ends[1]


def _straight(inner: npt.NDArray[np.int16], colour: npt.NDArray[np.int16], *, whole: bool) -> bool:
    """Whether the first and last lines of what is between two bands stand off from the bands nearly all along."""
    white = int(colour.min()) >= _WHITE
    if white and not whole:
        return False
    height = inner.shape[1]
    # the third line: JPEG's ripples blur the first two
    lines = (inner[:, line] for line in (min(2, height - 1), max(0, height - 3)))
    away = (np.abs(line - colour[:, None]).max(axis=0) > _ALIKE for line in lines)
    return all(float(line.mean()) >= (0.97 if white else 0.85) for line in away)

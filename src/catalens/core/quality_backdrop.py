"""What is round the product: a plain background, or clutter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from catalens.core.quality_windows import Mask, Plane, Planes, cell_spread, coarse

_RING = 0.12  # of the shorter side
_COARSE, _CELL = 64, 4  # pixels: the longer side of the copy, and a cell of it
_TEXTURED = 32  # levels of luma within a cell
_ALIKE = 16  # levels of the farthest channel
_WHITE = 235  # of 255: a margin that a packshot may have
_PLAIN = 0.6  # of the photo's edge


@dataclass(frozen=True, slots=True)
class Backdrop:
    """`colour` int16 [3] is the commonest along the photo's edge, `share` of which has it; `away` is what has not."""

    colour: npt.NDArray[np.int16]
    share: float
    away: Mask

    @property
    def packshot(self) -> bool:
        """A product before white: much of the photo's edge is white, though legs or arms may cross it."""
        return self.share >= 0.3 and int(self.colour.min()) >= _WHITE

    @property
    def subject(self) -> float | None:
        """Area of the box round what stands off from a plain background, in [0, 1]; None where there is none."""
        if self.share < _PLAIN:
            return None
        rows, columns = (np.flatnonzero(self.away.mean(axis=axis) > 0.01) for axis in (1, 0))
        if not len(rows) or not len(columns):
            return 0.0
        return float((rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1) / self.away.size)


def backdrop(colours: Planes) -> Backdrop:
    """What runs along the edge of a photo."""
    thick = max(1, round(0.03 * min(colours.shape[1:])))
    sides = (colours[:, :thick], colours[:, -thick:], colours[:, :, :thick], colours[:, :, -thick:])
    edge = np.concatenate([side.reshape(3, -1) for side in sides], axis=1).astype(np.int16)
    bins = np.array([256, 16, 1], np.int16) @ (edge >> 4)
    colour = np.median(edge[:, bins == np.bincount(bins).argmax()], axis=1).astype(np.int16)
    share = float((np.abs(edge - colour[:, None]).max(axis=0) <= _ALIKE).mean())
    return Backdrop(colour, share, np.abs(colours - colour[:, None, None]).max(axis=0) > _ALIKE)


def busy(plane: Plane) -> float:
    """Share of the outer eighth of a photo in which luma changes, in [0, 1].

    On a copy of 64 pixels, where a carpet is plain and a shelf is not.  High also where the product leaves no
    background.
    """
    cells = cell_spread(coarse(plane, _COARSE), _CELL) >= _TEXTURED
    depth = max(1, round(_RING * min(cells.shape)))
    ring = np.ones(cells.shape, dtype=bool)
    ring[depth:-depth, depth:-depth] = False
    return float(cells[ring].mean())

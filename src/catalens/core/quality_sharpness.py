"""How wide the sharpest edges of a photo are: blur of lens, focus, motion or enlarging, in pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from catalens.core.quality_windows import Plane, quantile, running

WINDOW = 9  # pixels along the edge's direction; no width above WINDOW - 1 is told
_FAINTEST = 16  # levels; what rises less in a window is noise, not an edge
_FEWEST = 30


def edge_width(plane: Plane) -> float | None:
    """Pixels over which the sharpest edges rise, 1 to 8; None where the photo has no edges to judge by.

    Where a step between neighbours is the steepest of its window of nine, range / step is the width of an edge there
    (as Marziliano et al. 2002 have it, without following the edge): 2.5 sigma for a step blurred by a Gaussian.  Of
    strong edges the sharpest tenth counts, since a photo may have an unsharp background.  Edges across and along are
    judged apart and the worse count, since motion blurs one of them only.
    """
    widths = [width for axis in (0, 1) if (width := _along(plane, axis)) is not None]
    return max(widths, default=None)


def _along(plane: Plane, axis: int) -> float | None:
    values = np.moveaxis(plane.astype(np.int16), axis, -1)
    if values.shape[0] < 3 or values.shape[-1] < WINDOW:
        return None
    # three lines are added, which halves the noise and leaves an edge across them as sharp as it was
    values = values[2:] + values[1:-1] + values[:-2]
    rise = running(np.maximum, values, WINDOW, 1) - running(np.minimum, values, WINDOW, 1)
    steps = np.abs(np.diff(values, axis=1))
    steepest = running(np.maximum, steps, WINDOW - 1, 1)
    middle = np.maximum(steps[:, 3:-4], steps[:, 4:-3])  # the two steps in the middle of each window
    edges = (rise >= 3 * _FAINTEST) & (middle == steepest)
    if np.count_nonzero(edges) < _FEWEST:
        return None
    rises: npt.NDArray[np.int16] = rise[edges]
    strong = 2 * rises >= quantile(rises, 0.98)
    return float(np.percentile(rises[strong] / steepest[edges][strong], 10))

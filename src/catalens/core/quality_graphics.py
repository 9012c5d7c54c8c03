"""What was drawn and not photographed: "no image available" pictures, and text laid over a photo."""

from __future__ import annotations

import numpy as np

from catalens.core.image import RgbImage
from catalens.core.quality_windows import Mask, Plane, centred, coarse, counts, quantile, spread

LEAST_SIDE = 128  # pixels of the longer side; on a thumbnail letters and jewellery look alike
_MOST_INK = 1 / 3  # of the area; what covers more is a product
_RIPPLE = 4  # levels of JPEG in what was drawn flat

_STROKE = 8  # pixels, the widest stroke of a letter that is seen at one scale
_LINE = 48  # pixels along a line of text
_STROKES = 5  # in so many pixels
_LINE_HEIGHTS = (5, 25)  # pixels
_CLEAR, _FAINT = 45, 12  # levels of a stroke against what is behind it: surely one, perhaps one
_SMOOTH = 8  # levels between neighbours of what is behind text
_SMOOTH_SHARE = 0.8


def two_tone(image: RgbImage, plane: Plane) -> float | None:
    """Share of what stands off from the commonest colour that is one other flat colour or a hard edge, [0, 1].

    A drawn placeholder is nearly 1: letters and icons are flat or edge.  A product has shades and more colours.  0
    where more than a third of the area stands off; None below `LEAST_SIDE`.
    """
    if max(plane.shape) < LEAST_SIDE:
        return None
    grey = plane.astype(np.int16)
    paper = int(np.convolve(np.bincount(plane.ravel(), minlength=256), np.ones(5), "same").argmax())
    away = np.abs(grey - paper)
    depth = max(20, quantile(away, 0.995))
    ink = away > 0.2 * depth
    inked = np.count_nonzero(ink)
    if not 0 < inked <= _MOST_INK * ink.size:
        return 0.0
    step = spread(grey)
    edge = centred(np.maximum, centred(np.maximum, step >= 0.35 * depth, 3, 0), 3, 1)
    level = int(np.convolve(np.bincount(away[ink], minlength=256), np.ones(9), "same").argmax())
    flat = np.maximum(np.abs(away - level), step) <= 0.04 * depth + _RIPPLE
    drawn = (edge | flat)[ink] & (_off_line(image, away, ink) <= 0.12 * depth + 10)
    return float(np.count_nonzero(drawn) / inked)


def text(plane: Plane) -> float | None:
    """Share of the area covered by lines of text, in [0, 1]; None below `LEAST_SIDE`.

    Nearly level lines, letters of about 2 to 20 % of the longer side.  Text on a product counts as well.
    """
    if max(plane.shape) < LEAST_SIDE:
        return None
    half = coarse(plane, max(plane.shape) // 2)
    return max(float(lines_of_text(scale).mean()) for scale in (plane, half))


def lines_of_text(plane: Plane) -> Mask:
    """Where luma has rows of strokes, dark on light or light on dark, bool [h, w].

    Closing along a row (Serra 1982) wipes thin strokes out; what is left is the ground behind them, smooth behind text
    and uneven in foliage or fabric.  Many strokes side by side make a row of text, and such rows stand on each other
    for the height of a line, not more: stripes and textures run on.
    """
    found = np.zeros(plane.shape, dtype=bool)
    if plane.shape[1] < _LINE:
        return found
    for dark in (plane, 255 - plane):
        ground = centred(np.minimum, centred(np.maximum, dark, _STROKE + 1, 1), _STROKE + 1, 1)
        depth = ground - dark
        clear = _rows(depth >= _CLEAR, _STROKES)
        if not clear.any():
            continue
        smooth = np.abs(np.diff(ground.astype(np.int16), axis=1, prepend=ground[:, :1])) <= _SMOOTH
        clear = _tall(clear & (counts(smooth, _LINE, 1) >= _SMOOTH_SHARE * _LINE), 3)
        if not clear.any():
            continue
        faint = _rows(depth >= _FAINT, _STROKES - 1)
        low, high = _LINE_HEIGHTS
        found |= _tall(faint, low) & ~_tall(faint, high + 1) & centred(np.maximum, clear, 2 * low - 1, 0)
    return found


def _rows(stroke: Mask, least: int) -> Mask:
    """Where at least so many strokes begin within `_LINE` pixels of a row."""
    begins = stroke.copy()
    begins[:, 1:] &= ~stroke[:, :-1]
    return counts(begins, _LINE, 1) >= least


def _tall(mask: Mask, height: int) -> Mask:
    """What stands at least `height` pixels high (a morphological opening); nothing is taken to go on outside."""
    if len(mask) < height:
        return np.zeros_like(mask)
    apart = np.zeros((len(mask) + 2 * height, mask.shape[1]), dtype=bool)
    apart[height:-height] = mask
    eroded = centred(np.minimum, apart, height, 0)
    # an even window reaches further to one side; the second one is turned, to reach further to the other
    opened: Mask = centred(np.maximum, eroded[::-1], height, 0)[::-1]
    return opened[height:-height]


def _off_line(image: RgbImage, away: np.ndarray, ink: Mask) -> np.ndarray:
    """How far, in levels of the farthest channel, inked pixels are from the line of colours from paper to ink, [n]."""
    paper = np.median(image[~ink], axis=0)
    direction = np.median(image[ink & (away >= quantile(away[ink], 0.8))], axis=0) - paper
    offset = image[ink] - paper
    along = np.clip(offset @ direction / max(1.0, float(direction @ direction)), -0.1, 1.1)
    far: np.ndarray = np.abs(offset - along[:, None] * direction).max(axis=1)
    return far

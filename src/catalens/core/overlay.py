"""One picture laid over another: which part of it the other shows, and how bright.

Works on many pairs at once; pictures are float32 [P, S, S], square thumbnails of whatever side.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from catalens.core.fingerprint import Floats, interpolation

Mask = npt.NDArray[np.bool_]

# how much brighter, or of more contrast, a copy may be, and how far its frame may be from the one it is looked for at
GAIN = (0.75, 1.33)
OFFSET = 25.0  # grey levels
FRAME = 0.04  # of width and height
SATURATED = 250  # what was brightened ends here and tells nothing more
BLUR = 0.8  # pixels; alignment follows slopes, and sharp edges have none
# what it takes to move a frame: without it, a picture of little detail would be stretched to fit noise
STIFFNESS = np.array([1, 1, 20, 20, 20, 20], dtype=np.float32)


def align(outer: Floats, inner: Floats, frame: Floats, *, steps: int) -> Floats:
    """The frame within `outer` that shows `inner`, float32 [P, 4]: scale and shift down, scale and shift across.

    Begins at `frame`.  Gauss-Newton (Lucas and Kanade 1981), with brightness and contrast estimated along.
    """
    side, start = outer.shape[1], frame
    seen = inner < SATURATED
    outer, inner = smooth(outer, BLUR), smooth(inner, BLUR)
    target = inner.reshape(len(inner), -1, 1)
    place = ((np.arange(side, dtype=np.float32) + 0.5) / side - 0.5).astype(np.float32)
    parts = np.ones((len(outer), 6, side, side), dtype=np.float32)
    for _ in range(steps):
        laid = lay(outer, frame)
        down, across = slopes(laid)
        parts[:, 0], parts[:, 1] = laid, 1
        parts[:, 2], parts[:, 3] = down * place[:, None] * side, down * side
        parts[:, 4], parts[:, 5] = across * place * side, across * side
        parts *= seen[:, None]
        flat = parts.reshape(len(parts), 6, -1)
        square = flat @ flat.transpose(0, 2, 1) + np.diag(STIFFNESS * side * side)
        solved = np.linalg.solve(square, flat @ target)[:, :, 0]
        frame = frame + solved[:, 2:] / np.clip(solved[:, :1], *GAIN)
        frame = np.clip(frame, start - FRAME, start + FRAME)
    return frame.astype(np.float32, copy=False)


def lay(pictures: Floats, frame: npt.NDArray[Any]) -> Floats:
    """P pictures, each seen through its frame."""
    side = pictures.shape[1]
    down, across = interpolation(frame[:, 0], frame[:, 1], side), interpolation(frame[:, 2], frame[:, 3], side)
    seen = down @ pictures @ across.transpose(0, 2, 1)
    return seen.astype(np.float32, copy=False)


def brightness(laid: Floats, inner: Floats) -> tuple[Floats, Floats]:
    """Gain and offset, float32 [P, 1, 1] each and within what a copy may have, that bring `laid` nearest to `inner`.

    White is white in a brightened copy, too, where the rest has become lighter, but in one of less contrast it is what
    the rest is measured by: both are tried.
    """
    fits = [_fit(laid, inner, seen) for seen in (inner < SATURATED, np.ones(inner.shape, dtype=bool))]
    left = [energy(np.clip(laid * gain + offset, 0, 255) - inner) for gain, offset in fits]
    first = (left[0] <= left[1])[:, None, None]
    return np.where(first, fits[0][0], fits[1][0]), np.where(first, fits[0][1], fits[1][1])


def _fit(a: Floats, b: Floats, seen: Mask) -> tuple[Floats, Floats]:
    count = np.maximum(seen.sum(axis=(1, 2), keepdims=True), 1).astype(np.float32)
    mean_a, mean_b = ((x * seen).sum(axis=(1, 2), keepdims=True) / count for x in (a, b))
    above = (a - mean_a) * seen
    spread = (above * above).sum(axis=(1, 2), keepdims=True)
    common = (above * (b - mean_b)).sum(axis=(1, 2), keepdims=True)
    weight = np.float32(a.shape[1] ** 2)  # one level of contrast that says: a gain of 1
    gain = np.clip((common + weight) / (spread + weight), *GAIN)
    return gain, np.clip(mean_b - gain * mean_a, -OFFSET, OFFSET)


def slopes(pictures: Floats) -> tuple[Floats, Floats]:
    """Levels a pixel, downwards and across; 0 at the edges."""
    down, across = np.zeros_like(pictures), np.zeros_like(pictures)
    down[:, 1:-1] = (pictures[:, 2:] - pictures[:, :-2]) / 2
    across[:, :, 1:-1] = (pictures[:, :, 2:] - pictures[:, :, :-2]) / 2
    return down, across


def smooth(pictures: Floats, width: float) -> Floats:
    """Gaussian blur; `width` is its standard deviation in pixels."""
    blurred = pictures
    for _ in range(2):  # the rows, then what were the columns: two large products are faster than many small ones
        blurred = np.ascontiguousarray(blurred.transpose(0, 2, 1))
        blurred = (blurred.reshape(-1, blurred.shape[2]) @ _gaussian(blurred.shape[2], width)).reshape(blurred.shape)
    return blurred


def energy(pictures: Floats) -> Floats:
    """Mean square of each picture, float32 [P]."""
    flat = pictures.reshape(len(pictures), -1)
    return np.einsum("pi,pi->p", flat, flat) / np.float32(flat.shape[1])


@cache
def _gaussian(side: int, width: float) -> Floats:
    """float32 [side, side]: row @ matrix is the row, blurred."""
    places = np.arange(side)
    weights = np.exp(-0.5 * ((places[:, None] - places) / width) ** 2)
    weights[weights < 1e-6] = 0  # denormal numbers make a product ten times as slow
    return np.ascontiguousarray((weights / weights.sum(axis=1, keepdims=True)).T.astype(np.float32))

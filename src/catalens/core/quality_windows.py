"""What the quality scores look at: one reduced copy of the photo, and sliding windows over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from catalens.core.image import RgbImage

LONG_SIDE = 256  # pixels of the reduced copy; a photo that is smaller stays as it is
CELL = 8  # pixels of the reduced copy
_SAMPLED = 4 * LONG_SIDE
Plane = npt.NDArray[np.uint8]  # [h, w]
Planes = npt.NDArray[np.uint8]  # [3, h, w]: red, green, blue
Mask = npt.NDArray[np.bool_]  # [h, w]


def reduced(image: RgbImage) -> RgbImage:
    """uint8 [H, W, 3] -> uint8 [h, w, 3], the longer side at most `LONG_SIDE` pixels, never enlarged.

    Of a large photo every k-th pixel is taken first, so that its longer side keeps 1,024 pixels, and the rest is done
    by an antialiased bilinear resize: the time does not grow with the camera's megapixels.
    """
    step = max(1, max(image.shape[:2]) // _SAMPLED)
    photo = Image.fromarray(np.take(image[::step], range(0, image.shape[1], step), axis=1) if step > 1 else image)
    scale = LONG_SIDE / max(photo.size)
    if scale >= 1:
        return np.asarray(photo)
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    return np.asarray(photo.resize(size, Image.Resampling.BILINEAR))


def planes(image: RgbImage) -> Planes:
    """uint8 [h, w, 3] -> uint8 [3, h, w]."""
    return np.ascontiguousarray(image.transpose(2, 0, 1))


def luma(image: RgbImage) -> Plane:
    """uint8 [h, w, 3] -> uint8 [h, w], ITU-R 601."""
    return np.asarray(Image.fromarray(image).convert("L"))


def quantile(values: npt.NDArray[Any], share: float) -> int:
    """The smallest level that at least `share` of the values, small whole numbers, do not exceed."""
    counted = np.bincount(values.ravel())
    return int(np.searchsorted(np.cumsum(counted), share * values.size))


def running(
    pick: Callable[..., npt.NDArray[Any]], values: npt.NDArray[Any], length: int, axis: int
) -> npt.NDArray[Any]:
    """np.maximum or np.minimum over windows of `length` along an axis; `length - 1` shorter than `values`.

    Windows of 1, 2, 4 ... are joined, so a long window costs little more than a short one.
    """
    values = np.moveaxis(values, axis, -1)
    have = 1
    while have < length:
        step = min(have, length - have)
        values = pick(values[..., step:], values[..., :-step])
        have += step
    return np.moveaxis(values, -1, axis)


def centred(
    pick: Callable[..., npt.NDArray[Any]], values: npt.NDArray[Any], length: int, axis: int
) -> npt.NDArray[Any]:
    """`running` over windows round each value; the outermost values are repeated outside."""
    return running(pick, _padded(values, length, axis, mode="edge"), length, axis)


def counts(mask: Mask, length: int, axis: int) -> Plane:
    """How many values are true in the window of `length`, below 256, round each."""
    values = np.moveaxis(_padded(mask, length, axis, mode="constant").view(np.uint8), axis, -1)
    size = values.shape[-1] - length + 1
    total, start, power = np.zeros((*values.shape[:-1], size), np.uint8), 0, 1
    while power <= length:
        if length & power:
            total += values[..., start : start + size]
            start += power
        values = values[..., power:] + values[..., :-power] if 2 * power <= length else values
        power *= 2
    return np.moveaxis(total, -1, axis)


def spread(plane: npt.NDArray[Any], length: int = 3) -> npt.NDArray[np.int16]:
    """Largest minus smallest value of the window of `length` x `length` round each pixel, int16 [h, w]."""
    high = centred(np.maximum, centred(np.maximum, plane, length, 0), length, 1)
    low = centred(np.minimum, centred(np.minimum, plane, length, 0), length, 1)
    return high.astype(np.int16) - low


def cell_spread(plane: Plane) -> npt.NDArray[np.int16]:
    """Largest minus smallest luma of each cell of `CELL` x `CELL` pixels; what is left over at the end is not seen."""
    rows, columns = (min(CELL, side) for side in plane.shape)
    height, width = plane.shape[0] // rows, plane.shape[1] // columns
    tiles = plane[: height * rows, : width * columns].reshape(height, rows, width * columns)
    high, low = (tiles.max(axis=1), tiles.min(axis=1))
    high, low = (lines.reshape(height, width, columns) for lines in (high, low))
    return high.max(axis=2).astype(np.int16) - low.min(axis=2)


def _padded(values: npt.NDArray[Any], length: int, axis: int, *, mode: Any) -> npt.NDArray[Any]:
    pad = [(0, 0), (0, 0)]
    pad[axis] = (length // 2, length - 1 - length // 2)
    return np.pad(values, pad, mode=mode)

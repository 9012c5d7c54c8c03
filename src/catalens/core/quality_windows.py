"""What the quality scores look at: one reduced copy of the photo, and sliding windows over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from catalens.core.image import RgbImage

LONG_SIDE = 256  # pixels of the reduced copy; a photo that is smaller stays as it is
_SAMPLED = 4 * LONG_SIDE
Plane = npt.NDArray[np.uint8]  # [h, w]
Planes = npt.NDArray[np.uint8]  # [3, h, w]: red, green, blue
Pick = Callable[..., npt.NDArray[Any]]
Mask = npt.NDArray[np.bool_]  # [h, w]


def reduced(image: RgbImage) -> RgbImage:
    """uint8 [H, W, 3] -> uint8 [h, w, 3], the longer side at most `LONG_SIDE` pixels, never enlarged.

    Of a large photo every k-th pixel is taken first, so that its longer side keeps 1,024 pixels, and the rest is done
    by an antialiased bilinear resize: the time does not grow with the camera's megapixels.
    """
    step = max(1, max(image.shape[:2]) // _SAMPLED)
    photo = Image.fromarray(np.take(image[::step], range(0, image.shape[1], step), axis=1) if step > 1 else image)
    return np.asarray(_fit(photo, LONG_SIDE, Image.Resampling.BILINEAR))


def coarse(plane: Plane, long_side: int) -> Plane:
    """Luma averaged over squares, so that fine texture is gone; never enlarged."""
    return np.asarray(_fit(Image.fromarray(plane), long_side, Image.Resampling.BOX))


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


def running(pick: Pick, values: npt.NDArray[Any], length: int, axis: int) -> npt.NDArray[Any]:
    """np.maximum or np.minimum over windows of `length` along an axis; `length - 1` shorter than `values`.

    Windows of 1, 2, 4 ... are joined, so a long window costs little more than a short one.
    """
    have = 1
    while have < length:
        step = min(have, length - have)
        values = pick(values[_part(axis, step, None)], values[_part(axis, None, -step)])
        have += step
    return values


def centred(pick: Pick, values: npt.NDArray[Any], length: int, axis: int) -> npt.NDArray[Any]:
    """`running` over the windows round each value; the outermost values are repeated outside."""
    return running(pick, _padded(values, length, axis, repeat=True), length, axis)


def counts(mask: Mask, length: int, axis: int) -> Plane:
    """How many values are true in the window of `length`, below 256, round each."""
    sums = _padded(mask, length, axis, repeat=False).view(np.uint8)
    size = mask.shape[axis]
    total, start, power = np.zeros(mask.shape, np.uint8), 0, 1
    while True:  # the window is a sum of windows of 1, 2, 4 ... one behind the other
        if length & power:
            total += sums[_part(axis, start, start + size)]
            start += power
        if 2 * power > length:
            return total
        sums = sums[_part(axis, power, None)] + sums[_part(axis, None, -power)]
        power *= 2


def spread(plane: npt.NDArray[Any], length: int = 3) -> npt.NDArray[np.int16]:
    """Largest minus smallest value of the window of `length` x `length` round each pixel, int16 [h, w]."""
    high = centred(np.maximum, centred(np.maximum, plane, length, 0), length, 1)
    low = centred(np.minimum, centred(np.minimum, plane, length, 0), length, 1)
    return high.astype(np.int16) - low


def cell_spread(plane: Plane, side: int) -> npt.NDArray[np.int16]:
    """Largest minus smallest luma of each cell of `side` x `side` pixels; what is left over at the end is not seen."""
    rows, columns = (min(side, length) for length in plane.shape)
    height, width = plane.shape[0] // rows, plane.shape[1] // columns
    tiles = plane[: height * rows, : width * columns].reshape(height, rows, width * columns)
    high, low = (lines.reshape(height, width, columns) for lines in (tiles.max(axis=1), tiles.min(axis=1)))
    return high.max(axis=2).astype(np.int16) - low.min(axis=2)


def _fit(photo: Image.Image, long_side: int, resample: Image.Resampling) -> Image.Image:
    scale = long_side / max(photo.size)
    if scale >= 1:
        return photo
    return photo.resize((max(1, round(photo.width * scale)), max(1, round(photo.height * scale))), resample)


def _padded(values: npt.NDArray[Any], length: int, axis: int, *, repeat: bool) -> npt.NDArray[Any]:
    """Longer by `length - 1`, with the outermost values or with zeros; np.pad does the same at ten times the cost."""
    before, size = length // 2, values.shape[axis]
    shape = list(values.shape)
    shape[axis] += length - 1
    wide = np.zeros(shape, values.dtype)
    wide[_part(axis, before, before + size)] = values
    if repeat:
        wide[_part(axis, None, before)] = values[_part(axis, None, 1)]
        wide[_part(axis, before + size, None)] = values[_part(axis, -1, None)]
    return wide


def _part(axis: int, start: int | None, stop: int | None) -> tuple[slice, ...]:
    return (slice(None),) * axis + (slice(start, stop),)

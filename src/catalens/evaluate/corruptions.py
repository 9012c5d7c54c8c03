"""What users' uploads look like: squares made dark, blurred, noisy, tilted, recompressed, cluttered, cut and tinted.

After Hendrycks & Dietterich (2019), but of what a phone in a shop does, and on the square that the model sees.  What is
random in a corruption depends on the seed, its name and the photo's number, never on the severity: a severer one is the
same accident, only worse.  So severities compare, and so do models.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from catalens.core.image import RgbImage
from catalens.core.registry import hint

Rng = np.random.Generator
Corruption = Callable[[RgbImage, int, Rng], RgbImage]
SEVERITIES = (1, 2, 3, 4, 5)

_DARK = (0.7, 0.52, 0.37, 0.25, 0.15)  # of the light that is left
_BLUR = (0.004, 0.008, 0.014, 0.022, 0.032)  # sigma, of the side
_NOISE = (8, 16, 28, 44, 64)  # sigma, of 255
_TURN = (5, 10, 18, 28, 42)  # degrees, either way
_JPEG = (40, 25, 16, 10, 6)  # quality
_CLUTTER = (2, 4, 6, 9, 12)  # things at the border
_CROP = (0.9, 0.8, 0.7, 0.58, 0.46)  # of the side that is left
_TINT = (0.12, 0.24, 0.38, 0.54, 0.7)  # how far a channel goes up or down


def dark(square: RgbImage, severity: int, rng: Rng) -> RgbImage:
    """Too little light, with the noise of a sensor that makes up for it."""
    light = _DARK[severity - 1]
    noise = rng.normal(0, 1, square.shape) * 6 * (1 - light)
    return _pixels(square * light + noise)


def blur(square: RgbImage, severity: int, rng: Rng) -> RgbImage:
    """Out of focus: a Gaussian."""
    radius = _BLUR[severity - 1] * len(square)
    return np.asarray(Image.fromarray(square).filter(ImageFilter.GaussianBlur(radius)))


def noise(square: RgbImage, severity: int, rng: Rng) -> RgbImage:
    """Grain: normal, each channel by itself."""
    return _pixels(square + rng.normal(0, 1, square.shape) * _NOISE[severity - 1])


def rotation(square: RgbImage, severity: int, rng: Rng) -> RgbImage:
    """A camera held askew; what comes in at the corners is more of the border, so white stays white."""
    side = len(square)
    degrees = _TURN[severity - 1] * rng.choice([-1, 1])
    margin = -(-side // 4)  # the corner of a square that is turned lies outside by 0.21 of the side at most
    wider = Image.fromarray(np.pad(square, ((margin, margin), (margin, margin), (0, 0)), mode="edge"))
    turned = wider.rotate(float(degrees), Image.Resampling.BICUBIC)
    return np.asarray(turned.crop((margin, margin, margin + side, margin + side)))


def jpeg(square: RgbImage, severity: int, rng: Rng) -> RgbImage:
    """Saved by a messenger: few bits, and colours at half resolution."""
    file = io.BytesIO()
    Image.fromarray(square).save(file, "JPEG", quality=_JPEG[severity - 1], subsampling="4:2:0")
    with Image.open(file) as saved:
        return np.asarray(saved.convert("RGB"))


def clutter(square: RgbImage, severity: int, rng: Rng) -> RgbImage:
    """Other things around the product: boxes, round ones and labels, reaching in from the border by up to 0.3."""
    side = len(square)
    photo = Image.fromarray(square)
    draw = ImageDraw.Draw(photo)
    for _ in range(_CLUTTER[severity - 1]):
        across, along = rng.uniform(0.12, 0.3, 2) * side
        place = rng.uniform(0, side - along)
        colour = tuple(rng.integers(0, 256, 3).tolist())
        line = tuple(rng.integers(0, 256, 3).tolist())
        kind, edge = rng.integers(0, 3), rng.integers(0, 4)
        start = (0.0, side - across)[edge % 2]
        box = (
            (place, start, place + along, start + across) if edge < 2 else (start, place, start + across, place + along)
        )
        if kind == 0:
            draw.ellipse(box, fill=colour)
            continue
        draw.rectangle(box, fill=colour)
        for stripe in np.arange(box[1] + side / 40, box[3] - side / 40, side / 20) if kind == 1 else ():
            draw.line((box[0] + side / 40, stripe, box[2] - side / 40, stripe), fill=line, width=max(1, side // 60))
    return np.asarray(photo)


def crop(square: RgbImage, severity: int, rng: Rng) -> RgbImage:
    """Too near, and not in the middle: part of the product is cut off."""
    side = len(square)
    part = _CROP[severity - 1] * side
    left, top = rng.uniform(0, 1, 2) * (side - part)
    box = (left, top, min(side, left + part), min(side, top + part))
    return np.asarray(Image.fromarray(square).resize((side, side), Image.Resampling.BICUBIC, box=box))


def colour_cast(square: RgbImage, severity: int, rng: Rng) -> RgbImage:
    """Lamp light, shade or neon: one channel goes up and another down."""
    up, down = rng.permutation(3)[:2]
    gain = np.ones(3)
    gain[up] += _TINT[severity - 1] / 2
    gain[down] -= _TINT[severity - 1]
    return _pixels(square * gain)


CORRUPTIONS: dict[str, Corruption] = {
    "dark": dark,
    "blur": blur,
    "noise": noise,
    "rotation": rotation,
    "jpeg": jpeg,
    "clutter": clutter,
    "crop": crop,
    "colour cast": colour_cast,
}


def corrupt(
    squares: npt.NDArray[np.uint8],
    name: str,
    severity: int,
    *,
    seed: int = 0,
    numbers: Sequence[int] | None = None,
) -> npt.NDArray[np.uint8]:
    """uint8 [N, S, S, 3] or one [S, S, 3] -> the same shape, a copy, corrupted.

    `severity` is 1 to 5; `numbers` are those of the photos, 0 to N - 1 where they are not given, so that a photo
    becomes the same in any batch.  Raises ValueError for an unknown name, another severity or another shape.
    """
    if name not in CORRUPTIONS:
        raise ValueError(f"unknown corruption {name!r}{hint(name, CORRUPTIONS)}")
    if severity not in SEVERITIES:
        raise ValueError(f"expected a severity of 1 to 5, got {severity}")
    if squares.dtype != np.uint8 or squares.ndim not in (3, 4) or squares.shape[-1] != 3:
        raise ValueError(f"expected uint8 [N, S, S, 3] or [S, S, 3], got {squares.dtype} {list(squares.shape)}")
    photos = squares if squares.ndim == 4 else squares[None]
    if photos.shape[1] != photos.shape[2]:
        raise ValueError(f"expected squares, got photos of {photos.shape[2]} x {photos.shape[1]} pixels")
    places = range(len(photos)) if numbers is None else numbers
    if len(places) != len(photos):
        raise ValueError(f"expected a number for each of {len(photos):,} photos, got {len(places):,}")
    changed = np.empty_like(photos)
    for row, (photo, number) in enumerate(zip(photos, places, strict=True)):
        rng = np.random.default_rng((seed, zlib.crc32(name.encode()), number))
        changed[row] = CORRUPTIONS[name](photo, severity, rng)
    return changed.reshape(squares.shape)


def _pixels(values: npt.NDArray[np.float64]) -> RgbImage:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)

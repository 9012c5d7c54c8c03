"""Photos made by code on which wrong preprocessing shows: huge, thin, turned, transparent, striped, every colour mode.

The parity gate runs over them and every bundle carries them, so that `catalens doctor` can replay them anywhere.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]
ORIENTATION_TAG = 0x0112


@dataclass(frozen=True, slots=True)
class HostileImage:
    """A file's `name` and bytes."""

    name: str
    data: bytes


@cache
def hostile_images() -> tuple[HostileImage, ...]:
    """All of them, the same pixels at every call."""
    return tuple(hostile_image(name) for name in _MAKERS)


@cache
def hostile_image(name: str) -> HostileImage:
    """One of them."""
    return HostileImage(name, _MAKERS[name]())


def _scene(width: int, height: int) -> Pixels:
    """uint8 [height, width, 3]: a lit background, a disc and a bar off the middle, so that any turn or crop shows."""
    y = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height
    x = (np.arange(width, dtype=np.float32)[None] + 0.5) / width
    scene = np.empty((height, width, 3), np.uint8)
    scene[..., 0] = 230 - 60 * y
    scene[..., 1] = 225 - 40 * x
    scene[..., 2] = 200 + 40 * x * y
    scene[np.hypot(x - 0.35, y - 0.3) < 0.2] = (190, 40, 50)
    scene[(abs(x - 0.7) < 0.08) & (y > 0.25) & (y < 0.9)] = (30, 70, 150)
    return scene


def _file(pixels: Pixels | Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    photo = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    photo.save(buffer, format, **options)
    return buffer.getvalue()


def _turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    return _file(_scene(301, 203), "JPEG", exif=exif, quality=90)


def _cut_out() -> bytes:
    """Black where it is transparent: whoever drops the alpha channel sees black instead of white."""
    pixels = np.dstack([_scene(240, 320), np.full((320, 240), 255, np.uint8)])
    y, x = np.mgrid[0:320, 0:240]
    pixels[np.hypot(x - 120, y - 160) > 110] = 0
    pixels[200:, :, 3] //= 2  # half transparent
    return _file(pixels, "PNG")


def _palette_alpha() -> bytes:
    photo = Image.fromarray(_scene(200, 150)).quantize(16)
    return _file(photo, "PNG", transparency=0)


def _grey_alpha() -> bytes:
    grey = Image.fromarray(_scene(90, 120)).convert("L")
    grey.putalpha(Image.linear_gradient("L").resize(grey.size))
    return _file(grey, "PNG")


def _grey_16() -> bytes:
    """Values above 255 in 16 bits: whoever clips instead of scaling sees white."""
    ramp = np.linspace(0, 65535, 160 * 120).reshape(120, 160)
    return _file(np.asarray(ramp, np.uint16), "PNG")


def _stripes() -> bytes:
    """One-pixel stripes, upright, level and chequered: without antialiasing they turn into moire."""
    pixels = np.zeros((513, 511, 3), np.uint8)
    y, x = np.mgrid[0:513, 0:511]
    pixels[:, :, 0] = 255 * (x % 2)
    pixels[:, :, 1] = 255 * (y % 2)
    pixels[:, :, 2] = 255 * ((x + y) % 2)
    return _file(pixels, "PNG")


def _noise() -> bytes:
    return _file(np.random.default_rng(7).integers(0, 256, (97, 131, 3), dtype=np.uint8), "PNG")


def _animation() -> bytes:
    """The second frame is another picture; only the first counts."""
    first = Image.fromarray(_scene(120, 120)).quantize(64)
    second = Image.fromarray(255 - _scene(120, 120)).quantize(64)
    return _file(first, "GIF", save_all=True, append_images=[second], duration=100)


_MAKERS: dict[str, Callable[[], bytes]] = {
    "plain.jpg": lambda: _file(_scene(401, 533), "JPEG", quality=85),
    "large.jpg": lambda: _file(_scene(4000, 3000), "JPEG", quality=80),
    "progressive.jpg": lambda: _file(_scene(333, 251), "JPEG", quality=60, progressive=True, subsampling=2),
    "small.jpg": lambda: _file(_scene(60, 80), "JPEG", quality=75),
    "wide.png": lambda: _file(_scene(900, 1), "PNG"),
    "tall.png": lambda: _file(_scene(1, 900), "PNG"),
    "one-pixel.png": lambda: _file(np.array([[[10, 120, 200]]], np.uint8), "PNG"),
    "exif-3.jpg": lambda: _turned(3),
    "exif-6.jpg": lambda: _turned(6),
    "exif-8.jpg": lambda: _turned(8),
    "cut-out.png": _cut_out,
    "palette-alpha.png": _palette_alpha,
    "grey-alpha.png": _grey_alpha,
    "cmyk.jpg": lambda: _file(Image.fromarray(_scene(256, 192)).convert("CMYK"), "JPEG", quality=90),
    "grey.jpg": lambda: _file(Image.fromarray(_scene(210, 280)).convert("L"), "JPEG", quality=90),
    "grey-16.png": _grey_16,
    "stripes.png": _stripes,
    "noise.png": _noise,
    "animated.gif": _animation,
    "lossy.webp": lambda: _file(_scene(320, 240), "WEBP", quality=80),
    "photo.tiff": lambda: _file(_scene(150, 100), "TIFF"),
    "photo.bmp": lambda: _file(_scene(77, 55), "BMP"),
}

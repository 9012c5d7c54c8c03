"""Single changes to a photo by a random strength: what TrivialAugment and RandAugment choose from, and colour.

`augment.py` puts them together.  An operation takes a level in [0, 1]; `Ranges` says what level 1 is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

Rng = np.random.Generator
WHITE = (255, 255, 255)
_RED, _GREEN, _BLUE = 0.213, 0.715, 0.072  # luminance of linear RGB, as in the matrices of W3C Filter Effects 1


@dataclass(frozen=True, slots=True)
class Ranges:
    """What the strongest level of an operation is, and the `levels` that are drawn from."""

    levels: tuple[float, ...]
    shear: float
    translate: float  # share of the side
    rotate: float  # degrees
    enhance: float  # 0.9: a factor of 0.1 to 1.9
    posterize: int  # bits a channel keeps


# Mueller & Hutter 2021, table "wide": any of 31 strengths
TRIVIAL = Ranges(tuple(np.linspace(0, 1, 31).tolist()), 0.99, 32 / 224, 135.0, 0.99, 2)
# Cubuk et al. 2020: strength 9 of 31, as torchvision has it
RANDOM = Ranges((9 / 30,), 0.3, 150 / 331, 30.0, 0.9, 4)


def operate(image: Image.Image, ranges: Ranges, rng: Rng) -> Image.Image:
    """One operation, each as likely as the others, at one of the levels, in either direction."""
    name = NAMES[rng.integers(len(NAMES))]
    level = ranges.levels[rng.integers(len(ranges.levels))]
    return OPERATIONS[name](image, level, 1 if rng.random() < 0.5 else -1, ranges)


def colour_matrix(
    *, brightness: float = 1.0, contrast: float = 1.0, saturation: float = 1.0, hue: float = 0.0, grey: float = 128.0
) -> tuple[float, ...]:
    """The 3 x 4 matrix for `Image.convert("RGB", matrix)` that does all four in one pass, clipped only at the end.

    The first three are factors, 1 is no change; `hue` is a share of the colour circle; contrast is around `grey`.
    Luminance stays what it was under saturation and hue.  Source: W3C Filter Effects 1, `saturate`, `hue-rotate`.
    """
    luminance = np.array([[_RED, _GREEN, _BLUE]] * 3)
    saturate = luminance + saturation * (np.eye(3) - luminance)
    angle = 2 * math.pi * hue
    turn = np.array([[-_RED, -_GREEN, 1 - _BLUE], [0.143, 0.140, -0.283], [_RED - 1, _GREEN, _BLUE]])
    rotate = luminance + math.cos(angle) * (np.eye(3) - luminance) + math.sin(angle) * turn
    matrix = brightness * contrast * (saturate @ rotate)
    offset = np.full((3, 1), brightness * (1 - contrast) * grey)
    return tuple(np.hstack([matrix, offset]).ravel().tolist())


def grey_level(image: Image.Image) -> float:
    """Mean luminance in [0, 255], of every eighth row and column: enough to turn contrast around."""
    red, green, blue = np.asarray(image)[::8, ::8].reshape(-1, 3).mean(axis=0)
    return float(_RED * red + _GREEN * green + _BLUE * blue)


def _affine(image: Image.Image, matrix: tuple[float, float, float, float, float, float]) -> Image.Image:
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=WHITE)


def _shear_x(image: Image.Image, level: float, sign: int, ranges: Ranges) -> Image.Image:
    shear = sign * level * ranges.shear
    return _affine(image, (1, shear, -shear * image.height / 2, 0, 1, 0))  # around the middle


def _shear_y(image: Image.Image, level: float, sign: int, ranges: Ranges) -> Image.Image:
    shear = sign * level * ranges.shear
    return _affine(image, (1, 0, 0, shear, 1, -shear * image.width / 2))


def _translate_x(image: Image.Image, level: float, sign: int, ranges: Ranges) -> Image.Image:
    return _affine(image, (1, 0, sign * level * ranges.translate * image.width, 0, 1, 0))


def _translate_y(image: Image.Image, level: float, sign: int, ranges: Ranges) -> Image.Image:
    return _affine(image, (1, 0, 0, 0, 1, sign * level * ranges.translate * image.height))


def _rotate(image: Image.Image, level: float, sign: int, ranges: Ranges) -> Image.Image:
    return image.rotate(sign * level * ranges.rotate, Image.Resampling.BILINEAR, fillcolor=WHITE)


def _brightness(image: Image.Image, level: float, sign: int, ranges: Ranges) -> Image.Image:
    return image.convert("RGB", colour_matrix(brightness=1 + sign * level * ranges.enhance))


def _contrast(image: Image.Image, level: float, sign: int, ranges: Ranges) -> Image.Image:
    factor = 1 + sign * level * ranges.enhance
    return image.convert("RGB", colour_matrix(contrast=factor, grey=grey_level(image)))


def _saturation(image: Image.Image, level: float, sign: int, ranges: Ranges) -> Image.Image:
    return image.convert("RGB", colour_matrix(saturation=1 + sign * level * ranges.enhance))


def _sharpness(image: Image.Image, level: float, sign: int, ranges: Ranges) -> Image.Image:
    return ImageEnhance.Sharpness(image).enhance(1 + sign * level * ranges.enhance)


def _posterize(image: Image.Image, level: float, sign: int, ranges: Ranges) -> Image.Image:
    return ImageOps.posterize(image, round(8 - level * (8 - ranges.posterize)))


def _solarize(image: Image.Image, level: float, sign: int, ranges: Ranges) -> Image.Image:
    return ImageOps.solarize(image, 256 - round(level * 256))


OPERATIONS: dict[str, Callable[[Image.Image, float, int, Ranges], Image.Image]] = {
    "identity": lambda image, level, sign, ranges: image,
    "shear x": _shear_x,
    "shear y": _shear_y,
    "translate x": _translate_x,
    "translate y": _translate_y,
    "rotate": _rotate,
    "brightness": _brightness,
    "contrast": _contrast,
    "saturation": _saturation,
    "sharpness": _sharpness,
    "posterize": _posterize,
    "solarize": _solarize,
    "autocontrast": lambda image, level, sign, ranges: ImageOps.autocontrast(image),
    "equalize": lambda image, level, sign, ranges: ImageOps.equalize(image),
}
NAMES = tuple(OPERATIONS)

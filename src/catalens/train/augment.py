"""Changes that leave the category as it is, made on the same uint8 square that the server sees.  Policies by name.

Two cores share this with the training itself, so every step is one pass of Pillow over the pixels: a crop is one
`resize(box=...)`, and all changes of light and colour together are one matrix.  No torch here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from catalens.core.errors import ConfigError
from catalens.core.image import RgbImage
from catalens.core.registry import Registry
from catalens.train.operations import RANDOM, TRIVIAL, WHITE, Ranges, Rng, colour_matrix, grey_level, operate

AUGMENTS = Registry(
    "augmentation",
    {
        "none": "catalens.train.augment:NONE",
        "mild": "catalens.train.augment:MILD",
        "light": "catalens.train.augment:LIGHT",
        "classic": "catalens.train.augment:CLASSIC",
        "strong": "catalens.train.augment:STRONG",
        "randaugment": "catalens.train.augment:RANDAUGMENT",
        "trivial": "catalens.train.augment:TRIVIALAUGMENT",
    },
)

_BILINEAR, _BICUBIC = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC
_ERASED, _ERASED_RATIO = (0.02, 1 / 3), (0.3, 3.3)  # of the area, width by height (Zhong et al. 2020)


@dataclass(frozen=True, slots=True)
class Policy:
    """How far a square may be changed; each photo draws its own values within."""

    about: str
    crop: tuple[float, float] = (1.0, 1.0)  # share of the area
    ratio: tuple[float, float] = (3 / 4, 4 / 3)  # width by height of the crop
    resample: Image.Resampling = _BICUBIC
    mirror: bool = True
    turn: float = 0.0  # degrees, either way
    brightness: float = 0.0  # 0.3: a factor of 0.7 to 1.3; so for the next two
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0  # share of the colour circle, either way
    operations: int = 0  # how many of the operations of `operations.py`
    ranges: Ranges = TRIVIAL

    @property
    def recolours(self) -> bool:
        return any((self.brightness, self.contrast, self.saturation, self.hue))


NONE = Policy("the square as it is", mirror=False)
MILD = Policy(
    "crop of 75 to 100 % of the area, mirror, a little light: for short runs on few photos",
    crop=(0.75, 1.0),
    ratio=(0.9, 1.11),
    resample=_BILINEAR,
    brightness=0.2,
    contrast=0.2,
)
LIGHT = Policy(
    "crop of 35 to 100 % of the area, mirror, some light and colour",
    crop=(0.35, 1.0),
    brightness=0.3,
    contrast=0.3,
    saturation=0.3,
    hue=0.03,
)
CLASSIC = Policy(
    "mirror, a turn of up to 15 degrees, light and colour; the whole square stays in view",
    turn=15.0,
    brightness=0.2,
    contrast=0.2,
    saturation=0.2,
    hue=0.02,
)
STRONG = Policy(
    "crop of 25 to 100 % of the area, mirror, one random operation (TrivialAugment)", crop=(0.25, 1.0), operations=1
)
RANDAUGMENT = Policy(
    "crop of 35 to 100 % of the area, mirror, two random operations of middling strength (RandAugment)",
    crop=(0.35, 1.0),
    operations=2,
    ranges=RANDOM,
)
TRIVIALAUGMENT = Policy(
    "crop of 60 to 100 % of the area, mirror, one random operation (TrivialAugment)", crop=(0.6, 1.0), operations=1
)


class Augment:
    """A policy whose randomness is a function of (seed, epoch, photo), so that a resumed run sees the same pictures.

    `size`: the side of what comes out, in pixels, or one side an epoch; later epochs have the last one.
    `erasing`: the share of photos in which a box becomes noise (random erasing, Zhong et al. 2020).
    Raises ConfigError for an unknown name.
    """

    def __init__(self, name: str, size: int | Sequence[int], *, seed: int, erasing: float = 0.0) -> None:
        self.name = name
        self.policy: Policy = AUGMENTS.load(name)
        self.erasing = erasing
        self._sizes = (size,) if isinstance(size, int) else tuple(size)
        self._seed = seed
        if not self._sizes:
            raise ConfigError("expected a size or one an epoch, got an empty list", key="size")

    def size(self, epoch: int) -> int:
        """The side of the squares of an epoch, in pixels."""
        return self._sizes[min(epoch, len(self._sizes) - 1)]

    def __call__(self, square: RgbImage, *, epoch: int, photo: int) -> RgbImage:
        """uint8 [S, S, 3] -> uint8 [s, s, 3], s the size of the epoch; it may be read-only, or `square` itself."""
        size = self.size(epoch)
        if self.policy is NONE and not self.erasing and square.shape[0] == size:
            return square
        rng = np.random.default_rng((self._seed, epoch, photo))
        changed = np.asarray(_changed(Image.fromarray(square), self.policy, size, rng))
        return erased(changed, rng) if self.erasing and rng.random() < self.erasing else changed


def _changed(image: Image.Image, policy: Policy, size: int, rng: Rng) -> Image.Image:
    """One photo under a policy, `size` pixels a side.  Where it is turned, white comes in at the corners."""
    if policy.turn:
        image = image.rotate(rng.uniform(-policy.turn, policy.turn), _BILINEAR, fillcolor=WHITE)
    box = _crop(image.width, policy, rng)
    if box is not None or image.width != size:
        image = image.resize((size, size), policy.resample, box=box)
    if policy.mirror and rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for _ in range(policy.operations):
        image = operate(image, policy.ranges, rng)
    if policy.recolours:
        image = image.convert("RGB", _recolouring(image, policy, rng))
    return image


def _crop(side: int, policy: Policy, rng: Rng) -> tuple[float, float, float, float] | None:
    """(left, top, right, bottom) in pixels and parts of them; None is the whole square."""
    if policy.crop == (1.0, 1.0):
        return None
    area = rng.uniform(*policy.crop) * side * side
    ratio = math.exp(rng.uniform(math.log(policy.ratio[0]), math.log(policy.ratio[1])))
    width, height = min(side, math.sqrt(area * ratio)), min(side, math.sqrt(area / ratio))
    left, top = rng.uniform(0, side - width), rng.uniform(0, side - height)
    return left, top, min(side, left + width), min(side, top + height)


def _recolouring(image: Image.Image, policy: Policy, rng: Rng) -> tuple[float, ...]:
    def factor(reach: float) -> float:
        return rng.uniform(1 - reach, 1 + reach)

    return colour_matrix(
        brightness=factor(policy.brightness),
        contrast=factor(policy.contrast),
        saturation=factor(policy.saturation),
        hue=rng.uniform(-policy.hue, policy.hue),
        grey=grey_level(image),
    )


def erased(square: RgbImage, rng: Rng) -> RgbImage:
    """A copy of uint8 [S, S, 3] with a box of noise in it (random erasing, Zhong et al. 2020)."""
    side = square.shape[0]
    area = rng.uniform(*_ERASED) * side * side
    ratio = math.exp(rng.uniform(math.log(_ERASED_RATIO[0]), math.log(_ERASED_RATIO[1])))
    width, height = (min(side, max(1, round(math.sqrt(value)))) for value in (area * ratio, area / ratio))
    left, top = rng.integers(0, side - width + 1), rng.integers(0, side - height + 1)
    result = square.copy()
    result[top : top + height, left : left + width] = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return result

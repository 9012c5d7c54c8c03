"""Changes that leave the category as it is, made on the same uint8 square that the server sees.  Recipes by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode, v2

from catalens.core.image import RgbImage
from catalens.core.registry import Registry

Transform = Callable[[Image.Image], Image.Image]
AUGMENTS = Registry(
    "augmentation",
    {
        "none": "catalens.train.augment:none",
        "mild": "catalens.train.augment:mild",
        "light": "catalens.train.augment:light",
        "strong": "catalens.train.augment:strong",
    },
)


def none(size: int) -> Transform:
    """The square as it is."""
    return lambda image: image


def mild(size: int) -> Transform:
    """Random crop of 75 to 100 % of the area, mirror, a little light: for short runs on few photos."""
    return v2.Compose(
        [
            v2.RandomResizedCrop(size, scale=(0.75, 1.0), ratio=(0.9, 1.11), interpolation=InterpolationMode.BILINEAR),
            v2.RandomHorizontalFlip(),
            v2.ColorJitter(brightness=0.2, contrast=0.2),
        ]
    )


def light(size: int) -> Transform:
    """Random crop of 35 to 100 % of the area, mirror, some light and colour."""
    return v2.Compose(
        [
            v2.RandomResizedCrop(size, scale=(0.35, 1.0), interpolation=InterpolationMode.BICUBIC),
            v2.RandomHorizontalFlip(),
            v2.ColorJitter(brightness=0.3, contrast=0.3, saturation=0.3, hue=0.03),
        ]
    )


def strong(size: int) -> Transform:
    """Random crop, mirror, and one random operation of random strength (TrivialAugment, Mueller & Hutter 2021)."""
    return v2.Compose(
        [
            v2.RandomResizedCrop(size, scale=(0.25, 1.0), interpolation=InterpolationMode.BICUBIC),
            v2.RandomHorizontalFlip(),
            v2.TrivialAugmentWide(interpolation=InterpolationMode.BILINEAR, fill=[255, 255, 255]),
        ]
    )


class Augment:
    """A recipe whose randomness is a function of (seed, epoch, photo), so that a resumed run sees the same pictures."""

    def __init__(self, name: str, size: int, *, seed: int) -> None:
        self.name = name
        self._transform: Transform = AUGMENTS.load(name)(size)
        self._seed = seed

    def __call__(self, square: RgbImage, *, epoch: int, photo: int) -> RgbImage:
        """uint8 [S, S, 3] -> uint8 [S, S, 3]."""
        if self.name == "none":
            return square
        # torchvision draws from torch's global generator: seed it for this photo, then put it back
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(np.random.SeedSequence((self._seed, epoch, photo)).generate_state(1, np.uint64)[0].item())
            return np.asarray(self._transform(Image.fromarray(square)))

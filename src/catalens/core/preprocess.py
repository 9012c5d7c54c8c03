"""The only preprocessing: geometry here, arithmetic (scale, mean, std) in the model's first layer (D1)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from catalens.core.errors import ConfigError
from catalens.core.image import MAX_PIXELS, RgbImage, decode

Resize = Literal["pad", "crop", "squash"]
Interpolation = Literal["bilinear", "bicubic", "lanczos"]
Rgb = tuple[float, float, float]

_FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
IMAGENET_MEAN: Rgb = (0.485, 0.456, 0.406)
IMAGENET_STD: Rgb = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class ImageBatch:
    """`ids` of N photos and their `pixels`, uint8 [N, S, S, 3]."""

    ids: tuple[str, ...]
    pixels: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How a photo becomes a square of `size` pixels.  Part of the bundle; equal digests mean equal pixels.

    `pad` keeps the whole photo and fills the rest, `crop` takes the middle square, `squash` stretches.
    `mean` and `std` are of pixels scaled to [0, 1]; only the model's first layer reads them.
    """

    size: int = 224
    resize: Resize = "pad"
    interpolation: Interpolation = "bicubic"
    fill: tuple[int, int, int] = (255, 255, 255)
    mean: Rgb = IMAGENET_MEAN
    std: Rgb = IMAGENET_STD
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        if not 8 <= self.size <= 2048:
            raise ConfigError(f"expected a size of 8 to 2048 pixels, got {self.size}", key="size")
        if self.resize not in get_args(Resize):
            raise ConfigError(f"expected resize to be one of {get_args(Resize)}, got {self.resize!r}", key="resize")
        if self.interpolation not in _FILTERS:
            raise ConfigError(f"expected one of {tuple(_FILTERS)}, got {self.interpolation!r}", key="interpolation")
        for name in ("fill", "mean", "std"):
            if len(getattr(self, name)) != 3:
                raise ConfigError(f"expected three values, got {getattr(self, name)}", key=name)
        if min(self.std) <= 0:
            raise ConfigError(f"expected std above 0, got {self.std}", key="std")
        if min(self.fill) < 0 or max(self.fill) > 255:
            raise ConfigError(f"expected fill of 0 to 255, got {self.fill}", key="fill")

    def square(self, data: bytes, *, source: str = "image") -> RgbImage:
        """Bytes of one photo -> uint8 [size, size, 3]: the whole host side of the contract.  Raises ImageError."""
        return self.fit(decode(data, source=source, max_pixels=self.max_pixels, at_least=2 * self.size))

    def fit(self, image: RgbImage) -> RgbImage:
        """uint8 [H, W, 3] -> uint8 [size, size, 3], antialiased; an array of its own that may be written to."""
        height, width = image.shape[:2]
        photo = Image.fromarray(image)
        size, resample = self.size, _FILTERS[self.interpolation]
        if self.resize == "squash":
            return np.array(photo.resize((size, size), resample))
        if self.resize == "crop":
            side = min(height, width)
            left, top = (width - side) / 2, (height - side) / 2
            return np.array(photo.resize((size, size), resample, box=(left, top, left + side, top + side)))
        scale = size / max(height, width)
        inner = (max(1, round(width * scale)), max(1, round(height * scale)))
        canvas = np.full((size, size, 3), self.fill, dtype=np.uint8)
        top, left = (size - inner[1]) // 2, (size - inner[0]) // 2
        canvas[top : top + inner[1], left : left + inner[0]] = np.asarray(photo.resize(inner, resample))
        return canvas

    def batch(self, ids: Sequence[str], images: Sequence[RgbImage]) -> ImageBatch:
        """Fit N photos into one array.  `images` are uint8 [H, W, 3] of any sizes."""
        pixels = np.empty((len(images), self.size, self.size, 3), dtype=np.uint8)
        for row, image in enumerate(images):
            pixels[row] = self.fit(image)
        return ImageBatch(tuple(ids), pixels)

    @property
    def digest(self) -> str:
        """sha256 over every field."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Preprocess:
        """Raises ConfigError on a field it does not know."""
        unknown = set(values) - set(cls.__dataclass_fields__)
        if unknown:
            raise ConfigError(f"unknown preprocess fields {sorted(unknown)}", key=min(unknown))
        listed: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**listed)

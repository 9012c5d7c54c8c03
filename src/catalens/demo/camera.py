"""Where the simulated camera stands, and what its sensor and its JPEG encoder do to a picture."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

from catalens.demo.material import Floats, vector
from catalens.demo.mesh import Item, rotation


@dataclass(frozen=True, slots=True)
class View:
    """Size and focal length in pixels, angles in degrees, and the product's shift as a share of the frame."""

    width: int
    height: int
    yaw: float
    pitch: float
    roll: float
    focal: float
    shift: tuple[float, float]
    distance: float = 3.4  # in product lengths: near enough for perspective to show

    @property
    def turn(self) -> Floats:
        """float32 [3, 3]: world to camera."""
        return rotation("z", self.roll) @ rotation("x", self.pitch)

    def project(self, points: Floats, target: Floats) -> tuple[Floats, Floats]:
        """World points [V, 3] -> pixels [V, 2] and distance from the camera [V]."""
        seen = (points - target) @ self.turn.T
        depth = self.distance - seen[:, 2]
        centre = vector(self.width * (0.5 + self.shift[0]), self.height * (0.5 + self.shift[1]))
        pixels = centre + vector(1, -1) * seen[:, :2] * (self.focal / depth)[:, None]
        return pixels, depth

    def rays(self, target: Floats, step: int) -> tuple[Floats, Floats]:
        """The camera's place [3] and the direction through every `step`-th pixel, float32 [H/step, W/step, 3]."""
        x = np.arange(0, self.width, step, dtype=np.float32) - self.width * (0.5 + self.shift[0])
        y = np.arange(0, self.height, step, dtype=np.float32) - self.height * (0.5 + self.shift[1])
        across, down = np.meshgrid(x / self.focal, y / self.focal)
        directions = np.stack([across, -down, np.full_like(across, -1)], axis=-1) @ self.turn
        origin = target + self.turn.T @ vector(0, 0, self.distance)
        return origin, directions


def aim(item: Item, rng: np.random.Generator, *, first: bool) -> View:
    """A view that suits the item; the first photo of a product is the plainest."""
    calm = 0.5 if first else 1.0
    middle = sum(item.yaw) / 2
    yaw = float(middle + calm * (rng.uniform(*item.yaw) - middle))
    pitch = float(rng.uniform(*item.pitch))
    across, up = item.extent(yaw, pitch)
    ratios = (
        (1.0, 1.0, 4 / 3, 1.25)
        if across > 1.2 * up
        else (1.0, 1.0, 0.75, 0.8)
        if up > 1.2 * across
        else (1.0, 0.8, 1.25)
    )
    ratio, long_side = float(rng.choice(ratios)), int(rng.integers(290, 470))
    width, height = (long_side, int(long_side / ratio)) if ratio >= 1 else (int(long_side * ratio), long_side)
    distance = float(rng.uniform(2.6, 4.5))
    return View(
        width=width,
        height=height,
        yaw=yaw,
        pitch=pitch,
        roll=float(rng.normal(0, 2.5) * calm),
        focal=float(rng.uniform(0.64, 0.86) * min(width / across, height / up) * distance),
        shift=(float(rng.normal(0, 0.025)), float(rng.normal(0, 0.025))),
        distance=distance,
    )


@dataclass(frozen=True, slots=True)
class Finish:
    """What the sensor adds: gains per channel, noise, blur in pixels, vignette, and the JPEG quality."""

    gains: tuple[float, float, float]
    noise: float
    blur: float
    vignette: float
    quality: int


def finish(rng: np.random.Generator) -> Finish:
    """A phone or a studio camera, warm or cold, a little over- or under-exposed."""
    warmth, exposure = rng.normal(0, 0.05), 2.0 ** rng.normal(0, 0.18)
    return Finish(
        gains=(exposure * (1 + warmth), exposure, exposure * (1 - warmth)),
        noise=float(rng.uniform(0.002, 0.02)),
        blur=float(rng.choice([0.0, 0.0, 0.6, 1.0])),
        vignette=float(rng.uniform(0, 0.25)),
        quality=int(rng.integers(58, 95)),
    )


def develop(linear: Floats, settings: Finish, size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """Linear light float32 [H, W, 3] -> a picture of `size`, with the sensor's faults."""
    height, width = linear.shape[:2]
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    falloff = 1 - settings.vignette * (x * x + y * y) / 2
    light = linear * vector(*settings.gains) * falloff[..., None].astype(np.float32)
    light = light / (1 + 0.18 * light * light)  # highlights roll off as film does
    picture = Image.fromarray((np.sqrt(np.clip(light, 0, 1)) * np.float32(255)).astype(np.uint8))
    picture = picture.resize(size, Image.Resampling.BICUBIC)
    if settings.blur:
        picture = picture.filter(ImageFilter.GaussianBlur(settings.blur * 0.7))
    pixels = np.asarray(picture, dtype=np.float32)
    top, left = rng.integers(0, 256, 2)
    noisy = pixels + _grain()[top : top + pixels.shape[0], left : left + pixels.shape[1]] * np.float32(settings.noise)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


@lru_cache(maxsize=1)
def _grain() -> Floats:
    """A sensor's noise, float32 [1024, 1024, 3]: fine in brightness, coarser in colour; a photo shows a piece."""
    rng = np.random.default_rng(5)
    fine = rng.standard_normal((1024, 1024, 1), dtype=np.float32)
    coarse = rng.standard_normal((512, 512, 3), dtype=np.float32).repeat(2, axis=0).repeat(2, axis=1)
    return 255 * (fine + 0.5 * coarse)


def jpeg(picture: Image.Image, quality: int, *, exif: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, exif=exif)
    return buffer.getvalue()

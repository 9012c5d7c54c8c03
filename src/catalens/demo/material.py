"""What the drawn products are made of: colours, patterns and how they throw light back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]  # float32; the shape is said where it is used
Colour = tuple[float, float, float]  # sRGB in [0, 1]
TILE = 256


@dataclass(frozen=True, slots=True)
class Material:
    """`second` is the pattern's other colour; `gloss`, `metal`, `bump` (cloth, leather) and `glow` are in [0, 1].

    `alpha` below 1 is glass or a thin shade; `scale` is the pattern's number of repeats.
    """

    colour: Colour
    second: Colour = (1.0, 1.0, 1.0)
    pattern: str = "plain"
    scale: float = 6.0
    gloss: float = 0.3
    metal: float = 0.0
    bump: float = 0.0
    alpha: float = 1.0
    glow: float = 0.0


def vector(*values: float) -> Floats:
    """float32 [n]."""
    return np.array(values, dtype=np.float32)


@lru_cache(maxsize=8)
def noise_tile(kind: str) -> Floats:
    """float32 [TILE, TILE] in [0, 1], repeating: "cloud", "grain" (stretched along x), "fine", "fold"."""
    draw = np.random.default_rng(sum(kind.encode())).standard_normal((TILE, TILE))
    fy, fx = np.meshgrid(np.fft.fftfreq(TILE) * TILE, np.fft.fftfreq(TILE) * TILE, indexing="ij")
    if kind == "grain":
        power = 1 / (1 + np.hypot(fx * 9, fy) / 3) ** 1.1
    elif kind == "fine":
        power = np.exp(-((np.hypot(fx, fy) - 40) ** 2) / 800)
    elif kind == "fold":
        power = np.exp(-((np.hypot(fx, fy * 0.6) / 5) ** 2))
    else:
        power = 1 / (1 + np.hypot(fx, fy)) ** 1.6
    field = np.fft.ifft2(np.fft.fft2(draw) * power).real
    low, high = np.percentile(field, [1, 99])
    return np.clip((field - low) / (high - low), 0, 1).astype(np.float32)


def sample(kind: str, u: Floats, v: Floats) -> Floats:
    """The tile's value at (u, v); a whole number is one repeat."""
    column, row = ((TILE * place).astype(np.int32) % TILE for place in (u, v))
    values: Floats = noise_tile(kind)[row, column]
    return values


def albedo(material: Material, uv: Floats, points: Floats) -> Floats:
    """Linear-light colours float32 [P, 3] at P surface places, `uv` [P, 2] and object-space `points` [P, 3]."""
    first, second = (vector(*colour) ** 2 for colour in (material.colour, material.second))
    weight = PATTERNS[material.pattern](uv, points, material.scale)[:, None]
    mixed: Floats = first + (second - first) * weight
    return mixed


def _plain(uv: Floats, points: Floats, scale: float) -> Floats:
    return np.zeros(len(uv), dtype=np.float32)


def _edge(value: Floats, softness: float = 0.06) -> Floats:
    """A step at 0, softened."""
    return np.clip(value / softness + 0.5, 0, 1)


def _rings(uv: Floats, points: Floats, scale: float) -> Floats:
    return _edge(np.sin(uv[:, 1] * scale * 2 * np.pi) - 0.1, 0.5)


def _bars(uv: Floats, points: Floats, scale: float) -> Floats:
    return _edge(np.sin(points[:, 0] * scale * 4 * np.pi) - 0.3, 0.5)


def _checks(uv: Floats, points: Floats, scale: float) -> Floats:
    across = _edge(np.sin(points[:, 0] * scale * 4 * np.pi), 0.5)
    down = _edge(np.sin((points[:, 1] + points[:, 2]) * scale * 4 * np.pi), 0.5)
    return 0.42 * across + 0.42 * down


def _dots(uv: Floats, points: Floats, scale: float) -> Floats:
    u, v = uv[:, 0] * scale * 1.6, uv[:, 1] * scale
    u = u + 0.5 * (np.floor(v) % 2)
    return _edge(0.3 - np.hypot(u % 1 - 0.5, v % 1 - 0.5), 0.08)


def _dip(uv: Floats, points: Floats, scale: float) -> Floats:
    """The lower part in the second colour, as glazed pottery is."""
    return _edge(0.1 + 0.04 * scale - points[:, 1] + 0.02 * np.sin(uv[:, 0] * 25), 0.02)


def _band(uv: Floats, points: Floats, scale: float) -> Floats:
    return _edge(0.08 - np.abs(points[:, 1] - 0.1 * scale), 0.02)


def _logo(uv: Floats, points: Floats, scale: float) -> Floats:
    """A round or cornered print on the front."""
    across, up = points[:, 0] / 0.16, (points[:, 1] - 0.56) / 0.16
    round_print = np.hypot(across, up)
    star = np.abs(across) + np.abs(up) * (0.5 + 0.1 * scale)
    return _edge(1 - (round_print if int(scale) % 2 else star), 0.08) * (points[:, 2] > 0)


def _speckle(uv: Floats, points: Floats, scale: float) -> Floats:
    return _edge(sample("fine", uv[:, 0] * 2, uv[:, 1]) - 0.78, 0.1)


def _wood(uv: Floats, points: Floats, scale: float) -> Floats:
    return sample("grain", (points[:, 0] + points[:, 1] * 0.3 + 1) * 0.7, (points[:, 2] + points[:, 1] * 0.4 + 1) * 0.9)


def _marl(uv: Floats, points: Floats, scale: float) -> Floats:
    """Cloth of two yarns."""
    return sample("fine", points[:, 0] * 3 + 5, points[:, 1] * 3 + 5) * 0.6


def _panels(uv: Floats, points: Floats, scale: float) -> Floats:
    """A ball's panels: alternating segments."""
    return _edge(np.sin(uv[:, 0] * np.floor(scale / 2 + 1) * 2 * np.pi), 0.3)


def _screen(uv: Floats, points: Floats, scale: float) -> Floats:
    """A wallpaper with a window and a bar of symbols."""
    u, v = uv[:, 0], uv[:, 1]
    sky = 0.35 * v + 0.2 * np.sin(u * 5 + scale) * np.sin(v * 4)
    window = (np.abs(u - 0.55) < 0.22) & (np.abs(v - 0.5) < 0.25)
    return np.clip(sky + 0.45 * window * (scale > 4), 0, 1).astype(np.float32)


PATTERNS: dict[str, Callable[[Floats, Floats, float], Floats]] = {
    "plain": _plain,
    "rings": _rings,
    "bars": _bars,
    "checks": _checks,
    "dots": _dots,
    "dip": _dip,
    "band": _band,
    "logo": _logo,
    "speckle": _speckle,
    "wood": _wood,
    "marl": _marl,
    "panels": _panels,
    "screen": _screen,
}

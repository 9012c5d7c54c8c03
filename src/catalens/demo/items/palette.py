"""The colours and materials that products of many kinds share."""

from __future__ import annotations

from numpy.random import Generator

from catalens.demo.material import Colour, Material

GLAZES: tuple[Colour, ...] = (
    (0.93, 0.92, 0.89), (0.90, 0.88, 0.82), (0.20, 0.28, 0.42),
    (0.70, 0.26, 0.20), (0.33, 0.46, 0.38), (0.86, 0.66, 0.28),
    (0.25, 0.25, 0.27), (0.55, 0.68, 0.74), (0.82, 0.58, 0.55),
    (0.44, 0.32, 0.26), (0.62, 0.66, 0.50), (0.36, 0.52, 0.62),
)  # fmt: skip
CLOTHS: tuple[Colour, ...] = (
    (0.94, 0.94, 0.93), (0.16, 0.17, 0.19), (0.18, 0.24, 0.40),
    (0.55, 0.57, 0.60), (0.62, 0.18, 0.20), (0.30, 0.42, 0.32),
    (0.84, 0.74, 0.56), (0.56, 0.70, 0.84), (0.88, 0.66, 0.68),
    (0.78, 0.52, 0.22), (0.42, 0.28, 0.44), (0.72, 0.78, 0.66),
)  # fmt: skip
WOODS: tuple[Colour, ...] = ((0.74, 0.54, 0.36), (0.55, 0.37, 0.24), (0.85, 0.72, 0.54), (0.36, 0.24, 0.17))
LEATHERS: tuple[Colour, ...] = (
    (0.42, 0.26, 0.16), (0.15, 0.13, 0.12), (0.62, 0.40, 0.24),
    (0.50, 0.16, 0.16), (0.76, 0.68, 0.58), (0.24, 0.28, 0.36),
)  # fmt: skip
BRIGHTS: tuple[Colour, ...] = (
    (0.85, 0.20, 0.18), (0.95, 0.72, 0.16), (0.18, 0.45, 0.75),
    (0.24, 0.58, 0.34), (0.92, 0.48, 0.16), (0.50, 0.30, 0.62),
    (0.93, 0.93, 0.93), (0.90, 0.46, 0.60),
)  # fmt: skip
METALS: tuple[Colour, ...] = (
    (0.82, 0.83, 0.84),
    (0.70, 0.70, 0.72),
    (0.80, 0.62, 0.36),
    (0.78, 0.50, 0.38),
    (0.30, 0.30, 0.32),
)


def pick(rng: Generator, colours: tuple[Colour, ...]) -> Colour:
    """One of the colours, a little off, as no two dyes are alike."""
    base = colours[int(rng.integers(len(colours)))]
    off = rng.normal(0, 0.025, 3)
    red, green, blue = (min(max(value + float(change), 0.03), 0.97) for value, change in zip(base, off, strict=True))
    return red, green, blue


def shaded(colour: Colour, factor: float) -> Colour:
    """The same colour, darker or lighter."""
    red, green, blue = (min(value * factor, 0.97) for value in colour)
    return red, green, blue


def ceramic(rng: Generator) -> Material:
    pattern = str(rng.choice(["plain", "plain", "dip", "rings", "speckle", "dots"]))
    first = pick(rng, GLAZES)
    return Material(first, pick(rng, GLAZES), pattern, float(rng.uniform(2, 7)), gloss=float(rng.uniform(0.35, 0.9)))


def cloth(rng: Generator, patterns: tuple[str, ...] = ("plain",)) -> Material:
    pattern = str(rng.choice(patterns))
    second = pick(rng, CLOTHS)
    return Material(pick(rng, CLOTHS), second, pattern, float(rng.integers(3, 10)), gloss=0.04, bump=0.55)


def leather(rng: Generator) -> Material:
    return Material(pick(rng, LEATHERS), gloss=float(rng.uniform(0.25, 0.6)), bump=0.2)


def wood(rng: Generator) -> Material:
    light = pick(rng, WOODS)
    dark = (light[0] * 0.72, light[1] * 0.66, light[2] * 0.6)
    return Material(light, dark, "wood", gloss=0.22)


def metal(rng: Generator, *, polish: float | None = None) -> Material:
    polished = float(rng.uniform(0.4, 0.95)) if polish is None else polish
    return Material(pick(rng, METALS), gloss=polished, metal=0.85)


def plastic(rng: Generator, colours: tuple[Colour, ...] = BRIGHTS) -> Material:
    return Material(pick(rng, colours), gloss=float(rng.uniform(0.3, 0.7)))


def dark() -> Material:
    """Rubber, black plastic, a shoe's inside."""
    return Material((0.12, 0.12, 0.13), gloss=0.2)

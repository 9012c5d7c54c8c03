"""Mugs, cups, glasses, bottles, plates, bowls, teapots, pots, pans."""

from __future__ import annotations

from numpy.random import Generator

from catalens.demo.items.palette import BRIGHTS, ceramic, dark, metal, pick, plastic, wood
from catalens.demo.material import Material
from catalens.demo.mesh import Item, Part, ball, curve, lathe, tube

VESSEL_YAW = (-60.0, 60.0)


def _vessel(outline: list[tuple[float, float]], wall: float, material: Material) -> Part:
    """A pot of the outline (radius, y) from foot to rim, with an inside."""
    curved = curve([(radius, y, 0.0) for radius, y in outline], 14)[:, :2]
    outside = [(0.0, outline[0][1]), *((float(r), float(y)) for r, y in curved)]
    inside = [(max(float(r) - wall, 0.0), max(float(y), outline[0][1] + wall)) for r, y in curved[::-1]]
    return lathe([*outside, *inside, (0.0, outline[0][1] + wall)], material)


def _handle(reach: float, low: float, high: float, out: float, thick: float, material: Material) -> Part:
    """A handle on the right side of a vessel of radius `reach`."""
    path = curve(
        [
            (reach * 0.9, high, 0),
            (reach + out * 0.8, high, 0),
            (reach + out, (low + high) / 2, 0),
            (reach + out * 0.7, low, 0),
            (reach * 0.85, low, 0),
        ]
    )
    return tube(path, thick, material)


def mug(rng: Generator) -> Item:
    height, radius = rng.uniform(0.9, 1.15), rng.uniform(0.38, 0.48)
    foot = radius * rng.uniform(0.88, 1.0)
    glaze = ceramic(rng)
    body = _vessel(
        [(foot, 0), (radius, height * 0.12), (radius, height * 0.6), (radius * rng.uniform(0.97, 1.06), height)],
        0.04,
        glaze,
    )
    loop = _handle(radius, height * 0.22, height * 0.8, rng.uniform(0.2, 0.32), rng.uniform(0.045, 0.065), glaze)
    drink = lathe([(radius * 0.92, height * 0.8), (0, height * 0.8)], Material((0.22, 0.12, 0.07), gloss=0.5)).over()
    parts = (body, loop, drink) if rng.random() < 0.3 else (body, loop)
    return Item(parts, yaw=VESSEL_YAW, pitch=(10, 38))


def teacup(rng: Generator) -> Item:
    glaze = ceramic(rng)
    height, radius = rng.uniform(0.5, 0.68), rng.uniform(0.48, 0.6)
    foot = radius * rng.uniform(0.4, 0.55)
    cup = _vessel([(foot, 0.06), (foot * 1.4, 0.12), (radius * 0.9, height * 0.55), (radius, height)], 0.03, glaze)
    loop = _handle(radius * 0.86, height * 0.38, height * 0.86, rng.uniform(0.18, 0.26), 0.035, glaze)
    parts: tuple[Part, ...] = (cup, loop)
    if rng.random() < 0.8:
        parts = (*parts, _vessel([(radius * 0.7, 0), (radius * 1.1, 0.04), (radius * 1.55, 0.12)], 0.03, glaze))
    return Item(parts, yaw=VESSEL_YAW, pitch=(14, 40))


def glass(rng: Generator) -> Item:
    height, radius = rng.uniform(1.0, 1.35), rng.uniform(0.32, 0.42)
    clear = Material((0.80, 0.88, 0.90), gloss=0.9, alpha=float(rng.uniform(0.10, 0.22)))
    parts: list[Part] = []
    if rng.random() < 0.4:  # on a stem
        stem = _stem(height, radius)
        bowl = [
            (0.05, height * 0.45),
            (radius * 0.8, height * 0.58),
            (radius * 1.05, height * 0.75),
            (radius * 0.85, height * 1.2),
        ]
        parts = [lathe(stem, clear), _vessel(bowl, 0.015, clear)]
        level, width = height * 0.85, radius * 0.96
        foot = height * 0.55
    else:
        parts = [
            _vessel(
                [(radius * rng.uniform(0.75, 1.0), 0), (radius, height * 0.5), (radius * 1.05, height)], 0.03, clear
            )
        ]
        level, width, foot = height * rng.uniform(0.4, 0.8), radius * 0.9, 0.06
    if rng.random() < 0.7:
        juice = pick(
            rng, ((0.90, 0.55, 0.15), (0.55, 0.10, 0.16), (0.85, 0.80, 0.45), (0.45, 0.22, 0.10), (0.75, 0.86, 0.90))
        )
        drink = Material(juice, gloss=0.6)
        parts.insert(0, lathe([(0, foot), (width * 0.8, foot + 0.05), (width, level), (0, level)], drink))
    return Item(tuple(parts), yaw=VESSEL_YAW, pitch=(6, 28))


def _stem(height: float, radius: float) -> list[tuple[float, float]]:
    """The foot and stem of a wine glass."""
    return [
        (0, 0),
        (radius * 0.8, 0.0),
        (radius * 0.78, 0.02),
        (0.05, 0.07),
        (0.035, height * 0.3),
        (0.06, height * 0.46),
    ]


def bottle(rng: Generator) -> Item:
    height, radius = rng.uniform(1.5, 1.9), rng.uniform(0.24, 0.34)
    neck, shoulder = radius * rng.uniform(0.28, 0.45), height * rng.uniform(0.55, 0.68)
    outline = [(0, 0), (radius, 0.02), (radius, 0.1), (radius, shoulder)]
    bend = curve(
        [(radius, shoulder, 0), (radius * 0.85, shoulder + 0.14, 0), (neck, shoulder + 0.34, 0), (neck, height, 0)], 12
    )
    outline += [(float(r), float(y)) for r, y, _ in bend[1:]]
    kind = rng.integers(3)
    if kind == 0:
        body = Material(pick(rng, ((0.12, 0.30, 0.16), (0.32, 0.17, 0.07), (0.70, 0.82, 0.84))), gloss=0.95)
    elif kind == 1:
        body = metal(rng)
    else:
        body = plastic(rng)
    cap = lathe([(0, height), (neck * 1.15, height), (neck * 1.15, height + 0.16), (0, height + 0.16)], plastic(rng))
    parts = [lathe([*outline, (0, height)], body), cap]
    if rng.random() < 0.7:
        label = Material((0.93, 0.91, 0.85), pick(rng, BRIGHTS), "rings", float(rng.integers(1, 4)), gloss=0.1)
        low, high = shoulder * 0.25, shoulder * rng.uniform(0.65, 0.9)
        parts.append(
            lathe([(radius * 1.01, low), (radius * 1.01, (low + high) / 2), (radius * 1.01, high)], label).over()
        )
    return Item(tuple(parts), yaw=VESSEL_YAW, pitch=(3, 22))


def plate(rng: Generator) -> Item:
    glaze = ceramic(rng)
    depth = rng.uniform(0.06, 0.16)
    outline = [(0.55, 0), (0.62, 0.02), (0.75, depth * 0.8), (1.0, depth + 0.04)]
    parts = [_vessel(outline, 0.025, glaze)]
    if rng.random() < 0.25:
        parts.append(
            lathe([(0.99, depth + 0.035), (1.005, depth + 0.05), (0.98, depth + 0.05)], metal(rng, polish=0.7))
        )
    return Item(tuple(parts), yaw=(-180, 180), pitch=(30, 75))


def bowl(rng: Generator) -> Item:
    height, radius = rng.uniform(0.36, 0.62), rng.uniform(0.68, 0.8)
    outline = [(radius * 0.5, 0), (radius * 0.62, 0.05), (radius * 0.88, height * 0.5), (radius, height)]
    material = wood(rng) if rng.random() < 0.2 else ceramic(rng)
    return Item((_vessel(outline, 0.035, material),), yaw=(-180, 180), pitch=(14, 45))


def teapot(rng: Generator) -> Item:
    glaze = metal(rng) if rng.random() < 0.2 else ceramic(rng)
    height, radius = rng.uniform(0.7, 0.95), rng.uniform(0.5, 0.62)
    body = _vessel(
        [(radius * 0.6, 0), (radius, height * 0.4), (radius * 0.85, height * 0.8), (radius * 0.4, height)], 0.04, glaze
    )
    lid = lathe(
        [(radius * 0.46, height * 0.98), (radius * 0.3, height * 1.08), (0.04, height * 1.13), (0, height * 1.14)],
        glaze,
    )
    knob = ball(0.075, glaze).moved(y=height * 1.2)
    reach = radius * 1.65
    spout = tube(
        curve(
            [
                (-radius * 0.8, height * 0.3, 0),
                (-radius * 1.25, height * 0.45, 0),
                (-reach, height * rng.uniform(0.9, 1.05), 0),
            ]
        ),
        [0.17 - 0.0045 * step for step in range(24)],
        glaze,
    )
    loop = _handle(radius * 0.9, height * 0.25, height * 0.82, rng.uniform(0.3, 0.42), 0.055, glaze)
    return Item((body, lid, knob, spout, loop), yaw=(-40, 40), pitch=(8, 30))


def pot(rng: Generator) -> Item:
    height, radius = rng.uniform(0.5, 0.85), rng.uniform(0.5, 0.62)
    body = metal(rng) if rng.random() < 0.6 else plastic(rng)
    parts = [_vessel([(radius * 0.96, 0), (radius, 0.06), (radius, height * 0.5), (radius, height)], 0.03, body)]
    grip = dark() if rng.random() < 0.5 else body
    for side in (-1, 1):
        path = curve(
            [
                (side * radius * 0.97, height * 0.78, -0.2),
                (side * (radius + 0.18), height * 0.8, -0.12),
                (side * (radius + 0.18), height * 0.8, 0.12),
                (side * radius * 0.97, height * 0.78, 0.2),
            ]
        )
        parts.append(tube(path, 0.04, grip))
    if rng.random() < 0.65:
        top = [
            (radius * 1.03, height),
            (radius * 1.02, height + 0.03),
            (radius * 0.6, height + 0.11),
            (0, height + 0.14),
        ]
        parts += [lathe(top, body), ball(0.07, grip).moved(y=height + 0.21)]
    return Item(tuple(parts), yaw=(-40, 40), pitch=(10, 34))


def pan(rng: Generator) -> Item:
    depth, radius = rng.uniform(0.12, 0.24), rng.uniform(0.55, 0.68)
    outside = metal(rng) if rng.random() < 0.3 else Material(pick(rng, ((0.14, 0.14, 0.15), *BRIGHTS[:3])), gloss=0.5)
    body = _vessel([(radius * 0.8, 0), (radius * 0.86, 0.03), (radius, depth)], 0.03, outside)
    lining = lathe([(radius * 0.8, 0.045), (0, 0.045)], Material((0.16, 0.16, 0.17), gloss=0.45)).over()
    grip = wood(rng) if rng.random() < 0.3 else dark()
    length = rng.uniform(0.8, 1.05)
    path = curve([(radius * 0.95, depth * 0.8, 0), (radius + 0.2, depth + 0.1, 0), (radius + length, depth + 0.16, 0)])
    handle = tube(path, [0.035 + 0.0014 * step for step in range(24)], grip, flatten=1.4)
    return Item((body, lining, handle), yaw=(-50, 50), pitch=(22, 62))

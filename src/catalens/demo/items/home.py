"""Lamps, seats, vases, clocks."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from catalens.demo.items.palette import BRIGHTS, GLAZES, ceramic, cloth, dark, metal, pick, plastic, wood
from catalens.demo.material import Material
from catalens.demo.mesh import Item, Part, ball, box, curve, lathe, tube


def _shade(rng: Generator, low: float, high: float, bottom: float, top: float) -> Part:
    """A lamp shade, open at both ends, sometimes lit."""
    tint = pick(
        rng, ((0.95, 0.91, 0.82), (0.93, 0.93, 0.92), (0.82, 0.74, 0.62), (0.35, 0.38, 0.42), (0.70, 0.36, 0.28))
    )
    material = Material(tint, gloss=0.05, glow=float(rng.choice([0.0, 0.0, 0.35, 0.6])))
    wall = 0.015
    return lathe([(bottom, low), (top, high), (top - wall, high), (bottom - wall, low), (bottom, low)], material)


def table_lamp(rng: Generator) -> Item:
    base = ceramic(rng) if rng.random() < 0.5 else metal(rng)
    body = rng.uniform(0.4, 0.65)
    belly = rng.uniform(0.12, 0.26)
    profile = curve([(0.2, 0, 0), (belly, body * 0.35, 0), (belly * 0.8, body * 0.7, 0), (0.05, body, 0)], 14)[:, :2]
    stem = tube([(0, body * 0.95, 0), (0, body + 0.25, 0)], 0.025, metal(rng, polish=0.7))
    wide = rng.uniform(0.34, 0.46)
    cover = _shade(rng, body + 0.1, body + rng.uniform(0.5, 0.62), wide, wide * rng.uniform(0.5, 0.95))
    return Item((lathe([(0, 0), *map(tuple, profile)], base), stem, cover), yaw=(-60, 60), pitch=(-2, 18))


def floor_lamp(rng: Generator) -> Item:
    pole = metal(rng) if rng.random() < 0.7 else wood(rng)
    height, wide = rng.uniform(1.9, 2.3), rng.uniform(0.24, 0.36)
    parts: list[Part] = []
    if rng.random() < 0.4:
        for angle in (0, 120, 240):
            foot = (0.42 * np.sin(np.radians(angle)), 0.0, 0.42 * np.cos(np.radians(angle)))
            parts.append(
                tube([foot, (foot[0] * 0.5, height * 0.38, foot[2] * 0.5), (0, height * 0.78, 0)], 0.026, pole)
            )
    else:
        parts.append(lathe([(0, 0), (0.27, 0), (0.27, 0.03), (0.04, 0.06), (0, 0.06)], pole))
        parts.append(tube([(0, y, 0) for y in np.linspace(0.03, height * 0.85, 12)], 0.022, pole))
    parts.append(_shade(rng, height * 0.8, height, wide, wide * rng.uniform(0.5, 0.95)))
    return Item(tuple(parts), yaw=(-60, 60), pitch=(0, 14))


def pendant(rng: Generator) -> Item:
    cover = metal(rng) if rng.random() < 0.5 else plastic(rng)
    wide, tall = rng.uniform(0.38, 0.56), rng.uniform(0.26, 0.5)
    bell = curve(
        [(wide, 0, 0), (wide * rng.uniform(0.7, 0.97), tall * 0.45, 0), (wide * 0.35, tall * 0.9, 0), (0.06, tall, 0)],
        12,
    )[:, :2]
    inner = [(max(float(r) - 0.02, 0.0), float(y) - 0.015) for r, y in bell[::-1]]
    bulb = Material((1.0, 0.95, 0.82), gloss=0.4, glow=0.9)
    cord = tube([(0, y, 0) for y in np.linspace(tall, tall + rng.uniform(0.5, 0.8), 8)], 0.014, dark(), segments=8)
    cap = lathe([(0.065, tall - 0.03), (0.065, tall + 0.09), (0, tall + 0.1)], metal(rng))
    return Item(
        (lathe([*map(tuple, bell), *inner], cover), ball(0.11, bulb).moved(y=0.06), cord, cap),
        pose="hang",
        yaw=(-60, 60),
        pitch=(-22, 8),
    )


def _legs(material: Material, spread: float, depth: float, height: float, lean: float, thick: float) -> list[Part]:
    legs = []
    for x in (-1, 1):
        for z in (-1, 1):
            top, foot = (x * spread, height, z * depth), (x * (spread + lean), 0.0, z * (depth + lean))
            middle = (x * (spread + lean / 2), height / 2, z * (depth + lean / 2))
            legs.append(tube([foot, middle, top], [thick * 0.8, thick * 0.9, thick], material, segments=10))
    return legs


def chair(rng: Generator) -> Item:
    frame = wood(rng) if rng.random() < 0.6 else metal(rng)
    seat_material = cloth(rng) if rng.random() < 0.45 else (frame if rng.random() < 0.5 else plastic(rng))
    height, back = rng.uniform(0.55, 0.64), rng.uniform(0.55, 0.8)
    parts = _legs(frame, 0.27, 0.25, height, rng.uniform(0, 0.07), rng.uniform(0.025, 0.038))
    parts += [part.moved(y=height) for part in box((0.66, 0.07, 0.62), seat_material, bevel=0.03)]
    lean = rng.uniform(0.02, 0.12)
    style = rng.integers(3)
    if style == 0:
        parts += [
            part.turned("x", -8).moved(y=height + back * 0.6, z=-0.3)
            for part in box((0.62, back * 0.8, 0.06), seat_material, bevel=0.03)
        ]
    posts = [(-0.29, 0), (0.29, 0)] if style != 1 else [(float(x), 0) for x in np.linspace(-0.29, 0.29, 6)]
    for x, _ in posts:
        parts.append(
            tube(
                [(x, height, -0.28), (x, height + back * 0.5, -0.28 - lean / 2), (x, height + back, -0.28 - lean)],
                0.024,
                frame,
                segments=10,
            )
        )
    if style == 1:
        parts += [
            part.moved(y=height + back, z=-0.28 - lean) for part in box((0.68, 0.09, 0.06), frame, bevel=0.025, cuts=4)
        ]
    if style == 2:
        for share in (0.5, 0.75, 1.0):
            parts += [
                part.moved(y=height + back * share, z=-0.28 - lean * share)
                for part in box((0.6, 0.1, 0.03), frame, bevel=0.012, cuts=4)
            ]
    return Item(tuple(parts), yaw=(-50, 50), pitch=(6, 24))


def stool(rng: Generator) -> Item:
    frame = wood(rng) if rng.random() < 0.6 else metal(rng)
    height = rng.uniform(0.55, 1.1)
    seat = frame if rng.random() < 0.4 else (cloth(rng) if rng.random() < 0.5 else plastic(rng))
    lean = rng.uniform(0.06, 0.14)
    parts = _legs(frame, 0.19, 0.19, height, lean, rng.uniform(0.025, 0.036))
    if rng.random() < 0.7:
        thick = rng.uniform(0.05, 0.13)
        parts.append(
            lathe(
                [
                    (0, height),
                    (0.31, height),
                    (0.33, height + thick * 0.5),
                    (0.3, height + thick),
                    (0, height + thick * 1.1),
                ],
                seat,
            )
        )
    else:
        parts += [part.moved(y=height + 0.03) for part in box((0.6, 0.08, 0.6), seat, bevel=0.03)]
    bar = 0.19 + lean * 0.6
    for x, z in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        ends = [(x * bar + k * bar * (x == 0), height * 0.36, z * bar + k * bar * (z == 0)) for k in (-1, 0, 1)]
        parts.append(tube(ends, 0.018, frame, segments=8))
    if rng.random() < 0.12:  # a low back makes it nearly a chair
        parts += [part.moved(y=height + 0.24, z=-0.26) for part in box((0.5, 0.12, 0.04), seat, bevel=0.015, cuts=4)]
        parts += [tube([(x, height, -0.24), (x, height + 0.24, -0.26)], 0.02, frame, segments=8) for x in (-0.18, 0.18)]
    return Item(tuple(parts), yaw=(-50, 50), pitch=(6, 24))


def _upholstered(rng: Generator, width: float, seats: int) -> Item:
    fabric = cloth(rng)
    arm, deep, back = rng.uniform(0.14, 0.24), rng.uniform(0.72, 0.85), rng.uniform(0.5, 0.66)
    parts = [part.moved(y=0.25) for part in box((width, 0.26, deep), fabric, bevel=0.04)]
    inner = width - 2 * arm
    each = inner / seats
    for k in range(seats):
        x = -inner / 2 + each * (k + 0.5)
        parts += [
            part.moved(x=x, y=0.44, z=0.07).over() for part in box((each * 0.98, 0.17, deep * 0.84), fabric, bevel=0.06)
        ]
        parts += [
            part.turned("x", -10).moved(x=x, y=0.44 + back * 0.42, z=-deep * 0.3).over()
            for part in box((each * 0.98, back * 0.8, 0.2), fabric, bevel=0.07)
        ]
    parts += [
        part.moved(y=0.32 + back * 0.4, z=-deep * 0.46) for part in box((width, back * 1.2, 0.18), fabric, bevel=0.06)
    ]
    for side in (-1, 1):
        parts += [
            part.moved(x=side * (width - arm) / 2, y=0.42)
            for part in box((arm, rng.uniform(0.5, 0.58), deep), fabric, bevel=0.06)
        ]
        if rng.random() < 0.3:
            pillow = cloth(rng, ("plain", "checks", "dots"))
            parts += [
                part.turned("x", -18).moved(x=side * inner * 0.36, y=0.66, z=0.0).over().over()
                for part in box((0.34, 0.3, 0.12), pillow, bevel=0.06, cuts=4)
            ]
    parts += _legs(wood(rng), width / 2 - 0.1, deep / 2 - 0.08, 0.14, 0.02, 0.03)
    return Item(tuple(parts), yaw=(-40, 40), pitch=(5, 22))


def sofa(rng: Generator) -> Item:
    return _upholstered(rng, float(rng.uniform(1.7, 2.3)), int(rng.integers(2, 4)))


def armchair(rng: Generator) -> Item:
    return _upholstered(rng, float(rng.uniform(0.95, 1.15)), 1)


def vase(rng: Generator) -> Item:
    glaze = ceramic(rng)
    height, belly, neck = rng.uniform(0.8, 1.2), rng.uniform(0.26, 0.42), rng.uniform(0.1, 0.2)
    outline = curve(
        [
            (rng.uniform(0.14, 0.22), 0, 0),
            (belly, height * rng.uniform(0.3, 0.55), 0),
            (neck, height * 0.82, 0),
            (neck * rng.uniform(1.0, 1.5), height, 0),
        ],
        16,
    )[:, :2]
    inner = [(max(float(r) - 0.03, 0.0), float(y)) for r, y in outline[:8:-1]]
    parts = [lathe([(0, 0), *map(tuple, outline), *inner], glaze)]
    if rng.random() < 0.35:
        stem, leaf = (
            Material((0.34, 0.42, 0.22), gloss=0.15),
            Material(pick(rng, ((0.30, 0.45, 0.24), *BRIGHTS[:2], (0.90, 0.75, 0.78))), gloss=0.1),
        )
        for _ in range(int(rng.integers(3, 7))):
            x, z, up = rng.uniform(-0.3, 0.3), rng.uniform(-0.2, 0.2), height + rng.uniform(0.3, 0.6)
            parts.append(
                tube(
                    curve([(0, height * 0.9, 0), (x * 0.4, height + 0.2, z * 0.4), (x, up, z)], 8),
                    0.012,
                    stem,
                    segments=6,
                )
            )
            parts.append(ball(rng.uniform(0.05, 0.09), leaf, squash=(1, 0.8, 1), rings=10).moved(x, up, z))
    return Item(tuple(parts), yaw=(-60, 60), pitch=(3, 24))


def clock(rng: Generator) -> Item:
    rim = metal(rng) if rng.random() < 0.5 else (wood(rng) if rng.random() < 0.5 else plastic(rng))
    face = Material((0.95, 0.95, 0.93) if rng.random() < 0.75 else pick(rng, GLAZES), gloss=0.25)
    ink = dark() if sum(face.colour) > 1.2 else Material((0.95, 0.95, 0.93), gloss=0.2)
    wide = rng.uniform(0.04, 0.09)
    parts = [
        lathe([(0.5 - wide, 0.05), (0.5, 0.09), (0.53, 0.05), (0.53, 0)][::-1], rim),
        lathe([(0.5 - wide, 0.05), (0, 0.05)], face).over(),
    ]
    for hour in range(12):
        angle = np.radians(hour * 30)
        out, start = 0.42 - wide / 2, 0.36 if hour % 3 else 0.31
        ends = [(r * np.sin(angle), 0.06, -r * np.cos(angle)) for r in (start, out)]
        parts.append(tube(ends, 0.010 if hour % 3 else 0.016, ink, segments=6).over().over())
    for angle, length, thick in ((rng.uniform(0, 360), 0.22, 0.016), (rng.uniform(0, 360), 0.33, 0.011)):
        tip = (length * np.sin(np.radians(angle)), 0.075, -length * np.cos(np.radians(angle)))
        parts.append(tube([(0, 0.075, 0), tip], thick, ink, segments=6).over().over().over())
    return Item(tuple(part.turned("x", 90) for part in parts), pose="hang", yaw=(-35, 35), pitch=(-12, 12))

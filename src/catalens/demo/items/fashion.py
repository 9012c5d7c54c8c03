"""T-shirts, shirts, hoodies, caps, sneakers, boots, sandals, handbags, backpacks."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from catalens.demo.items.palette import CLOTHS, METALS, cloth, dark, leather, pick, shaded
from catalens.demo.material import Material, vector
from catalens.demo.mesh import Item, Part, ball, box, curve, ellipse, lathe, loft, ribbon, tube

LAID_OUT = (58.0, 86.0)


def _torso(width: float, length: float, cloth: Material, *, neck: float, depth: float = 0.09) -> Part:
    """The body of a garment lying flat, hem at y = 0, shoulders sloping to the neck."""
    rows = [
        (0.0, width),
        (0.04, width * 1.01),
        (length * 0.5, width * 0.97),
        (length * 0.74, width),
        (length * 0.88, width * 1.04),
        (length * 0.95, width * 0.72),
        (length, neck),
    ]
    line = curve([(w, y, 0) for y, w in rows], 22)
    return loft([ellipse((0, float(y), 0), (float(w), 0, 0), (0, 0, depth), power=3.2) for w, y, _ in line], cloth)


def _sleeve(side: int, width: float, length: float, reach: tuple[float, float], thick: float, cloth: Material) -> Part:
    """A flattened tube from the shoulder to the cuff; `reach` is how far out and how far down it goes."""
    shoulder = (side * width * 0.7, length * 0.84, 0.0)
    cuff = (side * (width + reach[0]), length * 0.86 - reach[1], 0.02)
    middle = (side * (width + reach[0] * 0.5), length * 0.84 - reach[1] * 0.42, 0.02)
    radii = np.linspace(thick * 0.8, thick * (0.85 if reach[1] < 0.5 else 0.55), 24)
    return tube(curve([shoulder, middle, cuff]), radii, cloth, flatten=0.4, segments=18)


def _collar(length: float, neck: float, inside: Material, rim: Material) -> tuple[Part, ...]:
    """The opening at the neck: its dark inside, and a rib round it."""
    ring = ellipse((0, length - 0.01, 0.06), (neck * 0.94, 0, 0), (0, -0.11, 0.02))
    hole = loft([ring, ring * vector(0.5, 1, 1)], inside).moved(z=0.02).over().over()
    return hole, tube(np.concatenate([ring, ring[:1]]), 0.022, rim).over().over()


def tshirt(rng: Generator) -> Item:
    fabric = cloth(rng, ("plain", "logo", "logo", "rings", "marl"))
    width, length = rng.uniform(0.42, 0.48), rng.uniform(1.2, 1.36)
    neck = rng.uniform(0.16, 0.2)
    arms = [_sleeve(s, width, length, (rng.uniform(0.2, 0.26), 0.3), 0.17, fabric) for s in (-1, 1)]
    inside = Material(shaded(fabric.colour, 0.6), gloss=0.02)
    return Item(
        (_torso(width, length, fabric, neck=neck), *arms, *_collar(length, neck, inside, fabric)),
        pose="flat",
        yaw=(-25, 25),
        pitch=LAID_OUT,
    )


def shirt(rng: Generator) -> Item:
    fabric = cloth(rng, ("plain", "checks", "checks", "bars", "bars"))
    width, length, neck = rng.uniform(0.40, 0.46), rng.uniform(1.18, 1.32), 0.13
    long = rng.random() < 0.8
    reach = (rng.uniform(0.18, 0.28), rng.uniform(0.75, 0.9)) if long else (0.22, 0.32)
    arms = [_sleeve(s, width, length, reach, 0.15, fabric) for s in (-1, 1)]
    placket = box((0.07, length * 0.88, 0.02), fabric).__iter__()
    front = [part.moved(y=length * 0.46, z=0.095).over() for part in placket]
    pale = Material((0.93, 0.92, 0.88), gloss=0.5)
    buttons = [
        ball(0.017, pale, squash=(1, 1, 0.5), rings=6).moved(y=float(y), z=0.115).over().over()
        for y in np.linspace(length * 0.1, length * 0.86, 6)
    ]
    flaps = [
        loft(
            [
                ellipse(
                    (s * 0.075, length - 0.03, 0.1), (0.085, s * 0.05, 0), (-s * 0.03, 0.06, 0), power=3.0, count=16
                ),
                ellipse(
                    (s * 0.075, length - 0.03, 0.12), (0.085, s * 0.05, 0), (-s * 0.03, 0.06, 0), power=3.0, count=16
                ),
            ],
            fabric,
        )
        .over()
        .over()
        for s in (-1, 1)
    ]
    return Item(
        (_torso(width, length, fabric, neck=neck), *arms, *front, *buttons, *flaps),
        pose="flat",
        yaw=(-25, 25),
        pitch=LAID_OUT,
    )


def hoodie(rng: Generator) -> Item:
    fabric = cloth(rng, ("plain", "marl", "logo"))
    width, length, neck = rng.uniform(0.42, 0.5), rng.uniform(1.1, 1.22), 0.2
    arms = [
        _sleeve(s, width, length, (rng.uniform(0.16, 0.26), rng.uniform(0.72, 0.86)), 0.17, fabric) for s in (-1, 1)
    ]
    hood = ball(0.25, fabric, squash=(1.0, 0.95, 0.45)).moved(y=length + 0.1)
    inside = Material(shaded(fabric.colour, 0.45), gloss=0.02)
    opening = ball(0.17, inside, squash=(0.95, 1.15, 0.3)).moved(y=length + 0.06, z=0.09).over().over()
    low, high = length * 0.14, length * 0.42
    pocket = loft(
        [ellipse((0, (low + high) / 2, z), (0.25, 0, 0), (0, (high - low) / 2, 0), power=3.5) for z in (0.06, 0.14)],
        fabric,
    ).over()
    cord = Material((0.92, 0.92, 0.90), gloss=0.1)
    cords = [
        tube(
            curve(
                [(s * 0.07, length - 0.06, 0.13), (s * 0.09, length - 0.2, 0.13), (s * 0.07, length - 0.34, 0.12)], 8
            ),
            0.012,
            cord,
            segments=6,
        )
        .over()
        .over()
        for s in (-1, 1)
    ]
    rib = tube([(-width * 0.98, 0.0, 0), (0, 0, 0), (width * 0.98, 0.0, 0)], 0.06, fabric)
    return Item(
        (_torso(width, length, fabric, neck=neck, depth=0.11), *arms, hood, opening, pocket, *cords, rib),
        pose="flat",
        yaw=(-25, 25),
        pitch=LAID_OUT,
    )


def cap(rng: Generator) -> Item:
    fabric = cloth(rng)
    dome = curve([(0.5, 0.0, 0), (0.52, 0.12, 0), (0.46, 0.3, 0), (0.3, 0.42, 0), (0, 0.465, 0)], 14)
    crown = [(max(float(radius), 0.0), float(y)) for radius, y, _ in dome]
    panels = Material(fabric.colour, fabric.second, str(rng.choice(["plain", "panels"])), 4, gloss=0.04, bump=0.2)
    brim_colour = fabric if rng.random() < 0.5 else cloth(rng)
    upper = [
        ellipse((0, 0.05 - 0.1 * k * k, 0.42 + 0.48 * k), (0.44 * (1 - 0.55 * k**3), 0, 0), (0, 0.018, 0), count=20)
        for k in np.linspace(0, 1, 9)
    ]
    button = ball(0.04, brim_colour, squash=(1, 0.6, 1), rings=8).moved(y=0.47).over()
    return Item((lathe(crown, panels), loft(upper, brim_colour), button), yaw=(-75, 75), pitch=(10, 35))


def _foot(
    length: float, heights: list[float], widths: list[float], material: Material, *, low: float, power: float = 2.6
) -> Part:
    """A shoe's upper or sole along x, toe at the right; `heights` and `widths` from heel to toe."""
    places = np.linspace(-length / 2, length / 2, len(heights))
    line = curve([(x, h, w) for x, h, w in zip(places, heights, widths, strict=True)], 22)
    rings = [
        ellipse((float(x), low + float(h) / 2, 0), (0, float(h) / 2, 0), (0, 0, float(w)), power=power, count=24)
        for x, h, w in line
    ]
    return loft(rings, material)


WIDTHS = [0.14, 0.18, 0.165, 0.175, 0.205, 0.2, 0.13]  # of a foot, from heel to toe


def _pair(parts: list[Part], rng: Generator) -> Item:
    """One shoe, or the pair with the other a little behind."""
    if rng.random() < 0.45:
        ahead = rng.uniform(-0.12, 0.12)
        parts = [part.moved(x=ahead, z=0.24) for part in parts] + [
            part.turned("y", rng.uniform(-6, 6)).moved(z=-0.24) for part in parts
        ]
    if rng.random() < 0.5:
        parts = [part.mirrored() for part in parts]
    return Item(tuple(parts), yaw=(-38, 38), pitch=(8, 42))


def sneaker(rng: Generator) -> Item:
    upper = cloth(rng) if rng.random() < 0.6 else leather(rng)
    ankle = rng.uniform(0.42, 0.62)
    white = Material((0.94, 0.94, 0.92) if rng.random() < 0.75 else pick(rng, CLOTHS), gloss=0.15)
    heights = [ankle * 0.8, ankle, ankle * 0.96, ankle * 0.8, 0.33, 0.27, 0.2]
    parts = [
        _foot(1.2, heights, WIDTHS, upper, low=0.08),
        _foot(1.28, [0.13, 0.14, 0.13, 0.12, 0.12, 0.12, 0.1], [w + 0.02 for w in WIDTHS], white, low=0.0, power=4),
        ball(0.16, dark(), squash=(1.3, 0.12, 0.72), rings=12).moved(x=-0.33, y=ankle + 0.065).over(),
    ]
    lace = Material((0.95, 0.95, 0.93) if rng.random() < 0.7 else pick(rng, CLOTHS), gloss=0.05)
    for k in range(4):
        x, y = 0.02 + 0.075 * k, ankle * 0.93 - (ankle * 0.93 - 0.4) * k / 3 + 0.055
        parts.append(
            tube(
                curve([(x - 0.02, y - 0.05, 0.1), (x, y, 0), (x - 0.02, y - 0.05, -0.1)], 8), 0.018, lace, segments=6
            ).over()
        )
    stripe = Material(pick(rng, CLOTHS), gloss=0.2)
    for k in range(int(rng.integers(0, 4))):
        x = -0.12 + 0.1 * k
        for side in (-1, 1):
            bar = curve([(x, 0.13, side * 0.175), (x + 0.05, 0.24, side * 0.165), (x + 0.1, 0.36, side * 0.12)], 8)
            parts.append(tube(bar, 0.022, stripe, segments=6).over())
    return _pair(parts, rng)


def boot(rng: Generator) -> Item:
    skin = leather(rng)
    shaft_height = rng.uniform(0.72, 1.15)
    rubber = dark() if rng.random() < 0.7 else Material(pick(rng, METALS), gloss=0.1)
    shaft = [
        ellipse(
            (-0.36 + 0.02 * k, 0.15 + shaft_height * k, 0), (0.21 + 0.03 * k, 0, 0), (0, 0, 0.165 + 0.02 * k), count=26
        )
        for k in np.linspace(0, 1, 12)
    ]
    top = 0.15 + shaft_height
    parts = [
        _foot(1.2, [0.44, 0.5, 0.48, 0.42, 0.33, 0.31, 0.24], WIDTHS, skin, low=0.08),
        loft(shaft, skin),
        _foot(1.26, [0.1] * 7, [w + 0.015 for w in WIDTHS], rubber, low=0.0, power=4),
        ball(0.22, dark(), squash=(1.0, 0.05, 0.78), rings=12).moved(x=-0.34, y=top).over(),
        *(part.moved(x=-0.45, y=0.03) for part in box((0.3, 0.16, 0.3), rubber, bevel=0.03, cuts=3)),
    ]
    if rng.random() < 0.6:
        lace = Material(pick(rng, CLOTHS), gloss=0.05)
        for k in range(6):
            x, y = max(-0.12, 0.14 - 0.1 * k), 0.48 + (shaft_height - 0.36) * k / 6
            parts.append(
                tube(
                    curve([(x - 0.05, y, 0.1), (x + 0.01, y + 0.03, 0), (x - 0.05, y, -0.1)], 8),
                    0.016,
                    lace,
                    segments=6,
                ).over()
            )
    return _pair(parts, rng)


def sandal(rng: Generator) -> Item:
    skin = leather(rng)
    base = leather(rng) if rng.random() < 0.5 else Material(pick(rng, CLOTHS), gloss=0.1)
    lift = rng.uniform(0.0, 0.12)
    parts = [
        _foot(
            1.2,
            [0.1 + lift, 0.1 + lift, 0.1 + lift * 0.7, 0.1, 0.1, 0.1, 0.09],
            [w + 0.02 for w in WIDTHS],
            base,
            low=0.0,
            power=4,
        )
    ]
    straps = [(0.3, 0.26, 0.07), (0.12, 0.30, 0.06)] if rng.random() < 0.6 else [(0.24, 0.28, 0.13)]
    if rng.random() < 0.6:
        straps.append((-0.36, 0.42, 0.045))
    for x, height, wide in straps:
        arc = curve(
            [
                (x, 0.06, 0.2),
                (x - 0.02, height * 0.8, 0.17),
                (x - 0.03, height, 0),
                (x - 0.02, height * 0.8, -0.17),
                (x, 0.06, -0.2),
            ],
            18,
        )
        parts.append(ribbon(arc, (2 * wide, 0, 0), skin).over())
    return _pair(parts, rng)


def handbag(rng: Generator) -> Item:
    skin = leather(rng)
    width, height, depth = rng.uniform(0.5, 0.62), rng.uniform(0.6, 0.8), rng.uniform(0.16, 0.24)
    taper = rng.uniform(0.72, 1.0)
    levels = [(0.0, 0.96), (0.05, 1.0), (0.5, (1 + taper) / 2), (0.95, taper), (1.0, taper * 0.97)]
    body = loft(
        [ellipse((0, height * y, 0), (width * s, 0, 0), (0, 0, depth * (1.1 - 0.5 * y)), power=5) for y, s in levels],
        skin,
    )
    trim = Material(pick(rng, METALS), gloss=0.8, metal=0.8)
    rise = rng.uniform(0.3, 0.6)
    parts = [body]
    for z in (-depth * 0.5, depth * 0.5):
        arc = curve(
            [
                (-width * 0.42, height * 0.9, z),
                (-width * 0.36, height + rise * 0.8, z),
                (0, height + rise, z),
                (width * 0.36, height + rise * 0.8, z),
                (width * 0.42, height * 0.9, z),
            ]
        )
        parts.append(tube(arc, 0.03, skin))
    if rng.random() < 0.6:
        flap = [
            ellipse((0, height * 0.74, depth * (1.0 + 0.12 * k)), (width * 0.8, 0, 0), (0, height * 0.24, 0), power=4)
            for k in (0, 1)
        ]
        parts.append(loft(flap, skin).over())
    parts += [
        part.moved(y=height * 0.56, z=depth * 1.08).over().over()
        for part in box((0.1, 0.08, 0.04), trim, bevel=0.02, cuts=2)
    ]
    return Item(tuple(parts), yaw=(-35, 35), pitch=(4, 26))


def backpack(rng: Generator) -> Item:
    fabric = cloth(rng)
    width, height, depth = rng.uniform(0.38, 0.46), rng.uniform(0.95, 1.15), rng.uniform(0.2, 0.27)
    levels = [(0.0, 0.9), (0.05, 1.0), (0.5, 1.0), (0.8, 0.93), (0.93, 0.75), (1.0, 0.45)]
    line = curve([(s, y, 0) for y, s in levels], 16)
    body = loft(
        [
            ellipse((0, height * float(y), 0), (width * float(s), 0, 0), (0, 0, depth * float(s)), power=3.5)
            for s, y, _ in line
        ],
        fabric,
    )
    trim = cloth(rng) if rng.random() < 0.5 else fabric
    pocket = loft(
        [
            ellipse((0, height * y, depth * 0.8), (width * 0.78 * s, 0, 0), (0, 0, depth * 0.55 * s), power=3.5)
            for y, s in ((0.08, 0.92), (0.14, 1), (0.38, 1), (0.45, 0.9))
        ],
        trim,
    ).over()
    zip_line = Material((0.75, 0.75, 0.76), gloss=0.6)
    arc = curve(
        [
            (-width * 0.8, height * 0.55, depth * 0.8),
            (-width * 0.62, height * 0.86, depth * 0.78),
            (0, height * 0.95, depth * 0.7),
            (width * 0.62, height * 0.86, depth * 0.78),
            (width * 0.8, height * 0.55, depth * 0.8),
        ]
    )
    loop = curve(
        [(-0.1, height * 0.97, 0), (-0.08, height * 1.1, 0), (0.08, height * 1.1, 0), (0.1, height * 0.97, 0)], 12
    )
    straps = [
        tube(
            curve(
                [
                    (s * width * 0.5, height * 0.92, -depth),
                    (s * width * 1.15, height * 0.7, -depth * 1.2),
                    (s * width * 1.12, height * 0.3, -depth),
                    (s * width * 0.8, 0.06, -depth),
                ]
            ),
            0.05,
            trim,
        )
        for s in (-1, 1)
    ]
    return Item(
        (body, pocket, tube(arc, 0.014, zip_line, segments=6).over(), tube(loop, 0.025, trim), *straps),
        yaw=(-40, 40),
        pitch=(2, 22),
    )

"""Headphones, speakers, laptops, phones, cameras; balls, cars, bears; hammers, screwdrivers."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from catalens.demo.items.palette import BRIGHTS, METALS, cloth, dark, metal, pick, plastic, shaded, wood
from catalens.demo.material import Material
from catalens.demo.mesh import Item, Part, ball, box, curve, ellipse, lathe, loft, tube

BODIES = ((0.14, 0.14, 0.15), (0.92, 0.92, 0.92), (0.45, 0.46, 0.48), (0.20, 0.26, 0.36), (0.80, 0.72, 0.66))


def headphones(rng: Generator) -> Item:
    shell = plastic(rng, (*BODIES, *BRIGHTS[:4]))
    soft = dark() if rng.random() < 0.7 else Material(pick(rng, BODIES), gloss=0.1)
    wide, high = rng.uniform(0.4, 0.46), rng.uniform(0.5, 0.62)
    arch = curve(
        [
            (-wide, 0.2, 0),
            (-wide * 0.98, high * 0.85, 0),
            (-wide * 0.55, high * 1.32, 0),
            (0, high * 1.48, 0),
            (wide * 0.55, high * 1.32, 0),
            (wide * 0.98, high * 0.85, 0),
            (wide, 0.2, 0),
        ],
        32,
    )
    parts = [tube(arch, rng.uniform(0.03, 0.05), shell)]
    size = rng.uniform(0.2, 0.27)
    for side in (-1, 1):
        cup = lathe([(0, 0), (size * 0.9, 0), (size, 0.05), (size * 0.9, 0.11), (0, 0.13)], shell).turned(
            "z", -90 * side
        )
        pad = lathe([(size * 0.4, -0.1), (size * 0.95, -0.1), (size, -0.05), (size * 0.9, 0.0)], soft).turned(
            "z", -90 * side
        )
        parts += [cup.moved(x=side * wide, y=0.22), pad.moved(x=side * wide, y=0.22)]
    tilt = rng.uniform(-10, 10)
    return Item(tuple(part.turned("y", tilt) for part in parts), yaw=(-70, 70), pitch=(4, 30))


def speaker(rng: Generator) -> Item:
    case = wood(rng) if rng.random() < 0.4 else plastic(rng, (*BODIES, *BRIGHTS[:3]))
    cone, ring = dark(), metal(rng, polish=0.6)
    if rng.random() < 0.65:
        width, height, depth = rng.uniform(0.42, 0.6), rng.uniform(0.75, 1.05), rng.uniform(0.35, 0.5)
        parts = list(box((width, height, depth), case, bevel=0.03))
        for y, size in ((-height * 0.2, width * 0.36), (height * 0.27, width * 0.2)):
            disc = lathe([(0, 0.0), (size * 0.35, 0.03), (size * 0.4, -0.01), (size, 0.02), (size, 0.0)][::-1], cone)
            edge = lathe([(size * 1.1, 0), (size * 1.06, 0.03), (size, 0.02)], ring)
            parts += [p.turned("x", 90).moved(y=y, z=depth / 2 + 0.012).over() for p in (disc, edge)]
        return Item(tuple(parts), yaw=(-40, 40), pitch=(2, 24))
    mesh = Material(case.colour, (0.1, 0.1, 0.1), "dots", 26, gloss=0.08)
    height, radius = rng.uniform(0.6, 1.0), rng.uniform(0.24, 0.34)
    body = lathe([(0, 0), (radius, 0.02), (radius, height), (radius * 0.9, height + 0.03), (0, height + 0.03)], mesh)
    top = lathe([(radius * 0.8, height + 0.035), (0, height + 0.035)], cone).over()
    return Item((body, top), yaw=(-40, 40), pitch=(8, 30))


def _screen(rng: Generator) -> Material:
    glow = pick(
        rng, ((0.10, 0.11, 0.13), (0.25, 0.45, 0.75), (0.55, 0.35, 0.62), (0.20, 0.50, 0.48), (0.82, 0.52, 0.38))
    )
    return Material(glow, pick(rng, BRIGHTS), "screen", float(rng.uniform(1, 8)), gloss=0.6, glow=0.3)


def laptop(rng: Generator) -> Item:
    shell = Material(pick(rng, BODIES[:4]), gloss=0.5, metal=0.3)
    width, deep, tilt = 1.0, rng.uniform(0.64, 0.74), rng.uniform(8, 28)
    base = list(box((width, 0.04, deep), shell, bevel=0.02))
    keys = [
        p.moved(y=0.022, z=-deep * 0.14).over()
        for p in box(
            (width * 0.88, 0.01, deep * 0.5),
            Material((0.13, 0.13, 0.14), (0.3, 0.3, 0.31), "checks", 10, gloss=0.2),
            bevel=0.004,
        )
    ]
    pad = [
        p.moved(y=0.022, z=deep * 0.3).over()
        for p in box(
            (width * 0.3, 0.006, deep * 0.24),
            Material(shaded(shell.colour, 0.85), gloss=0.5),
            bevel=0.002,
            cuts=3,
        )
    ]
    lid = [
        *box((width, deep, 0.03), shell, bevel=0.015),
        *(p.moved(z=0.016).over() for p in box((width * 0.93, deep * 0.88, 0.006), _screen(rng), bevel=0.002)),
    ]
    lid = [p.moved(y=deep / 2).turned("x", -tilt).moved(y=0.02, z=-deep / 2) for p in lid]
    return Item((*base, *keys, *pad, *lid), yaw=(-42, 42), pitch=(10, 34))


def phone(rng: Generator) -> Item:
    width, height = rng.uniform(0.46, 0.5), 1.0
    rim = Material(pick(rng, (*BODIES, *BRIGHTS[2:4])), gloss=0.8, metal=0.3)
    parts = list(box((width, height, 0.07), rim, bevel=0.034))
    if rng.random() < 0.7:
        parts += [p.moved(z=0.034).over() for p in box((width * 0.94, height * 0.96, 0.008), _screen(rng), bevel=0.003)]
    else:
        lens = Material((0.06, 0.06, 0.08), gloss=1.0)
        parts += [
            p.moved(x=-width * 0.25, y=height * 0.35, z=0.04).over()
            for p in box((0.18, 0.2, 0.03), rim, bevel=0.014, cuts=3)
        ]
        for y in (0.3, 0.4):
            parts.append(
                ball(0.05, lens, squash=(1, 1, 0.3), rings=10).moved(-width * 0.25, height * y, 0.06).over().over()
            )
    return Item(tuple(parts), pose="flat", yaw=(-50, 50), pitch=(38, 84))


def camera(rng: Generator) -> Item:
    body, band = (
        plastic(rng, (BODIES[0], BODIES[0], BODIES[2])),
        dark()
        if rng.random() < 0.5
        else Material(pick(rng, ((0.35, 0.22, 0.15), (0.5, 0.15, 0.15))), gloss=0.2, bump=0.2),
    )
    parts = [
        *box((1.0, 0.62, 0.34), band, bevel=0.06),
        *(p.moved(y=0.33) for p in box((0.98, 0.12, 0.32), body, bevel=0.04)),
    ]
    parts += [p.moved(y=0.42).over() for p in box((0.34, 0.2, 0.3), body, bevel=0.06, cuts=3)]
    reach, size = rng.uniform(0.22, 0.5), rng.uniform(0.2, 0.27)
    barrel = lathe([(size, 0), (size, reach), (size * 0.85, reach + 0.03), (size * 0.8, reach)], body)
    front = lathe([(size * 0.8, reach - 0.02), (0, reach + 0.05)], Material((0.08, 0.09, 0.16), gloss=1.0)).over()
    parts += [p.turned("x", 90).moved(z=0.16).over() for p in (barrel, front)]
    parts += [lathe([(0.06, 0), (0.06, 0.07), (0, 0.07)], metal(rng)).moved(x=x, y=0.38) for x in (-0.36, 0.36)]
    return Item(tuple(parts), yaw=(-40, 40), pitch=(4, 26))


def toy_ball(rng: Generator) -> Item:
    pattern = str(rng.choice(["panels", "panels", "rings", "dots"]))
    skin = Material(
        pick(rng, BRIGHTS), pick(rng, BRIGHTS), pattern, float(rng.integers(3, 9)), gloss=float(rng.uniform(0.2, 0.7))
    )
    sphere = ball(0.5, skin, rings=30).turned("z", rng.uniform(-70, 70)).turned("x", rng.uniform(-60, 60))
    return Item((sphere,), yaw=(-180, 180), pitch=(5, 45))


def toy_car(rng: Generator) -> Item:
    paint, glass = plastic(rng), Material((0.20, 0.26, 0.32), gloss=0.9)
    length, high = rng.uniform(1.0, 1.2), rng.uniform(0.2, 0.26)
    line = [
        (-0.5, 0.7, 0.9),
        (-0.46, 1.0, 1.0),
        (0.0, 1.05, 1.0),
        (0.4, 0.95, 1.0),
        (0.49, 0.75, 0.92),
        (0.5, 0.6, 0.85),
    ]
    body = loft(
        [
            ellipse((length * x, 0.12 + high * h / 2, 0), (0, high * h / 2, 0), (0, 0, 0.24 * w), power=4.5)
            for x, h, w in line
        ],
        paint,
    )
    front, rear, roof = rng.uniform(0.1, 0.3), rng.uniform(-0.46, -0.3), rng.uniform(0.17, 0.27)
    cabin = [(rear, 0.05), (rear + 0.07, roof), (front - 0.16, roof), (front, 0.05)]
    top = 0.1 + high
    room = loft(
        [ellipse((length * x, top + h / 2, 0), (0, h / 2 + 0.02, 0), (0, 0, 0.2), power=4) for x, h in cabin], glass
    )
    lid = loft(
        [
            ellipse((length * x, top + roof, 0), (0, 0.022, 0), (0, 0, 0.195), power=4)
            for x in np.linspace(rear + 0.06, front - 0.15, 4)
        ],
        paint,
    ).over()
    parts: list[Part] = [body, room, lid]
    hub = metal(rng, polish=0.6)
    for x in (-0.31, 0.31):
        for side in (-1, 1):
            wheel = lathe(
                [(0, 0), (0.12, 0.0), (0.125, 0.03), (0.11, 0.08), (0.07, 0.085)], dark(), segments=24
            ).turned("x", 90 * side)
            cap = lathe([(0.07, 0.086), (0, 0.09)], hub, segments=20).turned("x", 90 * side)
            parts += [part.moved(length * x, 0.12, side * 0.17).over() for part in (wheel, cap.over())]
    lamp = Material((0.97, 0.95, 0.8), gloss=0.8)
    parts += [ball(0.04, lamp, rings=8).moved(length * 0.495, 0.12 + high * 0.55, z).over() for z in (-0.13, 0.13)]
    return Item(tuple(parts), yaw=(-65, 30), pitch=(8, 34))


def bear(rng: Generator) -> Item:
    fur = Material(
        pick(rng, ((0.55, 0.36, 0.22), (0.76, 0.60, 0.42), (0.88, 0.84, 0.78), (0.38, 0.28, 0.22), (0.82, 0.62, 0.66))),
        gloss=0.03,
        bump=0.9,
    )
    pale = Material(shaded(fur.colour, 1.35), gloss=0.03, bump=0.7)
    nose = Material((0.08, 0.07, 0.07), gloss=0.8)
    head = 0.86
    parts = [
        ball(0.34, fur, squash=(1, 1.12, 0.85)).moved(y=0.38),
        ball(0.26, fur, squash=(1.1, 1, 0.95)).moved(y=head),
    ]
    for side in (-1, 1):
        parts += [
            ball(0.10, fur, squash=(1, 1, 0.6), rings=14).moved(side * 0.22, head + 0.2),
            ball(0.14, fur, squash=(0.8, 1.7, 0.9), rings=16).turned("z", side * 28).moved(side * 0.36, 0.46, 0.06),
            ball(0.15, fur, squash=(0.9, 0.9, 1.5), rings=16).moved(side * 0.24, 0.13, 0.28).over(),
            ball(0.09, pale, squash=(1, 1, 0.3), rings=10).moved(side * 0.24, 0.14, 0.5).over().over(),
            ball(0.032, nose, rings=8).moved(side * 0.10, head + 0.06, 0.24).over().over(),
        ]
    parts += [
        ball(0.12, pale, squash=(1.1, 0.85, 0.8), rings=14).moved(y=head - 0.07, z=0.2).over(),
        ball(0.04, nose, squash=(1.3, 0.9, 0.8), rings=8).moved(y=head - 0.03, z=0.3).over().over(),
        ball(0.22, pale, squash=(1, 1.1, 0.4), rings=16).moved(y=0.38, z=0.22).over(),
    ]
    if rng.random() < 0.5:
        bow = cloth(rng)
        parts += [
            ball(0.09, bow, squash=(1.2, 0.7, 0.6), rings=10).moved(side * 0.09, 0.66, 0.26).over().over()
            for side in (-1, 1)
        ]
    return Item(tuple(parts), yaw=(-40, 40), pitch=(2, 24))


def hammer(rng: Generator) -> Item:
    steel = metal(rng, polish=0.7) if rng.random() < 0.7 else Material(pick(rng, METALS[4:]), gloss=0.6)
    grip = wood(rng) if rng.random() < 0.5 else plastic(rng)
    length, reach = rng.uniform(1.0, 1.25), rng.uniform(0.16, 0.24)
    thick = rng.uniform(0.035, 0.05)
    shaft = tube(
        [(0, y, 0) for y in np.linspace(0, length, 14)], [thick * (1.25 - 0.35 * k / 13) for k in range(14)], grip
    )
    face = (
        lathe([(0.055, 0), (0.055, reach - 0.1), (0.085, reach - 0.08), (0.085, reach), (0, reach)], steel)
        .turned("z", 90)
        .moved(y=length)
    )
    claw = tube(
        curve([(0, length, 0), (0.14, length + 0.01, 0), (0.3, length - 0.1, 0)], 12),
        [0.07 - 0.0045 * k for k in range(12)],
        steel,
    )
    block = [part.moved(y=length) for part in box((0.18, 0.13, 0.12), steel, bevel=0.03, cuts=3)]
    parts = (shaft, face, claw, *(part.over() for part in block))
    return Item(_laid(parts, rng), pose="flat", yaw=(-60, 60), pitch=(42, 84))


def screwdriver(rng: Generator) -> Item:
    grip = plastic(rng)
    ridged = Material(
        grip.colour,
        dark().colour,
        str(rng.choice(["plain", "panels", "panels"])),
        float(rng.integers(6, 12)),
        gloss=grip.gloss,
    )
    length, thick = rng.uniform(0.5, 0.85), rng.uniform(0.08, 0.11)
    handle = curve(
        [(thick * 0.7, 0, 0), (thick, 0.08, 0), (thick * 0.85, 0.3, 0), (thick * 0.95, 0.4, 0), (thick * 0.5, 0.5, 0)],
        16,
    )[:, :2]
    steel = metal(rng, polish=0.8)
    shaft = tube([(0, y, 0) for y in np.linspace(0.48, 0.5 + length, 10)], rng.uniform(0.022, 0.03), steel)
    tip = [part.moved(y=0.5 + length) for part in box((0.07, 0.08, 0.025), steel, bevel=0.008, cuts=2)]
    parts = (lathe([(0, 0), *map(tuple, handle), (0, 0.51)], ridged, segments=28), shaft, *tip)
    return Item(_laid(parts, rng), pose="flat", yaw=(-60, 60), pitch=(42, 84))


def _laid(parts: tuple[Part, ...], rng: Generator) -> tuple[Part, ...]:
    """Turned on the table, so that a long tool lies aslant in the frame."""
    slant = float(rng.uniform(25, 65) * rng.choice([-1, 1]))
    return tuple(part.turned("z", slant) for part in parts)

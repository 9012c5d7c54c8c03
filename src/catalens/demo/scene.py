"""Where the drawn products stand and what lights them: studio, table, cloth, room."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from catalens.demo.material import Colour, Floats, sample, vector
from catalens.demo.mesh import Pose

FLOORS = ("plain", "wood", "cloth", "stone")
WOODS: tuple[Colour, ...] = ((0.72, 0.53, 0.36), (0.52, 0.35, 0.22), (0.82, 0.70, 0.54), (0.38, 0.26, 0.19))
PLAINS: tuple[Colour, ...] = (
    (0.93, 0.93, 0.92), (0.88, 0.87, 0.85), (0.80, 0.84, 0.86),
    (0.90, 0.85, 0.78), (0.74, 0.78, 0.72), (0.86, 0.78, 0.78),
)  # fmt: skip
CLOTHS: tuple[Colour, ...] = ((0.85, 0.82, 0.76), (0.60, 0.64, 0.68), (0.45, 0.48, 0.46), (0.78, 0.70, 0.64))


@dataclass(frozen=True, slots=True)
class Light:
    """`towards` is the unit direction to the key light; `key`, `fill` and `ground` are linear colours."""

    towards: Floats
    key: Floats
    fill: Floats
    ground: Floats


@dataclass(frozen=True, slots=True)
class Scene:
    """A floor at y = 0 and something behind it: a wall at z = -`wall`, a seamless sweep, or a room out of focus."""

    floor: str
    floor_colour: Colour
    behind: str  # "sweep", "wall" or "room"
    wall_colour: Colour
    wall: float
    floor_level: float
    spin: float  # the floor's own turn, in degrees
    seed: int
    light: Light


def arrange(pose: Pose, rng: np.random.Generator, *, first: bool) -> Scene:
    """A setting for one photo; the first photo of a product is more often a studio shot."""
    studio = rng.random() < (0.8 if first else 0.4)
    floor = "plain" if studio else str(rng.choice(FLOORS, p=[0.25, 0.35, 0.2, 0.2]))
    palettes = {"wood": WOODS, "cloth": CLOTHS}
    palette = palettes.get(floor, PLAINS)
    white = studio and rng.random() < 0.7
    floor_colour = (0.95, 0.95, 0.95) if white else palette[rng.integers(len(palette))]
    behind = "sweep" if studio else str(rng.choice(["wall", "room"]))
    return Scene(
        floor=floor,
        floor_colour=floor_colour,
        behind=behind,
        wall_colour=PLAINS[rng.integers(len(PLAINS))],
        wall=float(rng.uniform(0.9, 2.2)),
        floor_level=-3.0 if pose == "hang" else 0.0,
        spin=float(rng.uniform(-30, 30)),
        seed=int(rng.integers(2**31)),
        light=_light(rng),
    )


def _light(rng: np.random.Generator) -> Light:
    side, height = rng.uniform(-75, 75), rng.uniform(35, 75)
    round_, up = np.radians(side), np.radians(height)
    towards = vector(np.sin(round_) * np.cos(up), np.sin(up), np.cos(round_) * np.cos(up))
    warm = rng.normal(0, 0.06)
    hard = rng.uniform(0.45, 0.95)
    key = vector(1 + warm, 1, 1 - warm) * hard
    fill = vector(1 - warm / 2, 1, 1 + warm) * (1.08 - 0.72 * hard)
    return Light(towards, key, fill, fill * 0.55)


def backdrop(scene: Scene, origin: Floats, directions: Floats) -> tuple[Floats, Floats]:
    """What the camera's rays meet behind the product.

    `directions` float32 [H, W, 3] -> linear colours [H, W, 3] before the product's shadow, and floor places
    (x, z) [H, W, 2], NaN where the ray does not meet the floor.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        to_floor = (scene.floor_level - origin[1]) / directions[..., 1]
        to_wall = (-scene.wall - origin[2]) / directions[..., 2]
    to_floor = np.where(to_floor > 0, to_floor, np.inf)
    to_wall = np.where(to_wall > 0, to_wall, np.inf)
    on_floor = np.isfinite(to_floor) & (to_floor <= to_wall)
    places = np.full((*on_floor.shape, 2), np.nan, np.float32)
    places[on_floor] = origin[[0, 2]] + to_floor[on_floor][:, None] * directions[on_floor][:, [0, 2]]
    floor = np.zeros_like(directions)
    floor[on_floor] = _floor(scene, places[on_floor])
    behind = _behind(scene, origin, directions, to_wall)
    lit = scene.light.fill + scene.light.key * scene.light.towards[1]
    if scene.behind == "sweep":
        return _sweep(scene, directions, lit), places
    colours = np.where(on_floor[..., None], floor * lit, behind)
    return colours.astype(np.float32), places


def _sweep(scene: Scene, directions: Floats, lit: Floats) -> Floats:
    """Seamless paper: a soft gradient, lightest behind the product."""
    height, width = directions.shape[:2]
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    glow = 1.0 - 0.10 * (x * x + (y + 0.2) ** 2)
    level = 0.35 * lit + 0.65  # a studio lights its paper separately
    return (vector(*scene.floor_colour) ** 2 * level * glow[..., None]).astype(np.float32)


def _floor(scene: Scene, places: Floats) -> Floats:
    """Colours [P, 3] at floor places [P, 2]."""
    angle = np.radians(scene.spin)
    u = places[:, 0] * np.cos(angle) - places[:, 1] * np.sin(angle) + scene.seed % 7
    v = places[:, 0] * np.sin(angle) + places[:, 1] * np.cos(angle) + scene.seed % 11
    colour = vector(*scene.floor_colour) ** 2
    if scene.floor == "wood":
        plank = np.floor(v / 0.42)
        shift = np.sin(plank * 12.9898 + scene.seed) * 43.7
        tone = 0.55 + 0.75 * sample("grain", u * 0.35 + shift, v * 0.6 + shift) + 0.18 * (shift % 1 - 0.5)
        joint = np.abs(v / 0.42 - plank - 0.5) > 0.488
        tone = np.where(joint, tone * 0.45, tone)
    elif scene.floor == "cloth":
        weave = np.sin(u * 210) * np.sin(v * 210)
        tone = 0.85 + 0.08 * weave + 0.22 * sample("fold", u * 0.4, v * 0.4)
    elif scene.floor == "stone":
        vein = np.abs(sample("cloud", u * 0.22, v * 0.22) - 0.5)
        tone = 0.75 + 0.25 * np.clip(vein * 9, 0, 1) + 0.10 * sample("fine", u, v)
    else:
        tone = 0.96 + 0.06 * sample("cloud", u * 0.3, v * 0.3)
    return colour * tone[:, None]


def _behind(scene: Scene, origin: Floats, directions: Floats, to_wall: Floats) -> Floats:
    if scene.behind == "room":
        height, width = directions.shape[:2]
        room = _room(scene.seed % 12).resize((width, height), Image.Resampling.BICUBIC)
        return (np.asarray(room, dtype=np.float32) / 255) ** 2 * (scene.light.key * 0.5 + scene.light.fill)
    reach = np.where(np.isfinite(to_wall), to_wall, 0)
    x = origin[0] + reach * directions[..., 0]
    y = origin[1] + reach * directions[..., 1]
    tone = 0.92 + 0.10 * sample("cloud", x * 0.4 + 9, y * 0.4 + 9)
    skirting = (y < 0.16) & (scene.seed % 3 == 0)
    tone = np.where(skirting, 1.06, tone) - 0.35 * np.exp(-np.maximum(y, 0) * 14)
    facing = scene.light.fill + scene.light.key * max(float(scene.light.towards[2]), 0.15)
    return vector(*scene.wall_colour) ** 2 * tone[..., None] * facing


@lru_cache(maxsize=12)
def _room(seed: int) -> Image.Image:
    """A room far out of focus: furniture, a window, lamps as discs."""
    rng = np.random.default_rng(seed)
    walls = tuple(int(v) for v in rng.uniform(130, 215) * rng.uniform(0.88, 1.0, 3))
    room = Image.new("RGB", (160, 120), walls)
    draw = ImageDraw.Draw(room)
    for _ in range(int(rng.integers(4, 8))):
        x, y, w, h = rng.uniform(-20, 160), rng.uniform(30, 110), rng.uniform(15, 60), rng.uniform(15, 80)
        shade = tuple(int(v) for v in rng.uniform(40, 170) * np.array([1.0, rng.uniform(0.8, 1), rng.uniform(0.6, 1)]))
        draw.rectangle((x, y, x + w, y + h), fill=shade)
    x, w = rng.uniform(0, 110), rng.uniform(25, 50)
    draw.rectangle((x, 5, x + w, rng.uniform(55, 85)), fill=(246, 248, 250))
    for _ in range(int(rng.integers(0, 6))):
        x, y, r = rng.uniform(0, 160), rng.uniform(0, 60), rng.uniform(3, 7)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(255, 236, 190))
    return room.filter(ImageFilter.GaussianBlur(float(rng.uniform(4, 8))))

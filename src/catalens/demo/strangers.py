"""Pictures that belong to no category of the shop: landscapes, flowers, faces, pages of text, charts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from catalens.demo.material import TILE, noise_tile

SIZE = (400, 300)
_WORDS = (
    "delivery",
    "within",
    "three",
    "working",
    "days",
    "returns",
    "accepted",
    "see",
    "size",
    "chart",
    "prices",
    "tax",
)


def landscape(rng: Generator) -> Image.Image:
    """Hills one behind the other under an evening or a noon sky."""
    width, height = SIZE
    top, low = ((96, 140, 205), (214, 226, 238)) if rng.random() < 0.6 else ((70, 74, 130), (244, 176, 120))
    share = np.linspace(0, 1, height)[:, None, None]
    sky = np.broadcast_to(np.array(top) * (1 - share) + np.array(low) * share, (height, width, 3))
    cloud = np.roll(noise_tile("cloud"), int(rng.integers(TILE)), axis=1)
    puff = np.asarray(Image.fromarray(cloud).resize((width, height), Image.Resampling.BICUBIC))[..., None]
    picture = sky + np.clip(puff - 0.55, 0, 1) * 2 * (255 - sky)
    ground = np.array((70, 98, 62)) * rng.uniform(0.7, 1.2)
    for layer in range(5):
        x = np.linspace(0, 1, width)
        line = sum(
            rng.uniform(-1, 1) * np.sin(2 * np.pi * (wave * x + rng.random())) / wave for wave in (1, 2, 3, 7, 13)
        )
        edge = height * (0.45 + 0.11 * layer) + 16 * line
        far = 0.75 - 0.17 * layer
        grain = 1 + 0.25 * (np.asarray(Image.fromarray(cloud).resize((width, height)))[..., None] - 0.5)
        shade = (ground * (1 - far) + np.array(low) * far) * grain
        picture = np.where((np.arange(height)[:, None] > edge)[..., None], shade, picture)
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def flower(rng: Generator) -> Image.Image:
    """A blossom near the lens, leaves out of focus behind."""
    picture = Image.new("RGB", SIZE, (58, 84, 46))
    draw = ImageDraw.Draw(picture)
    for _ in range(60):
        x, y, r = rng.uniform(0, SIZE[0]), rng.uniform(0, SIZE[1]), rng.uniform(10, 45)
        green = tuple(int(v) for v in np.array([60, 100, 45]) * rng.uniform(0.5, 1.7))
        draw.ellipse((x - r, y - r * 0.5, x + r, y + r * 0.5), fill=green)
    picture = picture.filter(ImageFilter.GaussianBlur(9))
    draw = ImageDraw.Draw(picture)
    middle = np.array([rng.uniform(150, 250), rng.uniform(110, 190)])
    colour, petals = rng.uniform([170, 50, 70], [250, 200, 230]), int(rng.integers(6, 15))
    for ring, reach in ((1.0, rng.uniform(80, 115)), (0.86, 70), (0.72, 45)):
        for petal in range(petals):
            angle = 2 * np.pi * (petal + rng.uniform(-0.15, 0.15)) / petals + ring * 3
            along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
            steps = np.linspace(0, np.pi, 14)
            wide = reach * 1.3 / petals * 1.6
            right = [middle + along * reach * (1 - np.cos(t)) / 2 + across * wide * np.sin(t) for t in steps]
            left = [middle + along * reach * (1 - np.cos(t)) / 2 - across * wide * np.sin(t) for t in steps[::-1]]
            tint = tuple(int(v) for v in np.clip(colour * ring * rng.uniform(0.85, 1.08), 0, 255))
            draw.polygon([tuple(p) for p in [*right, *left]], fill=tint)
    draw.ellipse((*(middle - 17), *(middle + 17)), fill=(214, 168, 52))
    return picture.filter(ImageFilter.GaussianBlur(0.8))


def face(rng: Generator) -> Image.Image:
    """A portrait, as abstract as an avatar."""
    back = tuple(int(v) for v in rng.uniform(110, 220, 3))
    picture = Image.new("RGB", SIZE, back)
    draw = ImageDraw.Draw(picture)
    skin = np.array([(236, 200, 172), (198, 150, 116), (128, 86, 62)][int(rng.integers(3))], float)
    hair, cloth = tuple(int(v) for v in rng.uniform(20, 130, 3)), tuple(int(v) for v in rng.uniform(40, 220, 3))
    draw.ellipse((70, 230, 330, 480), fill=cloth)
    draw.rectangle((175, 190, 225, 260), fill=tuple(int(v) for v in skin * 0.86))
    draw.ellipse((126, 28, 274, 190), fill=hair)
    draw.ellipse((138, 52, 262, 226), fill=tuple(int(v) for v in skin))
    draw.pieslice((130, 30, 270, 160), 180, 360 - int(rng.integers(0, 50)), fill=hair)
    for x in (172, 228):
        draw.ellipse((x - 13, 124, x + 13, 138), fill=(248, 248, 246))
        draw.ellipse((x - 6, 125, x + 6, 137), fill=(60, 44, 34))
        draw.arc((x - 17, 106, x + 17, 128), 200, 340, fill=hair, width=4)
    draw.arc((186, 140, 212, 172), 20, 150, fill=tuple(int(v) for v in skin * 0.7), width=3)
    draw.chord((176, 178, 224, 200), 0, 180, fill=(170, 70, 72))
    return picture.filter(ImageFilter.GaussianBlur(1.2))


def page(rng: Generator) -> Image.Image:
    """A screenshot of text: a listing photo that is no photo."""
    picture = Image.new("RGB", SIZE, (250, 250, 248))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, SIZE[0], 34), fill=tuple(int(v) for v in rng.uniform(30, 190, 3)))
    draw.text((14, 10), str(rng.choice(_WORDS)).upper() + " " + str(rng.choice(_WORDS)).upper(), fill="white")
    for line in range(17):
        text = " ".join(str(rng.choice(_WORDS)) for _ in range(int(rng.integers(3, 11))))
        draw.text((14, 48 + 14 * line), text, fill=(60, 60, 64))
    return picture


def chart(rng: Generator) -> Image.Image:
    """Bars and a legend."""
    picture = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(picture)
    draw.line((40, 20, 40, 260, 380, 260), fill=(70, 70, 70), width=2)
    colour = tuple(int(v) for v in rng.uniform(40, 200, 3))
    for bar in range(9):
        high = float(rng.uniform(20, 220))
        draw.rectangle((52 + 36 * bar, 260 - high, 76 + 36 * bar, 259), fill=colour)
        draw.text((54 + 36 * bar, 268), str(int(high)), fill=(70, 70, 70))
    return picture


STRANGERS: dict[str, Callable[[Generator], Image.Image]] = {
    "landscape": landscape,
    "flower": flower,
    "face": face,
    "page": page,
    "chart": chart,
}

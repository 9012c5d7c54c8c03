"""Photo files damaged at random, the same ones for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.builders.encode import saved


def whole_files() -> list[bytes]:
    """Small photos of the three formats that nearly all dumps are made of, in their variants."""
    noise = np.random.default_rng(7).integers(0, 256, (16, 24, 4), dtype=np.uint8)
    photo = Image.fromarray(noise).resize((192, 128), Image.Resampling.BICUBIC)
    rgb, grey, palette = photo.convert("RGB"), photo.convert("L"), photo.convert("RGB").quantize(32)
    moving = {"save_all": True, "append_images": [rgb.transpose(Image.Transpose.ROTATE_180)]}
    return [
        saved(rgb, "JPEG"),
        saved(rgb, "JPEG", progressive=True),
        saved(grey, "JPEG", optimize=True),
        saved(rgb.convert("CMYK"), "JPEG"),
        saved(rgb, "PNG"),
        saved(photo, "PNG"),
        saved(palette, "PNG", transparency=3),
        saved(rgb, "PNG", **moving),
        saved(rgb, "WEBP"),
        saved(photo, "WEBP"),
        saved(rgb, "WEBP", lossless=True),
        saved(rgb, "WEBP", **moving),
    ]


def damaged(count: int, seed: int = 20) -> Iterator[bytes]:
    """`count` files, each with 1 to 16 bytes changed, half of them near the head; some cut, some with a hole."""
    chance = random.Random(seed)
    originals = whole_files()
    for number in range(count):
        data = bytearray(originals[number % len(originals)])
        reach = len(data) if chance.random() < 0.5 else min(len(data), 128)
        for _ in range(chance.randint(1, 16)):
            data[chance.randrange(reach)] = chance.randrange(256)
        kind = chance.random()
        if kind < 0.15:
            del data[chance.randrange(len(data)) :]
        elif kind < 0.3:
            start = chance.randrange(len(data))
            del data[start : start + chance.randint(1, 64)]
        yield bytes(data)

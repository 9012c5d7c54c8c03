"""Dumps of the Cdiscount form, of any size, made by code: the same for the same size and seed.

    python benchmarks/bson_dump.py FOLDER --megabytes 256 [--seed 0]

Products have 1 to 4 photos of 180x180, about 4.8 kB each (the 110 photos of the public example: 5.7 kB).  Pictures come
from a pool of `POOL` drawn ones; each photo gets a JPEG comment of its own, so that no two are equal bytes and each is
hashed, decoded and stored for itself.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import bson
import numpy as np
from PIL import Image

POOL = 2000
SIDE = 180  # pixels
CATEGORIES = 500
START_OF_IMAGE, COMMENT = b"\xff\xd8", b"\xff\xfe"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--megabytes", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    dump = write_dump(arguments.folder, megabytes=arguments.megabytes, seed=arguments.seed)
    print(f"{dump}: {dump.stat().st_size:,} bytes")


def write_dump(folder: Path, *, megabytes: int, seed: int = 0) -> Path:
    """`train.bson` of at least that many million bytes, and `category_names.csv` beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    names = "".join(
        f"{1000 + number},LEVEL {number % 7},LEVEL {number % 50},{number}\n" for number in range(CATEGORIES)
    )
    header = "category_id,category_level1,category_level2,category_level3\n"
    (folder / "category_names.csv").write_text(header + names, encoding="utf-8")
    written = 0
    with (folder / "train.bson").open("wb") as file:
        for document in documents(seed):
            written += file.write(document)
            if written >= megabytes * 1_000_000:
                break
    return folder / "train.bson"


def documents(seed: int) -> Iterator[bytes]:
    """Products without end."""
    chance = random.Random(seed)
    pool = list(pictures(POOL, seed))
    photo = 0
    for product in range(sys.maxsize):
        images = []
        for _ in range(chance.choices((1, 2, 3, 4), weights=(55, 20, 15, 10))[0]):
            images.append({"picture": commented(chance.choice(pool), f"photo {photo}")})
            photo += 1
        category = 1000 + int(CATEGORIES * chance.random() ** 2)  # a long tail
        yield bson.encode({"_id": product, "category_id": category, "imgs": images})


def pictures(count: int, seed: int) -> Iterator[bytes]:
    """JPEGs that look to a decoder as shop photos do: a textured thing with shading on a nearly white ground."""
    chance = np.random.default_rng(seed)
    rows, columns = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    for _ in range(count):
        wide, high = chance.uniform(0.3, 0.9, 2)
        inside = (np.abs(columns / wide) ** 3 + np.abs(rows / high) ** 3) < 1
        texture = np.zeros((SIDE, SIDE, 3), np.float32)
        for cells, strength in ((5, 60), (20, 45), (60, 60)):
            layer = chance.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
            grown = Image.fromarray(layer).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            texture += (np.asarray(grown, np.float32) - 128) * (strength / 128)
        shade = chance.integers(60, 200, 3) + 30 * (rows + columns)[:, :, None]
        pixels = np.where(inside[:, :, None], shade + texture, 250) + chance.normal(0, 1.5, (SIDE, SIDE, 1))
        file = io.BytesIO()
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=75)
        yield file.getvalue()


def commented(picture: bytes, text: str) -> bytes:
    """The same picture with a comment segment after its first marker (ITU T.81, B.2.4.5)."""
    body = text.encode()
    segment = COMMENT + (len(body) + 2).to_bytes(2, "big") + body
    return START_OF_IMAGE + segment + picture[len(START_OF_IMAGE) :]


if __name__ == "__main__":
    main()

"""The shop's dump, as a marketplace would hand it over: a table, photos, and everything that goes wrong in one.

products.csv               product_id, department, family, kind, seller, image: one row a photo
photos/P00017/1.jpg        1 to 4 photos a product; some broken, some copies, some turned, grey or cut out
strangers/landscape-1.jpg  pictures of nothing that the shop sells; not in the table
"""

from __future__ import annotations

import csv
import io
import struct
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from catalens.core.durable import replacing_folder
from catalens.core.progress import Progress, silent
from catalens.core.workers import worker_pool
from catalens.demo.camera import aim, develop, finish, jpeg
from catalens.demo.mesh import Item
from catalens.demo.render import photograph
from catalens.demo.scene import arrange
from catalens.demo.shop import LEVELS, SHOP
from catalens.demo.strangers import STRANGERS

TABLE = "products.csv"
COLUMNS = ("product_id", *LEVELS, "seller", "image")
_SHRINK = 1.2  # photos are drawn larger and made smaller, against jagged edges
_PHOTO_SHARES = (0.55, 0.30, 0.10, 0.05)  # of products with 1, 2, 3, 4 photos
_SELLERS = ("Aurora", "Birch & Co", "Casa Nova", "Delta", "Everyday", "Fjord", "Grove", "Harbour")


@dataclass(frozen=True, slots=True)
class Dump:
    """What was drawn."""

    folder: Path
    products: int
    photos: int
    strangers: int


def draw_dump(
    folder: Path, *, products: int, seed: int, strangers: int = 20, workers: int = 2, progress: Progress = silent
) -> Dump:
    """Draw the shop into `folder`, whole or not at all; the same seed draws the same bytes."""
    with replacing_folder(folder) as partial_folder:
        rows: list[tuple[str, ...]] = []
        draw = partial(_draw_product, partial_folder, seed)
        with worker_pool(workers) as pool:
            for done, drawn in enumerate(pool.map(draw, range(products), chunksize=8), start=1):
                rows += drawn
                progress(done, products, "products")
        rows += _spoil(partial_folder, rows, np.random.default_rng([seed, 1]))
        with (partial_folder / TABLE).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([COLUMNS, *rows])
        _draw_strangers(partial_folder / "strangers", strangers, seed)
    return Dump(folder, products, len(rows), strangers)


def draw_photo(item: Item, rng: np.random.Generator, *, first: bool) -> tuple[str, bytes]:
    """One photo of a product, as the end of its file name and its bytes; every now and then an unusual file."""
    view = aim(item, rng, first=first)
    settings = finish(rng)
    size = (int(view.width / _SHRINK), int(view.height / _SHRINK))
    light, covered = photograph(item, view, arrange(item.pose, rng, first=first))
    picture = develop(light, settings, size, rng)
    chance = rng.random()
    if chance < 0.03:
        return ".png", _cut_out(picture, covered)
    if chance < 0.05:
        return ".jpg", jpeg(picture.convert("L"), settings.quality)
    if chance < 0.09:
        return ".jpg", _turned(picture, int(rng.choice([3, 6, 8])), settings.quality)
    return ".jpg", jpeg(picture, settings.quality)


def _draw_product(folder: Path, seed: int, index: int) -> list[tuple[str, ...]]:
    """Write one product's photos; its rows of the table."""
    rng = np.random.default_rng([seed, 0, index])
    kind = SHOP[index % len(SHOP)]
    item = kind.draw(rng)
    product, seller = f"P{index:05d}", _SELLERS[int(rng.integers(len(_SELLERS)))]
    (folder / "photos" / product).mkdir(parents=True)
    rows: list[tuple[str, ...]] = []
    for position in range(1, 1 + int(rng.choice([1, 2, 3, 4], p=_PHOTO_SHARES))):
        ending, data = draw_photo(item, rng, first=position == 1)
        path = f"photos/{product}/{position}{ending}"
        (folder / path).write_bytes(data)
        rows.append((product, *kind.path, seller, path))
    return rows


def _cut_out(picture: Image.Image, covered: np.ndarray) -> bytes:
    """The product alone on a transparent ground, which is black underneath, as image editors leave it."""
    mask = Image.fromarray(covered.astype(np.uint8) * 255).resize(picture.size, Image.Resampling.BILINEAR)
    cut = Image.composite(picture, Image.new("RGB", picture.size), mask)
    cut.putalpha(mask)
    buffer = io.BytesIO()
    cut.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def _turned(picture: Image.Image, orientation: int, quality: int) -> bytes:
    """Stored as the sensor was held, with the EXIF tag that says how to turn it back."""
    undo = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    exif = Image.Exif()
    exif[0x0112] = orientation
    return jpeg(picture.transpose(undo[orientation]), quality, exif=exif.tobytes())


def _spoil(folder: Path, rows: list[tuple[str, ...]], rng: np.random.Generator) -> list[tuple[str, ...]]:
    """Break some listings as life does; the rows that this adds to the table."""
    donors = [rows[int(place)] for place in rng.choice(len(rows), size=max(6, len(rows) // 120), replace=False)]
    added: list[tuple[str, ...]] = []
    for number, donor in enumerate(donors):
        product = f"X{number:05d}"
        (folder / "photos" / product).mkdir()
        data = (folder / donor[-1]).read_bytes()
        cause = number % 6
        path = f"photos/{product}/1.jpg"
        if cause == 0:  # a copy under another seller's name
            (folder / path).write_bytes(data)
        elif cause == 1:
            (folder / path).write_bytes(data[: len(data) // 3])
        elif cause == 2:
            (folder / path).write_bytes(b"<html><body>503 Service Unavailable</body></html>")
        elif cause == 3:
            (folder / path).write_bytes(b"")
        elif cause == 4:
            (folder / path).write_bytes(_no_pixels())
        # cause 5: the table names a photo that nobody delivered
        added.append((product, *donor[1:-2], "Second Hand", path))
    return added


def _no_pixels() -> bytes:
    """A PNG that declares 0 x 0 pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 0, 0, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def _draw_strangers(folder: Path, count: int, seed: int) -> None:
    folder.mkdir()
    kinds = list(STRANGERS.items())
    for number in range(count):
        name, draw = kinds[number % len(kinds)]
        rng = np.random.default_rng([seed, 2, number])
        (folder / f"{name}-{number // len(kinds) + 1}.jpg").write_bytes(jpeg(draw(rng), 85))

"""A small shop with one of everything that an audit should find, and known numbers of each."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from catalens.core.catalog import Catalog
from catalens.curate.ingest import run
from catalens.curate.sources import IngestSettings
from tests.builders.dumps import write

SIDE = 96


def scene(number: int, *, kind: int = 0) -> Image.Image:
    """A picture of soft shapes, different for every number; photos of a kind have their tint in common."""
    rng = np.random.default_rng([number, kind])
    coarse = rng.uniform(30, 225, (6, 6, 3)) * (0.5, 0.8, 1.1 - 0.3 * kind)
    small = Image.fromarray(coarse.clip(0, 255).astype(np.uint8))
    return small.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def jpeg(picture: Image.Image, quality: int = 92) -> bytes:
    """The picture as a file."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


class Rows:
    """The rows and photos of a dump in the making."""

    def __init__(self) -> None:
        self.lines = ["id,image,category,seller,split"]
        self.photos: dict[str, bytes] = {}

    def add(self, product: str, category: str, data: bytes, seller: str = "anna", part: str = "train") -> None:
        photo = f"{len(self.photos)}.jpg"
        self.photos[f"images/{photo}"] = data
        self.lines.append(f"{product},{photo},{category},{seller},{part}")

    def ingest(self, root: Path) -> Catalog:
        source = write(root / "dump", {"shop.csv": "\n".join(self.lines), **self.photos})
        run(source, root / "shop.catalog", IngestSettings(category_separator=">"))
        return Catalog(root / "shop.catalog")


def quiet_rows() -> Rows:
    """30 mugs and 30 plates, every photo another picture."""
    rows = Rows()
    for number in range(30):
        rows.add(f"m{number}", "Kitchen > Mug", jpeg(scene(number)))
        rows.add(f"p{number}", "Kitchen > Plate", jpeg(scene(number, kind=1)))
    return rows


def troubled_shop(root: Path) -> Catalog:
    """65 products, ingested.

    To the 30 mugs and 30 plates: the photo of mug m0 again, under plate p30 with another seller, and once more, smaller
    and recompressed, as mug m30 in the part test; "Not sure" with 2 products; a plate with a black photo; two rows
    without a photo.
    """
    rows = quiet_rows()
    rows.add("p30", "Kitchen > Plate", jpeg(scene(0)), seller="ben")
    again = scene(0).resize((SIDE * 3 // 4, SIDE * 3 // 4), Image.Resampling.LANCZOS)
    rows.add("m30", "Kitchen > Mug", jpeg(again, quality=70), part="test")
    rows.add("x0", "Not sure", jpeg(scene(90)))
    rows.add("x1", "Not sure", jpeg(scene(91)))
    rows.add("p31", "Kitchen > Plate", jpeg(Image.new("RGB", (SIDE, SIDE), (6, 5, 7))))
    rows.lines += ["y0,gone.jpg,Kitchen > Mug,anna,train", "y1,gone.jpg,Kitchen > Mug,anna,train"]
    return rows.ingest(root)

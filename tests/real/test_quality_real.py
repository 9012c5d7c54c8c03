"""Flags on real photos: clean shops raise few, and what a set is known for is found."""

from __future__ import annotations

import random
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tests.builders import photos as p

from catalens.core.image import decode
from catalens.core.quality import measure

pytestmark = pytest.mark.real
COUNT = 300


def some(places: list, count: int = COUNT) -> list:
    return random.Random(5).sample(sorted(places), count)


def fashion(folder: Path) -> list[bytes]:
    with zipfile.ZipFile(folder / "fashion" / "images.zip") as archive:
        return [archive.read(name) for name in some([name for name in archive.namelist() if name.endswith(".jpg")])]


def clothing(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in some(list((folder / "clothing" / "images").rglob("*.jpg")))]


@pytest.mark.parametrize("photos", [fashion, clothing], ids=["packshots", "users"])
def test_clean_photos_are_rarely_flagged(real_data: Path, photos) -> None:
    """Greyscale and busy photos are in these sets; for the others, 2 % at most are flagged."""
    counts: Counter[str] = Counter()
    for data in photos(real_data):
        counts.update(measure(decode(data), data=data).flags)
    del counts["greyscale"], counts["busy background"]
    assert all(count <= 0.02 * COUNT for count in counts.values()), counts


def test_blurred_ones_are_found(real_data: Path) -> None:
    found = 0
    for data in clothing(real_data):
        image = decode(data)
        found += "blurred" in measure(decode(p.jpeg(p.blurred(image, 0.01 * max(image.shape))))).flags
    assert found >= 0.97 * COUNT


def test_greyscale_photos_of_fashion_are_found(real_data: Path) -> None:
    """Those that Pillow opens as grey, and grey ones saved in colour."""
    flags = [(decode(data), measure(decode(data)).flags) for data in fashion(real_data)]
    grey = [bool(np.ptp(image.astype(int), axis=2).max() == 0) for image, _ in flags]
    assert sum(grey) >= 2
    assert all("greyscale" in found for (_, found), is_grey in zip(flags, grey, strict=True) if is_grey)


def test_flowers_enlarged_from_thumbnails_are_blurred(real_data: Path) -> None:
    found = [measure(decode(path.read_bytes())).flags for path in sorted((real_data / "flowers").glob("*.jpg"))[:100]]
    assert sum("blurred" in flags for flags in found) > 90

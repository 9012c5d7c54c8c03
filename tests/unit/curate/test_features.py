"""Features of pixels: alike for photos alike, of any shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.builders.catalogs import striped_catalog

from catalens.core.errors import CatalogError
from catalens.curate.labels.features import DIM, FeatureMeasure, describe, product_features
from catalens.curate.scan import scan


def blob(side: tuple[int, int], colour: tuple[int, int, int], at: float = 0.5) -> np.ndarray:
    """A disc on white, uint8 [H, W, 3]."""
    y, x = np.mgrid[0 : side[0], 0 : side[1]] / np.array(side)[:, None, None]
    image = np.full((*side, 3), 255, dtype=np.uint8)
    image[(y - at) ** 2 + (x - 0.5) ** 2 < 0.09] = colour
    return image


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (31, 33), (240, 320)], ids=str)
def test_any_shape_gives_a_vector_of_length_one(shape: tuple[int, int]):
    vector = describe(blob(shape, (200, 30, 30)))
    assert vector.shape == (DIM,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("value", [0, 255])
def test_a_blank_photo_has_a_vector(value: int):
    assert np.isfinite(describe(np.full((40, 40, 3), value, dtype=np.uint8))).all()


def test_size_matters_little_and_colour_place_and_form_do():
    base = describe(blob((200, 200), (200, 30, 30)))
    near = base @ describe(blob((90, 90), (200, 30, 30)))
    others = [
        blob((200, 200), (30, 30, 200)),
        blob((200, 200), (200, 30, 30), at=0.2),
        255 - blob((200, 200), (55, 225, 225)),
    ]
    assert near > 0.98
    assert all(base @ describe(other) < 0.95 for other in others)


def test_a_product_is_the_mean_of_its_photos(tmp_path: Path):
    catalog = striped_catalog(tmp_path / "c.catalog", products=8, photos=2)
    with pytest.raises(CatalogError, match="has no features"):
        product_features(catalog)
    table = scan(catalog, [FeatureMeasure()], workers=1)["features"]
    ids, vectors = product_features(catalog)
    assert ids == tuple(f"p{n:03}" for n in range(8))
    rows = {row["image_id"]: np.array(row["vector"]) for row in table.to_pylist()}
    mean = sum(rows[image] for image in catalog.images["image_id"].to_pylist()[:2])
    assert vectors[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)

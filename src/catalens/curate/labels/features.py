"""What a photo looks like, without a model: enough to judge labels by where there is no bundle yet."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image

from catalens.core.catalog import Catalog
from catalens.core.errors import CatalogError
from catalens.core.image import RgbImage
from catalens.core.scores import product_embeddings
from catalens.curate.scan import DecodedPhoto

Floats = npt.NDArray[np.float32]
TABLE = "features"
SIDE = 32  # of the small picture that all is measured on
THUMBNAIL = 8
CELLS = 4  # gradients are counted in CELLS x CELLS squares
DIRECTIONS = 8
SHADES = 4  # colours are counted in SHADES steps of red, green and blue
DIM = THUMBNAIL**2 * 3 + CELLS**2 * DIRECTIONS + SHADES**3


class FeatureMeasure:
    """The table `features`: a vector a photo, float32 [DIM], L2-normalised."""

    table = TABLE
    version = "1"
    schema = pa.schema([("image_id", pa.string()), ("vector", pa.list_(pa.float32(), DIM))])

    def __call__(self, photo: DecodedPhoto) -> Mapping[str, object]:
        return {"vector": describe(photo.image)}


def describe(image: RgbImage) -> Floats:
    """uint8 [H, W, 3] -> float32 [DIM]: thumbnail, gradients and colours, each of length 1, then the whole."""
    small = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.float32) / np.float32(255)
    thumbnail = pixels.reshape(THUMBNAIL, SIDE // THUMBNAIL, THUMBNAIL, SIDE // THUMBNAIL, 3).mean(axis=(1, 3))
    parts = [1 - thumbnail.ravel(), _gradients(pixels.mean(axis=2)), _colours(pixels)]
    vector = np.concatenate([part / max(float(np.linalg.norm(part)), 1e-6) for part in parts])
    return (vector / max(float(np.linalg.norm(vector)), 1e-6)).astype(np.float32)


def product_features(catalog: Catalog) -> tuple[tuple[str, ...], Floats]:
    """Product ids and their float32 [P, DIM], the mean of their photos.  Raises CatalogError if there was no scan."""
    if not catalog.has_table(TABLE):
        raise CatalogError("has no features of its photos", source=str(catalog.path), key=TABLE)
    table = catalog.table(TABLE)
    place = {image: row for row, image in enumerate(table["image_id"].to_pylist())}
    column = table["vector"].combine_chunks()
    vectors = column.flatten().to_numpy().reshape(-1, DIM)
    photos = zip(catalog.images["image_id"].to_pylist(), catalog.images["product_id"].to_pylist(), strict=True)
    known = [(place[image], product) for image, product in photos if image in place]
    return product_embeddings([product for _, product in known], vectors[[row for row, _ in known]])


def _gradients(grey: Floats) -> Floats:
    """float32 [SIDE, SIDE] -> how much the picture changes in each direction, in each cell (Dalal, Triggs 2005)."""
    down, right = np.gradient(grey)
    strength = np.hypot(down, right)
    direction = np.floor(np.arctan2(down, right) % np.pi / np.pi * DIRECTIONS).astype(np.int64) % DIRECTIONS
    at = np.arange(SIDE) * CELLS // SIDE
    cell = at[:, None] * CELLS + at
    sums = np.bincount((cell * DIRECTIONS + direction).ravel(), strength.ravel(), minlength=CELLS**2 * DIRECTIONS)
    return np.sqrt(sums).astype(np.float32)


def _colours(pixels: Floats) -> Floats:
    """float32 [SIDE, SIDE, 3] in [0, 1] -> how much of each of SHADES^3 colours there is."""
    steps = np.minimum((pixels * SHADES).astype(np.int64), SHADES - 1).reshape(-1, 3)
    code = (steps[:, 0] * SHADES + steps[:, 1]) * SHADES + steps[:, 2]
    return np.sqrt(np.bincount(code, minlength=SHADES**3)).astype(np.float32)

"""A tiny, valid bundle without torch: a graph that names colours, so that a test can draw the photo of any class."""

from __future__ import annotations

import colorsys
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from catalens.core.bundle import Bundle, write_bundle
from catalens.core.fusion import Fusion
from catalens.core.preprocess import Preprocess
from catalens.core.promise import LevelRule, Promise
from catalens.core.taxonomy import Taxonomy

SHARPNESS = 60.0  # of the colour classes: a pure colour is 99 % sure, a colour between two is not
GRID = 4  # the embedding is the mean colours of GRID x GRID cells and a constant
TAXONOMY = Taxonomy.from_paths(
    {
        "sneaker": ("Fashion", "Footwear", "Sneaker"),
        "boot": ("Fashion", "Footwear", "Boot"),
        "shirt": ("Fashion", "Clothes", "Shirt"),
        "dress": ("Fashion", "Clothes", "Dress"),
        "apple": ("Grocery", "Fruit", "Apple"),
        "banana": ("Grocery", "Fruit", "Banana"),
        "lamp": ("Home", "Lamp"),
    },
    level_names=("department", "family", "type"),
)


def tiny_bundle(
    folder: Path,
    *,
    taxonomy: Taxonomy | None = None,
    size: int = 32,
    promises: Sequence[Promise] | None = None,
    name: str = "tiny",
    training: dict[str, Any] | None = None,
    fusion: Fusion | None = None,
) -> Bundle:
    """A bundle at `folder` whose classes are the colours of `colour_of`; `size` is a multiple of 4.

    By default it makes the promises 0.9, 0.95 and 0.98 at every level, and cannot support 0.99.
    """
    taxonomy = taxonomy or TAXONOMY
    promises = default_promises(taxonomy) if promises is None else promises

    def fill(partial: Path) -> dict[str, Any]:
        onnx.save(colour_graph(taxonomy, size), partial / "model.onnx")
        taxonomy.write(partial / "taxonomy.parquet")
        together = fusion or Fusion()
        together.write(partial)
        return {
            "name": name,
            "preprocess": Preprocess(size=size).to_json(),
            "taxonomy_digest": taxonomy.digest,
            "classes": len(taxonomy.leaves),
            "embedding_dim": 3 * GRID * GRID + 1,
            "fusion": together.kind,
            "promises": [promise.to_json() for promise in promises],
            "catalog_digest": "0" * 64,
            "training": training or {},
        }

    return write_bundle(folder, fill)


def brightness_gate(strength: float = 20.0) -> Fusion:
    """Dark photos count next to nothing beside bright ones: a gate over the tiny bundle's embedding."""
    return Fusion("gated", np.append(np.full(3 * GRID * GRID, strength), 0.0).astype(np.float32))


def default_promises(taxonomy: Taxonomy) -> tuple[Promise, ...]:
    """0.9, 0.95 and 0.98 with the precision itself as threshold of each level; 0.99 without support."""
    levels = range(taxonomy.depth - 1, -1, -1)
    kept = [Promise(p, 0.05, tuple(LevelRule(level, p, 500, 498, p) for level in levels)) for p in (0.9, 0.95, 0.98)]
    return (*kept, Promise(0.99, 0.05, tuple(LevelRule(level, None) for level in levels)))


def colour_of(leaf: str, taxonomy: Taxonomy = TAXONOMY) -> tuple[int, int, int]:
    """The RGB colour that the tiny bundle takes for that leaf: hues in the order of the leaves."""
    hue = taxonomy.leaf_index[leaf] / len(taxonomy.leaves)
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.9, 0.9))
    return red, green, blue


def colour_photo(colour: tuple[int, int, int], *, size: tuple[int, int] = (48, 48), format: str = "PNG") -> bytes:
    """A file of one colour; `size` is (width, height)."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, format)
    return buffer.getvalue()


def photo_of(leaf: str, taxonomy: Taxonomy = TAXONOMY) -> bytes:
    """A PNG that the tiny bundle files under `leaf`."""
    return colour_photo(colour_of(leaf, taxonomy))


def colour_graph(taxonomy: Taxonomy, size: int) -> onnx.ModelProto:
    """logits = -SHARPNESS * |mean colour - the class's colour|^2, less what all classes share: linear in the mean."""
    colours = np.array([colour_of(leaf, taxonomy) for leaf in taxonomy.leaves], np.float32) / 255
    constants = {
        "scale": np.float32(255),
        "weight": 2 * SHARPNESS * colours.T,
        "bias": -SHARPNESS * (colours**2).sum(axis=1),
        "middle": np.full(1, 0.5, np.float32),
        "flat": np.array([0, -1], np.int64),
        "one_wide": np.array([[0, 0], [0, 1]], np.int64).T.reshape(-1),  # pad one column at the end
        "tenth": np.float32(0.1),  # keeps a mid-grey photo's vector off zero
    }
    cell = size // GRID
    nodes = [
        helper.make_node("Cast", ["pixels"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Div", ["planes", "scale"], ["unit"]),
        helper.make_node("GlobalAveragePool", ["unit"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["mean"]),
        helper.make_node("MatMul", ["mean", "weight"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["logits"]),
        helper.make_node("AveragePool", ["unit"], ["cells"], kernel_shape=[cell, cell], strides=[cell, cell]),
        helper.make_node("Sub", ["cells", "middle"], ["centred"]),
        helper.make_node("Reshape", ["centred", "flat"], ["vector"]),
        helper.make_node("Pad", ["vector", "one_wide", "tenth"], ["longer"]),
        helper.make_node("LpNormalization", ["longer"], ["embedding"], axis=1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["N", size, size, 3])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", len(taxonomy.leaves)]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", 3 * GRID * GRID + 1]),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model

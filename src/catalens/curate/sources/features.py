"""What the metadata of a Hugging Face data set says of its columns.

https://huggingface.co/docs/datasets/about_dataset_features: a Parquet schema's metadata has `info.features`; a
ClassLabel column holds numbers, its names are there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from catalens.core.errors import SourceError

KEY = b"huggingface"


@dataclass(frozen=True, slots=True)
class Features:
    """`images` are the columns of photos, `labels` the names of the classes in each column of them."""

    images: tuple[str, ...]
    labels: dict[str, tuple[str, ...]]


def read_features(schema: pa.Schema, source: str) -> Features | None:
    """None where the table is not of a Hugging Face data set.  Raises SourceError if what it says cannot be so."""
    said = (schema.metadata or {}).get(KEY)
    if said is None:
        return None
    try:
        features = json.loads(said)["info"]["features"]
        kinds = {name: feature["_type"] for name, feature in features.items() if _is_typed(feature)}
        images = tuple(name for name, kind in kinds.items() if kind == "Image")
        labels = {name: tuple(features[name]["names"]) for name, kind in kinds.items() if kind == "ClassLabel"}
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise SourceError(f"its huggingface metadata cannot be read ({error!r})", source=source) from None
    for name in (*images, *labels):
        if name not in schema.names:
            raise SourceError(f"its metadata speaks of a column {name!r}, which is not there", source=source, key=name)
    for name, names in labels.items():
        if len(set(names)) < len(names) or not all(isinstance(label, str) and label.strip() for label in names):
            raise SourceError(f"its metadata names a class of {name!r} twice, or not at all", source=source, key=name)
    return Features(images, labels)


def has_photos(schema: pa.Schema) -> bool:
    """Whether a column holds photos as Hugging Face has them: {bytes, path}."""
    return any(is_image(field.type) for field in schema)


def is_image(kind: pa.DataType) -> bool:
    return pa.types.is_struct(kind) and {"bytes", "path"} <= {field.name for field in kind}


def class_name(names: tuple[str, ...], cell: Any) -> str:
    """The class a number stands for; "" where there is none: null, or -1.  Raises ValueError if it has no name."""
    if cell is None or cell == -1:
        return ""
    if not isinstance(cell, int) or not 0 <= cell < len(names):
        raise ValueError(f"class {cell!r} has no name, there are {len(names):,}")
    return names[cell].strip()


def _is_typed(feature: Any) -> bool:
    return isinstance(feature, dict) and isinstance(feature.get("_type"), str)

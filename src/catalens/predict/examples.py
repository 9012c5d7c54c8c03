"""The photos a bundle carries, with what it answered when it was written, and the replay that compares."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from catalens.core.errors import BundleCorrupt
from catalens.core.image import RgbImage
from catalens.core.scores import Floats

FOLDER = "examples"
EXPECTED = "expected.json"


@dataclass(frozen=True, slots=True)
class Example:
    """A photo `file` in the examples folder, the sha256 of its decoded square, and the `logits` (C) it gave."""

    file: str
    square: str
    top1: str
    logits: tuple[float, ...]


def square_digest(square: RgbImage) -> str:
    """sha256 of uint8 [S, S, 3]."""
    return hashlib.sha256(np.ascontiguousarray(square).tobytes()).hexdigest()


def write_examples(
    bundle: Path, files: Sequence[tuple[str, bytes]], squares: Sequence[RgbImage], logits: Floats, leaves: Sequence[str]
) -> None:
    """Put the files and their expected outputs into a bundle that is being filled.  `logits` float32 [N, C]."""
    folder = bundle / FOLDER
    folder.mkdir()
    examples = []
    for (name, data), square, row in zip(files, squares, logits, strict=True):
        (folder / name).write_bytes(data)
        rounded = tuple(round(float(value), 5) for value in row)
        examples.append(asdict(Example(name, square_digest(square), leaves[int(row.argmax())], rounded)))
    (folder / EXPECTED).write_text(json.dumps(examples) + "\n", encoding="utf-8")


def read_examples(bundle: Path) -> tuple[Example, ...]:
    """Empty where the bundle carries none.  Raises BundleCorrupt."""
    path = bundle / FOLDER / EXPECTED
    if not path.exists():
        return ()
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return tuple(Example(row["file"], row["square"], row["top1"], tuple(row["logits"])) for row in rows)
    except (ValueError, KeyError, TypeError) as error:
        raise BundleCorrupt(f"is not a list of examples ({error})", source=str(path), key=EXPECTED) from None

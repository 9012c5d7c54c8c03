"""A folder under a manifest: one JSON file that says what the folder is and gives the sha256 of every other file.

What a bundle and an index have in common.  `error` is the class that the caller raises for damage.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from catalens.core.errors import CatalensError

Model = TypeVar("Model", bound=BaseModel)


def read_values(path: Path, *, what: str, error: type[CatalensError]) -> Any:
    """The JSON in `path`, whatever it holds.  `what` names the folder, with its article: "a bundle"."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise error(f"is not {what}: it has no {path.name}", source=str(path.parent), key=path.name) from None
    except ValueError as cause:
        raise error(f"is not JSON ({cause})", source=str(path), key=path.name) from None


def parse(values: Any, model: type[Model], path: Path, *, error: type[CatalensError]) -> Model:
    """The values of `path` as `model`; the error names the first key that is wrong."""
    try:
        return model.model_validate(values)
    except ValidationError as cause:
        first = cause.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise error(f"{key}: {first['msg']}", source=str(path), key=key) from None


def verify_files(folder: Path, files: Mapping[str, str], *, kind: str, error: type[CatalensError]) -> None:
    """See that every file is there with the sha256 that `files` gives it.  `kind` is what the folder is: "bundle"."""
    for name, expected in files.items():
        if not (folder / name).is_file():
            raise error(f"is missing from the {kind}", source=str(folder / name), key=name)
        got = file_digest(folder / name)
        if got != expected:
            raise error(f"expected sha256 {expected[:12]}, got {got[:12]}", source=str(folder / name), key=name)


def file_digest(path: Path) -> str:
    """sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

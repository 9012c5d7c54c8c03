"""What a cell says of photos: paths, a list of them, or the photos themselves."""

from __future__ import annotations

import ast
import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from catalens.curate.sources.photos import SHOWN
from catalens.curate.sources.records import text

_DATA = "data:"  # https://www.rfc-editor.org/rfc/rfc2397


def references(cell: Any) -> list[Any]:
    """The photos of a cell, each a path, a `data:` URI, bytes, or {"bytes", "path"} as Hugging Face datasets have them.

    Text may hold several: a JSON list, a list as Python prints it, or paths with "|" between.
    """
    if isinstance(cell, bytes | Mapping):
        parts = [cell]
    elif isinstance(cell, list):
        parts = cell
    else:
        parts = _split(text(cell))
    return [part for part in (_plain(part) for part in parts) if part]


def photo_bytes(reference: Any) -> bytes | None:
    """The bytes, where the cell itself holds them.

    Raises ValueError if they are no base64, or if the reference is no path either.
    """
    if isinstance(reference, bytes):
        return reference
    if not isinstance(reference, str):
        raise ValueError("is neither a path nor the bytes of a photo")
    if reference.startswith(_DATA):
        head, _, body = reference.partition(",")
        if not head.endswith(";base64"):
            raise ValueError("is a data: URI, but not of base64")
        try:
            return base64.b64decode(body, validate=True)
        except binascii.Error as error:
            raise ValueError(f"is no base64 ({error})") from None
    return None


def shown(reference: Any) -> str:
    """A reference as a message shows it."""
    said = reference if isinstance(reference, str) else text(reference)
    return said if len(said) <= SHOWN else f"{said[:SHOWN]}..."


def _split(cell: str) -> list[Any]:
    if cell.startswith("["):
        for parse in (json.loads, ast.literal_eval):
            try:
                parts = parse(cell)
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
            return parts if isinstance(parts, list) else [cell]
    return list(cell.split("|"))


def _plain(part: Any) -> Any:
    """{"bytes": ..., "path": ...} -> the bytes, else the path; text without margins."""
    if isinstance(part, Mapping) and part.keys() & {"bytes", "path"}:
        part = part.get("bytes") or part.get("path")
    return part if isinstance(part, bytes | Mapping | list) else text(part)

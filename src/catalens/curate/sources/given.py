"""The names that dumps give to the parts of a split."""

from __future__ import annotations

_PARTS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


def part_name(name: str) -> str | None:
    """ "Validation" -> "val"; None where the name is not one of a part."""
    return _PARTS.get(name.strip().lower())


def given_part(value: str) -> str | None:
    """A cell of a split column -> part: usual names are normalised, others kept, an empty cell is None."""
    return part_name(value) or value.strip() or None

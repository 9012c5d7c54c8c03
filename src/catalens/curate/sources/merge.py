"""Several rows of a table that are one product."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from catalens.core.taxonomy import path_id
from catalens.curate.sources.protocol import Note, Photo, Row, Unusable


def merge(rows: Sequence[Row]) -> Iterator[Row | Unusable]:
    """The rows of one product, at least one -> the product; or all of them set aside if their categories contradict.

    Photos and places are joined in the order of the rows.  Of sellers, groups and splits that differ the first stays,
    with a note; attributes that differ are joined with " | ".
    """
    categories = sorted({category for row in rows if (category := _category(row))})
    if len(categories) > 1:
        for row in rows:
            detail = f"its rows say {' and '.join(categories[:3])}"
            yield Unusable(row.places[0], "contradictory category", detail, row.product_id)
        return
    notes = [note for row in rows for note in row.notes]
    photos: dict[str, Photo] = {}
    for row in rows:
        again = [photo.name for photo in row.photos if photos.setdefault(photo.name, photo) is not photo]
        notes += [Note(row.places[0], "photo named twice", name, row.product_id) for name in again]
    attributes: dict[str, dict[str, None]] = {}
    for row in rows:
        for name, value in row.attributes.items():
            attributes.setdefault(name, {})[value] = None
    yield replace(
        rows[0],
        photos=tuple(photos.values()),
        places=tuple(place for row in rows for place in row.places),
        category=_first(rows, "category"),
        category_id=_first(rows, "category_id"),
        seller=_agreed(rows, "seller", notes),
        group=_agreed(rows, "group", notes),
        given_split=_agreed(rows, "given_split", notes),
        attributes={name: " | ".join(values) for name, values in attributes.items()},
        notes=tuple(notes),
    )


def _category(row: Row) -> str | None:
    return row.category_id or (path_id(row.category) if row.category else None)


def _first(rows: Sequence[Row], name: str) -> Any:
    return next((value for row in rows if (value := getattr(row, name)) is not None), None)


def _agreed(rows: Sequence[Row], name: str, notes: list[Note]) -> Any:
    """The first value; a note if there are others."""
    values = list(dict.fromkeys(value for row in rows if (value := getattr(row, name)) is not None))
    if len(values) > 1:
        detail = f"its rows say {' and '.join(values[:3])}; kept {values[0]}"
        notes.append(Note(rows[0].places[0], f"contradictory {name.replace('_', ' ')}", detail, rows[0].product_id))
    return values[0] if values else None

"""The file of `catalens split --by`: which products stay together, and which part some of them go to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from catalens.core.errors import SourceError
from catalens.core.registry import hint
from catalens.curate.parts.stratify import TRAIN
from catalens.curate.sources.records import header, records, text

PARTS = (TRAIN, "val", "calib", "test")
UNUSED = "unused"


@dataclass(frozen=True, slots=True)
class SplitFile:
    """`groups` are (product, group) rows, `parts` maps a product to its part."""

    groups: tuple[tuple[str, str], ...]
    parts: dict[str, str]


NO_FILE = SplitFile((), {})


def read_split_file(path: Path, products: Sequence[str]) -> SplitFile:
    """Columns `product_id` and `group`, `part` or both; an empty cell says nothing.

    Raises SourceError naming the row.
    """
    columns = header(path)
    if "product_id" not in columns or not {"group", "part"} & set(columns):
        raise SourceError(f"expected columns product_id and group or part, got {', '.join(columns)}", source=str(path))
    known = set(products)
    groups: list[tuple[str, str]] = []
    parts: dict[str, str] = {}
    for number, row in records(path):
        if isinstance(row, str):
            raise SourceError(row, source=str(path), row=number)
        product, group, part = (text(row.get(name)) for name in ("product_id", "group", "part"))
        if product not in known:
            raise SourceError(f"product {product!r} is not in the catalog", source=str(path), row=number, key=product)
        if group:
            groups.append((product, group))
        if part and part not in (*PARTS, UNUSED):
            advice = hint(part, [*PARTS, UNUSED])
            raise SourceError(f"unknown part {part!r}{advice}", source=str(path), row=number, key=product)
        if part and parts.setdefault(product, part) != part:
            raise SourceError(
                f"product {product!r} stands in {parts[product]!r} and in {part!r}",
                source=str(path),
                row=number,
                key=product,
            )
    return SplitFile(tuple(groups), parts)

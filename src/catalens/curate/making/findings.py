"""What was found in a dump or a catalog, counted by cause; and that every row is accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from catalens.core.errors import CatalogError

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows set aside and things noted, by cause; `examples` gives a few ids or places of each."""

    set_aside: dict[str, int]
    noted: dict[str, int]
    examples: dict[str, list[str]]


def tally(findings: Iterable[pa.Table]) -> Tally:
    """Count a table of findings that comes in pieces."""
    counts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    examples: dict[str, list[str]] = {}
    for table in findings:
        for row in table.group_by(["cause", "set_aside"]).aggregate([([], "count_all")]).to_pylist():
            counts[row["set_aside"]][row["cause"]] += row["count_all"]
            shown = examples.setdefault(row["cause"], [])
            if len(shown) < EXAMPLES:
                these = table.filter(pc.equal(table["cause"], row["cause"]))
                shown += [_example(finding) for finding in these.slice(0, EXAMPLES - len(shown)).to_pylist()]
    return Tally(dict(counts[True]), dict(counts[False]), examples)


def _example(finding: Mapping[str, str | None]) -> str:
    """The product of a row that was set aside; of what was noted, the place."""
    product, source = finding["product_id"], finding["source"]
    return (product or source or "") if finding["set_aside"] else (source or product or "")


def reconcile(rows_read: int, products: int, rows_merged: int, set_aside: Mapping[str, int]) -> None:
    """Every row read is a product, part of one, or set aside.  Raises CatalogError: a row was lost or doubled."""
    aside = sum(set_aside.values())
    if rows_read != products + rows_merged + aside:
        raise CatalogError(
            f"{rows_read:,} rows were read, but {products:,} products + {rows_merged:,} merged + {aside:,} set aside "
            f"are {products + rows_merged + aside:,}; this is a fault of catalens, please report it"
        )

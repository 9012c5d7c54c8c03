"""Findings counted by cause, however the table is cut."""

from __future__ import annotations

import pyarrow as pa
import pytest

from catalens.curate.making.contents import FINDINGS
from catalens.curate.making.findings import tally

ROWS = [
    ("row 1", "p1", "bad", True),
    *[(f"photo {n}", f"p{n}", "odd", False) for n in range(9)],
    (None, "p7", "odd", False),
]


@pytest.mark.parametrize("length", [1, 4, 100])
def test_causes_are_counted_and_shown_by_the_first_few(length: int) -> None:
    rows = [
        {"source": source, "product_id": product, "cause": cause, "detail": "", "set_aside": aside}
        for source, product, cause, aside in [*ROWS[::-1], ("row 2", None, "bad", True), ("row 3", "p3", "odd", True)]
    ]
    table = pa.Table.from_pylist(rows, FINDINGS)
    found = tally(table.slice(start, length) for start in range(0, len(table), length))
    assert (found.set_aside, found.noted) == ({"bad": 2, "odd": 1}, {"odd": 10})
    assert found.examples == {"odd": ["p7", "photo 8", "photo 7", "photo 6", "photo 5"], "bad": ["p1", "row 2"]}


def test_no_findings() -> None:
    found = tally([FINDINGS.empty_table()])
    assert (found.set_aside, found.noted, found.examples) == ({}, {}, {})

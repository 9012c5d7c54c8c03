"""The table as text, who collapsed, and which one to choose."""

from __future__ import annotations

import json
from typing import Any

import pytest

from catalens.compare.rows import Row, advise, chance, judged, ordered, table


def row(name: str, test: float, **values: Any) -> Row:
    return Row(name=name, kind=values.pop("kind", "model"), test=test, val=test, **values)


SLOW = row("slow", 0.90, model_ms=50.0, coverage=0.2)
FAST = row("fast", 0.895, model_ms=2.0, coverage=0.1)
SURE = row("sure", 0.80, model_ms=1.0, coverage=0.6)
ALL = row("all", 0.93, kind="ensemble", model_ms=53.0, coverage=0.9, of=("slow", "fast"))
FAILED = Row(name="broken", kind="failed", cause="NaN loss in epoch 2")


def test_text_of_the_table() -> None:
    lines = table(ordered([FAILED, SURE, ALL, SLOW]), promise=0.98).splitlines()
    assert lines[0].split()[:4] == ["model", "train", "val", "test"]
    assert [line.split()[0] for line in lines[1:5]] == ["all", "slow", "sure", "broken"]
    assert lines[2].split() == ["slow", "-", "90.0", "90.0", "-", "-", "-", "-", "20.0", "0.0", "0.00", "50.0", "0.0"]
    assert len({line.rindex("50.0") for line in lines[2:3]}) == 1
    assert "98 %" in lines[6]
    assert "all: of slow, fast" in lines
    assert "broken: failed: NaN loss in epoch 2" in lines


def test_advice() -> None:
    found = advise([FAILED, SURE, ALL, SLOW, FAST])
    assert found is not None
    assert found.to_json() == {"best": "all", "single": "slow", "covers": "sure", "fast": "fast"}
    assert advise([FAILED]) is None
    covers = advise([row("a", 0.5, coverage=0.0)])
    assert covers is not None
    assert covers.covers is None


@pytest.mark.parametrize(
    ("test", "val", "share", "collapsed"),
    [(0.30, 0.31, 0.25, False), (0.25, 0.9, 0.25, True), (0.9, 0.1, 0.25, True), (1.0, 1.0, 1.0, False)],
    ids=["above", "test at the share", "val below it", "one category"],
)
def test_who_answers_like_always_the_same_has_collapsed(test: float, val: float, share: float, collapsed: bool) -> None:
    found = judged(Row(name="a", kind="model", test=test, val=val), test_share=share, val_share=share)
    assert bool(found.collapsed) == collapsed
    assert ("like always saying the most frequent category (25.0%)" in found.collapsed) == collapsed


def test_a_collapsed_row_is_not_advised() -> None:
    bad = judged(row("bad", 0.5, coverage=0.9), test_share=0.5, val_share=None)
    found = advise([bad, row("good", 0.4)])
    assert found is not None
    assert found.best.name == "good"


def test_a_row_as_json_and_back() -> None:
    before = Row(name="a", kind="soup", test=0.5, curve=((1.0, None, 0.5),), of=("b",), seconds=90.0, model_ms=2.0)
    values = json.loads(json.dumps(before.to_json()))
    assert (values["minutes"], values["ms"]) == (1.5, 2.0)
    assert Row.from_json(values) == before


def test_chance_is_half_of_a_95_percent_interval() -> None:
    assert chance(0.5, 100) == pytest.approx(0.098)

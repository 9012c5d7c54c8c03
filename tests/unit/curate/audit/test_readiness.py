"""Copies count once, near-identical shots little, and the verdict follows from what is left."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.builders.catalogs import striped_catalog

from catalens.curate.audit.readiness import effective_photos, judge, verdict_of


@pytest.mark.parametrize(
    ("near", "expected"),
    [({}, 4.0), ({"a": 1, "b": 1}, 3.1), ({"a": 1, "b": 1, "c": 1}, 2.2), ({"a": 1, "b": 1, "c": 2, "d": 2}, 2.2)],
    ids=["all different", "two alike", "three alike", "two pairs"],
)
def test_effective_photos(near: dict[str, int], expected: float) -> None:
    assert effective_photos({"a", "b", "c", "d"}, near) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("photos", "effective", "verdict"),
    [
        (0, 0, "empty"),
        (19, 19, "too few"),
        (20, 20, "enough"),
        (100, 19, "no diversity"),
        (300, 140, "no diversity"),
        (300, 150, "excellent"),
        (101, 100, "enough"),
        (101, 101, "excellent"),
    ],
)
def test_verdicts(photos: int, effective: float, verdict: str) -> None:
    assert verdict_of(photos, effective) == verdict


def test_every_leaf_is_judged_by_its_distinct_photos(tmp_path: Path) -> None:
    catalog = striped_catalog(tmp_path / "s.catalog", products=40, photos=2)
    mugs = {product for product, leaf in catalog.categories.items() if leaf == "mug"}
    shots = [row["image_id"] for row in catalog.images.to_pylist() if row["product_id"] in mugs]
    plain = {leaf.id: leaf for leaf in judge(catalog, {})}
    assert {leaf: (one.products, one.photos, one.sellers) for leaf, one in plain.items()} == dict.fromkeys(
        ("mug", "plate", "lamp", "sofa"), (10, 20, 5)
    )
    assert {one.effective for one in plain.values()} == {20.0}
    assert {one.verdict for one in plain.values()} == {"enough"}
    alike = {leaf.id: leaf for leaf in judge(catalog, dict.fromkeys(shots[:11], 7))}
    assert alike["mug"].effective == pytest.approx(11.0)
    assert alike["mug"].verdict == "no diversity"
    assert alike["plate"] == plain["plate"]

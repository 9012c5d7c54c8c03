"""The counts of the audit, on a catalog whose counts are known, and imbalance on lists whose figures are."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.builders.catalogs import striped_catalog

from catalens.core.tail import band
from catalens.curate.audit.sizes import imbalance, measure


def test_counts_of_a_known_catalog(tmp_path: Path) -> None:
    sizes = measure(striped_catalog(tmp_path / "s.catalog", products=10, photos=3))
    assert (sizes.products, sizes.photos, sizes.distinct_photos, sizes.unfiled, sizes.sellers) == (10, 30, 30, 0, 5)
    assert sizes.levels == ({"level": "department", "categories": 2}, {"level": "kind", "categories": 4})
    assert [(category.path, category.products, category.photos) for category in sizes.categories] == [
        ("Kitchen > Mug", 3, 9),
        ("Kitchen > Plate", 3, 9),
        ("Home > Lamp", 2, 6),
        ("Home > Sofa", 2, 6),
    ]
    assert sizes.photos_per_product == {3: 10}
    assert sizes.formats == {"png": 30}
    assert sizes.sides == {"below 100 px": 30}
    assert sizes.fields == {"category": 1.0, "seller": 1.0, "group": 0.0, "colour": 1.0}
    assert [len(sizes.band(name)) for name in ("many", "medium", "few")] == [0, 0, 4]


@pytest.mark.parametrize(
    ("counts", "ratio", "gini", "effective", "top_tenth"),
    [
        ([5, 5, 5, 5], 1, 0, 4, 0.25),
        ([1, 3], 3, 0.25, 1.7548, 0.75),
        ([100], 1, 0, 1, 1),
        ([1] * 19 + [81], 81, 0.76, 2.8453, 0.82),
    ],
    ids=["all equal", "one to three", "one category", "one has most"],
)
def test_imbalance(counts: list[int], ratio: float, gini: float, effective: float, top_tenth: float) -> None:
    found = imbalance(counts)
    assert found is not None
    assert (found.ratio, found.gini, found.effective, found.top_tenth) == pytest.approx(
        (ratio, gini, effective, top_tenth), abs=1e-3
    )


def test_no_categories_no_imbalance() -> None:
    assert imbalance([]) is None


@pytest.mark.parametrize(("count", "name"), [(0, "few"), (19, "few"), (20, "medium"), (100, "medium"), (101, "many")])
def test_bands(count: int, name: str) -> None:
    assert band(count) == name

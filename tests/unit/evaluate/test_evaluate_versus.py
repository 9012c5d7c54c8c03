"""Two bundles on the same products: who is compared, the exact test, and taxonomies that differ."""

from __future__ import annotations

import json
from itertools import chain

import numpy as np
import pytest
from tests.builders.outcomes import outcomes_of

from catalens.core.errors import CatalogError
from catalens.core.taxonomy import Taxonomy
from catalens.evaluate.versus import Side, compare

OLD = Taxonomy.from_paths({"mug": ("Kitchen", "Mug"), "pan": ("Kitchen", "Pan"), "lamp": ("Home", "Lamp")})
# another order of leaves: lamp is gone, cup is new
NEW = Taxonomy.from_paths({"pan": ("Kitchen", "Pan"), "cup": ("Kitchen", "Cup"), "mug": ("Kitchen", "Mug")})


def side(tree: Taxonomy, answers: list[tuple[str, str, str, float]], name: str = "b@1", **more: object) -> Side:
    """(product, truth, answer, confidence) a product."""
    ids, truth, said, sure = zip(*answers, strict=True)
    index = tree.leaf_index
    found = outcomes_of([index[leaf] for leaf in truth], [index[leaf] for leaf in said], sure, ids=ids, **more)  # type: ignore[arg-type]
    return Side(name, tree, found, (0.9,) if more else ())


def test_only_common_products_of_common_leaves_are_compared() -> None:
    old = side(
        OLD, [("a", "mug", "mug", 0.9), ("b", "pan", "mug", 0.9), ("c", "lamp", "lamp", 0.9), ("d", "mug", "mug", 1)]
    )
    new = side(
        NEW, [("b", "pan", "pan", 0.9), ("a", "mug", "cup", 0.8), ("e", "cup", "cup", 0.9), ("d", "mug", "mug", 1)]
    )
    found = compare(old, new)
    assert (found.products, found.only_before, found.only_after) == (3, 1, 1)
    assert (found.won, found.lost, found.p) == (1, 1, 1.0)
    assert (found.top1_before, found.top1_after) == pytest.approx((2 / 3, 2 / 3))
    assert (found.new, found.gone) == (("cup",), ("lamp",))
    assert [(one.product, one.truth, one.answer, one.answer_path) for one in found.losses] == [
        ("a", "mug", "cup", ("Kitchen", "Cup"))
    ]


def test_a_product_that_was_filed_under_another_id_is_not_compared() -> None:
    old = side(OLD, [("a", "mug", "mug", 0.9), ("b", "pan", "pan", 0.9)])
    new = side(NEW, [("a", "cup", "cup", 0.9), ("b", "pan", "pan", 0.9)])
    assert compare(old, new).products == 1


def test_nothing_in_common_is_an_error() -> None:
    with pytest.raises(CatalogError, match="same category"):
        compare(side(OLD, [("a", "mug", "mug", 0.9)]), side(NEW, [("b", "mug", "mug", 0.9)]))


def changed(won: int, lost: int, same: int, leaf: str) -> tuple[list[bool], list[bool], list[str]]:
    was = [False] * won + [True] * lost + [True] * same
    now = [True] * won + [False] * lost + [True] * same
    return was, now, [leaf] * len(was)


def test_categories_are_tested_together() -> None:
    """mug: 12 of 12 changes better; pan: 5 of 5 better, which cannot be told; lamp: 6 worse, p = 0.03 alone."""
    blocks = [changed(12, 0, 5, "mug"), changed(5, 0, 5, "pan"), changed(0, 6, 5, "lamp")]
    was, now, truth = ([*chain(*columns)] for columns in zip(*blocks, strict=True))
    index = np.array([OLD.leaf_index[leaf] for leaf in truth])
    before, after = (
        outcomes_of(index, np.where(right, index, (index + 1) % 3), np.full(38, 0.9)) for right in (was, now)
    )
    found = compare(Side("a", OLD, before), Side("b", OLD, after))
    rows = {one.id: one for one in found.categories}
    assert rows["mug"].p == pytest.approx(2 / 2**12)
    assert rows["mug"].p_holm == pytest.approx(4 / 2**12)  # of two that can be told
    assert rows["lamp"].p_holm == pytest.approx(2 / 2**6)
    assert rows["pan"].p_holm == 1.0
    assert {leaf: one.change for leaf, one in rows.items()} == {"mug": "better", "lamp": "worse", "pan": None}
    assert (rows["mug"].before, rows["mug"].after) == pytest.approx((5 / 17, 1.0))
    assert (found.won, found.lost) == (17, 6)
    assert found.p == pytest.approx(0.0346, abs=1e-3)  # 2 * P(X <= 6), X ~ B(23, 1/2)
    assert "better than chance explains (p = 0.035)" in found.sentence()


def test_filed_shares_are_of_the_same_products() -> None:
    rows = [("a", "mug", "mug", 0.9), ("b", "mug", "pan", 0.9), ("z", "mug", "mug", 0.9)]
    old = side(OLD, rows, filed=[[True, True, True]])
    new = side(OLD, rows[:2], filed=[[True, False]])
    (promise,) = compare(old, new).promises
    assert (promise.filed_before, promise.precision_before) == (1.0, 0.5)
    assert (promise.filed_after, promise.precision_after) == (0.5, 1.0)
    assert (promise.leaf_before, promise.leaf_after) == (0.0, 0.0)  # all at the top, the leaves are below


def test_a_leaf_is_told_from_a_level_above() -> None:
    flat = Taxonomy.from_paths({"mug": ("Mug",), "pan": ("Kitchen", "Pan")})
    now = side(flat, [("a", "mug", "mug", 0.9), ("b", "pan", "pan", 0.9)], filed=[[True, True]])
    (promise,) = compare(now, now).promises
    assert (promise.filed_after, promise.leaf_after) == (1.0, 0.5)


def test_a_promise_that_one_of_them_does_not_make() -> None:
    rows = [("a", "mug", "mug", 0.9), ("b", "mug", "pan", 0.9)]
    new = side(OLD, rows, filed=[[True, False]])
    (lonely,) = compare(side(OLD, rows), new).promises
    assert (lonely.filed_before, lonely.filed_after) == (None, 0.5)


def test_it_is_json() -> None:
    rows = [("a", "mug", "mug", 0.9)]
    values = compare(side(OLD, rows), side(OLD, rows)).to_json()
    assert json.loads(json.dumps(values))["sentence"].endswith("that may be chance (p = 1.00).")

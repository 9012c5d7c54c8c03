"""Bayes' rule by hand, over any order of leaves, and refusals that say what came."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from catalens.core.prior import PriorShift, checked_shares

LEAVES = ("a", "b", "c")
SHIFT = PriorShift(np.array([2.0, 1.0, 0.5]), "em", 400)


def test_by_hand() -> None:
    # half and half, and b is three times as frequent now
    corrected = PriorShift.between(np.array([0.25, 0.75]), np.array([0.5, 0.5])).apply(np.array([[0.6, 0.4]]))
    np.testing.assert_allclose(corrected, [[0.6 * 0.5 / 0.9, 0.4 * 1.5 / 0.9]])


def test_only_proportions_count() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    for factor in (1e-8, 3.0, 1e30):
        np.testing.assert_allclose(
            PriorShift(factor * SHIFT.ratio).apply(probabilities), SHIFT.apply(probabilities), rtol=1e-12
        )


def test_there_and_back_again() -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), 50)
    back = PriorShift(1 / SHIFT.ratio).apply(SHIFT.apply(probabilities))
    np.testing.assert_allclose(back, probabilities, rtol=1e-12)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_type_stays_and_rows_add_up_to_1(kind: type[np.floating]) -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.full(3, 0.01), 200).astype(kind)
    before = probabilities.copy()
    corrected = PriorShift(np.array([1e-30, 1.0, 1e30])).apply(probabilities)
    assert corrected.dtype == kind
    assert np.isfinite(corrected).all()
    np.testing.assert_allclose(corrected.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(probabilities, before)


def test_no_correction_changes_not_a_bit() -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), 50).astype(np.float32)
    none = PriorShift.none(3, method="em", products=7)
    assert not none.changes
    assert SHIFT.changes
    np.testing.assert_array_equal(none.apply(probabilities), probabilities)


def test_no_products_and_one() -> None:
    assert SHIFT.apply(np.zeros((0, 3))).shape == (0, 3)
    np.testing.assert_allclose(SHIFT.apply(np.array([[0.2, 0.2, 0.6]])), [[4 / 9, 2 / 9, 3 / 9]])


def test_a_leaf_without_a_trained_share_keeps_its_probability() -> None:
    shift = PriorShift.between(np.array([0.5, 0.3, 0.2]), np.array([0.5, 0.5, 0.0]))
    np.testing.assert_allclose(shift.ratio, [1.0, 0.6, 1.0])


def test_the_ratio_is_a_copy_that_cannot_be_written_to() -> None:
    given = np.array([1.0, 2.0])
    shift = PriorShift(given)
    given[0] = 9
    assert shift.ratio.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        shift.ratio[0] = 9


def test_json_and_back_in_another_order_of_leaves() -> None:
    values = json.loads(json.dumps(SHIFT.to_json(LEAVES)))
    assert values == {"method": "em", "products": 400, "ratio": {"a": 2.0, "b": 1.0, "c": 0.5}}
    same, turned = PriorShift.from_json(values, LEAVES), PriorShift.from_json(values, LEAVES[::-1])
    assert (same.method, same.products, same.ratio.tolist()) == ("em", 400, [2.0, 1.0, 0.5])
    assert turned.ratio.tolist() == [0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        ([1.0, 0.0], "finite ratios above 0, got 0.0 for leaf number 1"),
        ([-1.0, 1.0], "got -1.0 for leaf number 0"),
        ([1.0, np.nan], "got nan"),
        ([np.inf, 1.0], "got inf"),
        ([], "shape [C], got [0]"),
        ([[1.0]], "shape [C], got [1, 1]"),
    ],
    ids=["zero", "negative", "nan", "infinite", "none", "a table"],
)
def test_ratios_that_are_none(ratio: list[float], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        PriorShift(np.array(ratio))


def test_counts_below_0() -> None:
    with pytest.raises(ValueError, match="0 products or more, got -1"):
        PriorShift(np.ones(2), "em", -1)


@pytest.mark.parametrize("shape", [(2, 4), (3,)], ids=["another number of leaves", "one product without its axis"])
def test_probabilities_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=re.escape(f"shape [N, 3], got {list(shape)}")):
        SHIFT.apply(np.ones(shape))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ratio": {"a": 2.0, "b": 1.0}}, "1 missing, like 'c'"),
        ({"ratio": {"a": 2.0, "b": 1.0, "c": 0.5, "x": 1.0}}, "1 of no leaf, like 'x'"),
        ({"ratio": {"a": 2.0, "b": 1.0, "c": None}}, "expected numbers in a prior shift"),
        ({"ratio": [2.0, 1.0, 0.5]}, "a ratio for each leaf id, got list"),
        ({"products": "many"}, "expected numbers in a prior shift"),
        ({"more": 1}, "see ['more']"),
        ({"ratio": {"a": 2.0, "b": 0.0, "c": 0.5}}, "ratios above 0"),
    ],
    ids=["a leaf missing", "a leaf unknown", "no number", "a list", "no count", "a field unknown", "a zero"],
)
def test_json_of_another_kind(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        PriorShift.from_json({**SHIFT.to_json(LEAVES), **change}, LEAVES)


def test_leaf_ids_of_another_number() -> None:
    with pytest.raises(ValueError, match="expected 3 different leaf ids, got 2"):
        SHIFT.to_json(("a", "b", "b"))


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ([0.5, 0.6], "wanted shares that add up to 1, got 1.1"),
        ([1.5, -0.5], "0 or more, got [-0.5]"),
        ([np.nan, 1.0], "0 or more, got [nan]"),
        ([np.inf, 1.0], "0 or more, got infinity"),
        ([], "shape [C], got [0]"),
    ],
)
def test_shares_that_are_none(shares: list[float], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        checked_shares(np.array(shares), "wanted")


def test_mixes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="as many wanted shares as trained ones, got 2 and 3"):
        PriorShift.between(np.full(2, 0.5), np.full(3, 1 / 3))
    with pytest.raises(ValueError, match="for leaf number 0"):
        PriorShift.between(np.array([0.0, 1.0]), np.array([0.5, 0.5]))

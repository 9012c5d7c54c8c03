"""Who is in a set: by hand, against a loop that follows the definition, and never nobody."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalens.core import sets
from catalens.core.sets import SetRule, standing

LEAVES = ("a", "b", "c", "d")
SURE, TORN, FLAT = [0.02, 0.9, 0.05, 0.03], [0.4, 0.05, 0.4, 0.15], [0.25, 0.25, 0.25, 0.25]
ROWS = np.array([SURE, TORN, FLAT])


def by_definition(rule: SetRule, row: np.ndarray, leaves: tuple[str, ...]) -> list[int]:
    order = sorted(range(len(row)), key=lambda label: (-row[label], label))
    found, before = [], 0.0
    for rank, label in enumerate(order, start=1):
        score = before + rule.penalty * max(0, rank - rule.free)
        if rank == 1 or score <= rule.by_leaf.get(leaves[label], rule.threshold):
            found.append(label)
        before += round(float(row[label]) * 2**40) / 2**40
    return found


@pytest.mark.parametrize(
    ("rule", "sets_of"),
    [
        (SetRule("aps", 0.9, 0.0), [[1], [0], [0]]),
        (SetRule("aps", 0.9, 0.6), [[1], [0, 2], [0, 1, 2]]),
        (SetRule("aps", 0.9, 0.25), [[1], [0], [0, 1]]),
        (SetRule("aps", 0.9, 0.2499), [[1], [0], [0]]),
        (SetRule("aps", 0.9, 0.92), [[1, 2], [0, 2, 3], [0, 1, 2, 3]]),
        (SetRule("aps", 0.9, np.inf), [[1, 2, 3, 0], [0, 2, 3, 1], [0, 1, 2, 3]]),
        (SetRule("raps", 0.9, 0.92, 0.2, 1), [[1], [0, 2], [0, 1, 2]]),
        (SetRule("raps", 0.9, 0.92, 0.2, 2), [[1, 2], [0, 2], [0, 1, 2]]),
        (SetRule("raps", 0.9, 0.92, 0.1, 2), [[1, 2], [0, 2, 3], [0, 1, 2]]),
        (SetRule("raps", 0.9, 0.1, 0.2, 0), [[1], [0], [0]]),
        (SetRule("aps", 0.9, 0.0, by_leaf={"d": 0.8}), [[1], [0, 3], [0, 3]]),
        (SetRule("aps", 0.9, 0.0, by_leaf={"d": np.inf}), [[1, 3], [0, 3], [0, 3]]),
        (SetRule("aps", 0.9, np.inf, by_leaf={"b": 0.0}), [[1, 2, 3, 0], [0, 2, 3], [0, 2, 3]]),
    ],
    ids=[
        "the best only",
        "sure one, torn two, flat three",
        "exactly at the threshold",
        "just under it",
        "almost everything",
        "everything",
        "a penalty from rank 2",
        "a penalty from rank 3",
        "a small penalty",
        "the best stays though its penalty is too high",
        "one leaf is let in beyond others",
        "one leaf is always in",
        "one leaf only where it is the best",
    ],
)
def test_by_hand(rule: SetRule, sets_of: list[list[int]]) -> None:
    chosen = rule.choose(ROWS, LEAVES)
    assert [found.tolist() for found in chosen] == sets_of
    assert all(found.dtype == np.int64 for found in chosen)
    assert [np.flatnonzero(row).tolist() for row in rule.members(ROWS, LEAVES)] == [sorted(found) for found in sets_of]


@given(
    seed=st.integers(0, 10_000),
    width=st.sampled_from([1, 2, 63, 64, 65, 200]),
    sharpness=st.sampled_from([0.0, 0.3, 3.0, 60.0]),
    digits=st.sampled_from([2, 4, 9]),
    threshold=st.sampled_from([0.0, 0.3, 0.95, 1.0, 3.0, np.inf]),
    penalty=st.sampled_from([0.0, 0.01, 0.3]),
    free=st.sampled_from([0, 1, 5]),
    single=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_members_are_those_of_the_definition(
    seed: int, width: int, sharpness: float, digits: int, threshold: float, penalty: float, free: int, single: bool
) -> None:
    rng = np.random.default_rng(seed)
    weights = np.exp(rng.normal(size=(7, width)) * sharpness)
    # rounding makes equal probabilities, inside the labels looked at first and across their end
    probabilities = np.round(weights / weights.sum(axis=1, keepdims=True), digits)
    probabilities = probabilities.astype(np.float32 if single else np.float64)
    leaves = tuple(map(str, range(width)))
    own = {leaf: float(rng.choice([0.0, 0.5, 0.99, np.inf])) for leaf in leaves[:: 1 + seed % 9]} if seed % 2 else {}
    rule = SetRule("raps", 0.9, threshold, penalty, free, own)
    chosen = rule.choose(probabilities, leaves)
    assert [found.tolist() for found in chosen] == [by_definition(rule, row, leaves) for row in probabilities]
    assert rule.members(probabilities, leaves).any(axis=1).all()


@given(seed=st.integers(0, 10_000), width=st.sampled_from([2, 65, 300]), penalty=st.sampled_from([0.0, 0.013, 0.7]))
@settings(max_examples=60, deadline=None)
def test_a_label_is_in_at_exactly_its_own_score(seed: int, width: int, penalty: float) -> None:
    """Calibration and serving add up the same probabilities in different orders, and must agree to the last bit."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(width, 0.1), size=20).astype(np.float32)
    labels = rng.integers(0, width, 20)
    leaves = tuple(map(str, range(width)))
    better, rank = standing(probabilities, labels)
    scores = SetRule("raps", 0.9, 0.0, penalty, 1).score(better, rank)
    for row, (score, label) in enumerate(zip(scores, labels, strict=True)):
        one = probabilities[row : row + 1]
        assert SetRule("raps", 0.9, score, penalty, 1).members(one, leaves)[0, label]
        if score > 0:
            below = float(np.nextafter(score, 0))
            assert not SetRule("raps", 0.9, below, penalty, 1).members(one, leaves)[0, label]


def test_what_stands_before_a_label() -> None:
    better, rank = standing(np.array([SURE, TORN, TORN, FLAT]), np.array([1, 0, 2, 3]))
    np.testing.assert_allclose(better, [0, 0, 0.4, 0.75])
    assert rank.tolist() == [1, 1, 2, 4]


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    probabilities = np.random.default_rng(3).dirichlet(np.full(150, 0.2), size=41)
    leaves = tuple(map(str, range(150)))
    labels = np.arange(41)
    rule = SetRule("aps", 0.9, 0.9)
    whole = rule.members(probabilities, leaves), standing(probabilities, labels)
    monkeypatch.setattr(sets, "BLOCK", 450)
    np.testing.assert_array_equal(rule.members(probabilities, leaves), whole[0])
    np.testing.assert_array_equal(standing(probabilities, labels), whole[1])
    assert len(rule.choose(probabilities, leaves)) == 41


def test_no_products() -> None:
    rule = SetRule("aps", 0.9, 0.9)
    assert rule.choose(np.zeros((0, 4)), LEAVES) == []
    assert rule.members(np.zeros((0, 4)), LEAVES).shape == (0, 4)


@pytest.mark.parametrize(
    "made",
    [
        SetRule("aps", 0.95, 0.9123456789012345),
        SetRule("raps", 0.99, np.inf, 0.01, 5, {"a": 0.1 + 0.2, "b": np.inf}),
    ],
    ids=["one threshold", "infinite ones and some by leaf"],
)
def test_json_and_back(made: SetRule) -> None:
    assert SetRule.from_json(json.loads(json.dumps(made.to_json(), allow_nan=False))) == made


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("top3", 0.9, 0.5), "expected kind 'aps' or 'raps', got 'top3'"),
        (("aps", 1.0, 0.5), "coverage between 0 and 1, got 1.0"),
        (("raps", 0.9, 0.5, -0.1, 1), "at least 0, got -0.1 and 1"),
        (("raps", 0.9, 0.5, 0.1, -1), "at least 0, got 0.1 and -1"),
        (("aps", 0.9, 0.5, 0.1, 1), "no penalty in APS"),
        (("aps", 0.9, float("nan")), "thresholds of at least 0"),
        (("aps", 0.9, 0.5, 0.0, 0, {"a": -0.5}), "thresholds of at least 0"),
    ],
    ids=["kind", "coverage", "penalty", "free", "APS with a penalty", "threshold", "threshold of a leaf"],
)
def test_impossible_rules_are_refused(values: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SetRule(*values)


def test_probabilities_of_another_taxonomy_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected probabilities of shape \[N, 4\], got \[3, 2\]"):
        SetRule("aps", 0.9, 0.5).members(ROWS[:, :2], LEAVES)

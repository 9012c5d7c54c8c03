"""Promises are kept, tests are the serving rule, and labels choose nothing but when to stop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders.worlds import TAXONOMY, draw_world

from catalens.core.taxonomy import Taxonomy
from catalens.evaluate import promise as promises
from catalens.evaluate.binomial import lower_bound
from catalens.evaluate.coverage import coverage, judge
from catalens.evaluate.promise import fit

FLAT = Taxonomy.from_paths({"a": ["a"], "b": ["b"]})
PAIRS = Taxonomy.from_paths({"a": ["x", "a"], "b": ["x", "b"], "c": ["y", "c"], "d": ["y", "d"]})


def flat(confidence: np.ndarray) -> np.ndarray:
    """float [N] in [0.5, 1] -> float64 [N, 2]: leaf "a" is the answer."""
    return np.stack([confidence, 1 - confidence], axis=1)


@given(
    seed=st.integers(0, 10_000),
    products=st.sampled_from([0, 30, 200, 1500]),
    precision=st.sampled_from([0.8, 0.9, 0.95, 0.98]),
    coarse=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_what_was_tested_is_what_the_rule_files(seed: int, products: int, precision: float, coarse: bool):
    world = draw_world(products, seed)
    # rounding makes equal confidences, which must be accepted together
    probabilities = np.round(world.probabilities, 2) if coarse else world.probabilities
    promise = fit(TAXONOMY, probabilities, world.truth, precision=precision)
    choice = promise.choose(TAXONOMY, probabilities)
    right = judge(TAXONOMY, choice, world.truth)
    for rule in promise.rules:
        here = choice.level == rule.level
        assert (here.sum(), right[here].sum()) == (rule.accepted, rule.correct)
        if rule.threshold is not None:
            assert rule.lower_bound >= precision
            assert rule.lower_bound == pytest.approx(lower_bound(rule.correct, rule.accepted, promise.delta))


def test_a_perfect_model_files_everything_at_the_leaf():
    promise = fit(FLAT, flat(np.linspace(0.6, 1, 300)), np.zeros(300, dtype=int), precision=0.98)
    (rule,) = promise.rules
    assert (rule.threshold, rule.accepted, rule.correct) == (pytest.approx(0.6), 300, 300)


def test_148_products_cannot_support_98_percent_and_149_can():
    for products, supported in ((148, False), (149, True)):
        promise = fit(FLAT, flat(np.full(products, 0.99)), np.zeros(products, dtype=int), precision=0.98)
        assert (promise.rules[0].threshold is not None) is supported


def test_no_products_no_promise():
    promise = fit(PAIRS, np.zeros((0, 4)), np.zeros(0, dtype=int), precision=0.9)
    assert [rule.threshold for rule in promise.rules] == [None, None]


def test_a_model_that_only_knows_the_parent_climbs():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 2000)  # a or b, a coin; the model says a, and is sure of x
    probabilities = np.tile([0.51, 0.48, 0.005, 0.005], (2000, 1))
    leaf, parent = fit(PAIRS, probabilities, truth, precision=0.95).rules
    assert (leaf.level, leaf.threshold) == (1, None)
    assert (parent.level, parent.accepted, parent.correct) == (0, 2000, 2000)


def test_products_filed_at_the_leaf_do_not_speak_for_the_parent():
    # 1,000 easy products, right at the leaf; 1,000 hard ones whose parent is right in 90 of 100
    easy = np.tile([0.99, 0.005, 0.004, 0.001], (1000, 1))
    hard = np.tile([0.5, 0.45, 0.03, 0.02], (1000, 1))
    truth = np.concatenate([np.zeros(1000), np.where(np.arange(1000) % 10, 0, 2)]).astype(int)
    leaf, parent = fit(PAIRS, np.concatenate([easy, hard]), truth, precision=0.95).rules
    assert leaf.accepted == 1000
    assert parent.threshold is None, "all 2,000 together would be right in 95 of 100"


@pytest.mark.parametrize("precision", [0.9, 0.98])
def test_a_sure_model_that_is_wrong_is_not_believed(precision: float):
    truth = np.random.default_rng(1).integers(0, 2, 5000)
    promise = fit(FLAT, flat(np.random.default_rng(2).uniform(0.95, 1, 5000)), truth, precision=precision)
    assert promise.rules[0].threshold is None


def test_one_unlucky_photo_among_the_surest_does_not_end_the_promise():
    confidence = np.linspace(0.9999, 0.97, 3000)
    truth = np.zeros(3000, dtype=int)
    truth[3] = 1
    (rule,) = fit(FLAT, flat(confidence), truth, precision=0.98).rules
    assert (rule.accepted, rule.correct) == (3000, 2999)


def test_it_stops_at_the_first_failure_though_later_ones_would_pass():
    # errors only in a band: 3,000 right, 300 wrong, 20,000 right
    confidence = np.linspace(0.9999, 0.99, 23_300)
    truth = np.zeros(23_300, dtype=int)
    truth[3000:3300] = 1
    (rule,) = fit(FLAT, flat(confidence), truth, precision=0.98).rules
    assert 2900 <= rule.accepted <= 3100


def test_the_sequence_is_a_function_of_confidences_and_grows():
    confidence = -np.sort(-draw_world(3000, 5).probabilities.max(axis=1))
    counts = promises._sequence(confidence, 0.95, 0.05)
    assert counts == sorted(set(counts))
    assert counts[0] >= 59
    assert counts[-1] == 3000


@pytest.mark.parametrize(("precision", "delta"), [(0.0, 0.05), (1.0, 0.05), (0.9, 0.0), (0.9, 1.0)])
def test_impossible_promises_are_refused(precision: float, delta: float):
    with pytest.raises(ValueError, match="between 0 and 1"):
        fit(FLAT, flat(np.full(10, 0.9)), np.zeros(10, dtype=int), precision=precision, delta=delta)


def test_coverage_and_its_sentence():
    world = draw_world(4000, 7)
    promise = fit(TAXONOMY, world.probabilities, world.truth, precision=0.9)
    choice = promise.choose(TAXONOMY, world.probabilities)
    one = coverage(TAXONOMY, promise, choice.level, judge(TAXONOMY, choice, world.truth))
    assert [level.level for level in one.by_level] == ["leaf", "middle", "top"]
    assert one.filed == pytest.approx(sum(level.filed for level in one.by_level))
    assert one.filed == pytest.approx(sum(rule.accepted for rule in promise.rules) / 4000)
    weighted = sum(level.filed * level.precision for level in one.by_level if level.precision is not None)
    assert one.precision == pytest.approx(weighted / one.filed)
    assert one.sentence().startswith(
        f"At 90 % promised precision, {100 * one.filed:.0f} % of listings file themselves ("
    )


def test_a_promise_without_support_says_so():
    promise = fit(PAIRS, np.full((5, 4), 0.25), np.zeros(5, dtype=int), precision=0.985)
    choice = promise.choose(PAIRS, np.full((5, 4), 0.25))
    one = coverage(PAIRS, promise, choice.level, judge(PAIRS, choice, np.zeros(5, dtype=int)))
    assert (one.filed, one.precision) == (0.0, None)
    assert one.sentence() == (
        "At 98.5 % promised precision, no listing files itself: the calibration products cannot support that promise."
    )


def branched(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Branch x is easy, branch y hard: probabilities are right for both together, and for neither alone."""
    rng = np.random.default_rng(seed)
    answer = rng.integers(0, 4, count)
    confidence = rng.uniform(0.7, 0.999, count)
    probabilities = np.repeat(((1 - confidence) / 3)[:, None], 4, axis=1)
    probabilities[np.arange(count), answer] = confidence
    wrong = rng.random(count) < (1 - confidence) * np.where(answer < 2, 0.2, 1.8)
    return probabilities, np.where(wrong, (answer + 2) % 4, answer)


def test_a_branch_that_is_harder_keeps_the_promise_by_itself():
    broken = {"together": 0, "by branch": 0}
    fresh, fresh_truth = branched(99, 20_000)
    hard = fresh.argmax(axis=1) >= 2
    for seed in range(20):
        probabilities, truth = branched(seed, 1500)
        for name, by_branch in (("together", False), ("by branch", True)):
            promise = fit(PAIRS, probabilities, truth, precision=0.9, by_branch=by_branch)
            choice = promise.choose(PAIRS, fresh)
            right = judge(PAIRS, choice, fresh_truth)
            filed = choice.filed & hard
            broken[name] += bool(filed.any() and right[filed].mean() < 0.9)
    assert broken["together"] >= 15
    assert broken["by branch"] <= 1


def test_rules_of_branches_are_what_the_serving_rule_files():
    probabilities, truth = branched(3, 1500)
    promise = fit(PAIRS, probabilities, truth, precision=0.9, by_branch=True)
    assert {rule.branch for rule in promise.at(1)} == {"x", "y", None}
    choice = promise.choose(PAIRS, probabilities)
    right = judge(PAIRS, choice, truth)
    branch = PAIRS.ancestors[0][probabilities.argmax(axis=1)]
    for rule in promise.at(1):
        if rule.branch is not None:
            here = (choice.level == 1) & (branch == PAIRS.level_nodes[0].index(rule.branch))
            assert (here.sum(), right[here].sum()) == (rule.accepted, rule.correct)
    assert type(promise).from_json(promise.to_json()) == promise
    told = coverage(PAIRS, promise, choice.level, right).by_level[0]
    assert set(told.branches) == {"x", "y"}
    assert told.branches["x"] is not None


def test_branches_with_few_products_share_a_rule():
    probabilities, truth = branched(3, 120)
    promise = fit(PAIRS, probabilities, truth, precision=0.95, by_branch=True)
    assert [rule.branch for rule in promise.rules] == [None, None]


def test_what_a_promise_costs():
    promise = fit(FLAT, flat(np.linspace(0.6, 1, 300)), np.zeros(300, dtype=int), precision=0.98)
    told = coverage(FLAT, promise, np.array([0, 0, 0, -1]), np.array([True, True, False, False]))
    assert (told.reviews_per_1000, told.errors_per_1000) == (250, 250)

"""Coverage is what was promised, whatever the model; penalties make sets smaller; no leaf is forgotten."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders.worlds import TAXONOMY, draw_world

from catalens.core.errors import CatalogError
from catalens.core.scores import softmax
from catalens.core.sets import SetRule, standing
from catalens.evaluate import sets
from catalens.evaluate.sets import fit, least_rows, measure, quantile

LEAVES = TAXONOMY.leaves
PHOTO_LEAVES = tuple(map(str, range(60)))
DRAWS = 200


def draw_photos(products: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits [N, 60] and labels: each leaf has a sibling it is taken for.  Sharp photos are over-sure between the two;
    in blurred ones the right leaf is as often first, but every leaf has a share."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 60, products)
    logits = rng.normal(size=(products, 60))
    logits[np.arange(products), truth] += 5
    logits[np.arange(products), truth ^ 1] += 3.5
    return logits * np.where(rng.random((products, 1)) < 0.5, 3, 0.4), truth


def draw_neglected(products: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities [N, 4] and labels: one in ten is leaf 3, which the model takes for leaf 2 more often than not."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(4, products, p=[0.3, 0.3, 0.3, 0.1])
    logits = rng.normal(size=(products, 4))
    logits[np.arange(products), truth] += np.where(truth == 3, 0.5, 4)
    logits[truth == 3, 2] += 2
    return softmax(logits), truth


def halves(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    order = np.random.default_rng(seed).permutation(count)
    return order[: count // 2], order[count // 2 :]


@pytest.mark.parametrize(
    ("scores", "coverage", "expected"),
    [
        ([5, 1, 4, 2, 3, 6, 7, 8, 9], 0.9, 9),
        ([5, 1, 4, 2, 3, 6, 7, 8], 0.9, math.inf),
        ([1, 2, 3], 0.5, 2),
        ([2, 2, 0], 0.5, 2),
        ([], 0.5, math.inf),
        (list(range(1, 20)), 0.95, 19),
        (list(range(1, 100)), 0.55, 55),
        (list(range(1, 101)), 0.95, 96),
    ],
    ids=["nine", "eight are too few", "a median", "equal ones", "none", "nineteen", "no 55.000001", "a hundred"],
)
def test_quantiles_by_hand(scores: list[float], coverage: float, expected: float):
    assert quantile(np.array(scores, dtype=float), coverage) == expected


@pytest.mark.parametrize(("coverage", "least"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.98, 49), (0.99, 99)])
def test_least_rows_are_the_fewest_with_a_threshold(coverage: float, least: int):
    assert least_rows(coverage) == least
    assert quantile(np.zeros(least), coverage) == 0
    assert quantile(np.zeros(least - 1), coverage) == math.inf


def test_a_rule_by_hand():
    # scores of the right leaf: 0, 0.5, 0.8, 0; the fourth place of five is the largest of them
    probabilities = np.array([[0.5, 0.3, 0.2]] * 4)
    rule = fit(probabilities, np.array([0, 1, 2, 0]), ("a", "b", "c"), coverage=0.8, kind="aps")
    assert (rule.kind, rule.threshold) == ("aps", pytest.approx(0.8))
    rule = fit(probabilities, np.array([0, 1, 2, 0]), ("a", "b", "c"), coverage=0.6, kind="aps")
    assert (rule.kind, rule.threshold) == ("aps", pytest.approx(0.5))
    assert [found.tolist() for found in rule.choose(probabilities[:1], ("a", "b", "c"))] == [[0, 1]]


@pytest.mark.parametrize("conditional", [False, True], ids=["marginal", "by class"])
@pytest.mark.parametrize("kind", ["aps", "raps"])
@pytest.mark.parametrize("temperature", [1.0, 0.4, 3.0], ids=["calibrated", "too sure", "too timid"])
def test_coverage_is_the_promised_one(temperature: float, kind: sets.Kind, conditional: bool):
    world = draw_world(2000, 1, sharpness=1.0)
    probabilities = softmax(world.logits, temperature)
    covered = []
    for seed in range(DRAWS):
        here, there = halves(2000, seed)
        rule = fit(probabilities[here], world.truth[here], LEAVES, kind=kind, conditional=conditional, seed=seed)
        covered.append(measure(rule, probabilities[there], world.truth[there], LEAVES).coverage)
    if conditional:  # each leaf has a few dozen products: rounding up costs up to 1 / (n + 1)
        assert 0.945 <= np.mean(covered) <= 0.985
    else:
        assert np.mean(covered) == pytest.approx(0.95, abs=0.01)


def test_penalties_make_smaller_sets_of_the_same_coverage():
    logits, truth = draw_photos(2000, 0)
    probabilities = softmax(logits)
    sizes, covered = {"aps": [], "raps": []}, []
    for seed in range(DRAWS):
        here, there = halves(2000, seed)
        for kind in sizes:
            rule = fit(probabilities[here], truth[here], PHOTO_LEAVES, kind=kind, seed=seed)
            figures = measure(rule, probabilities[there], truth[there], PHOTO_LEAVES)
            sizes[kind].append(figures.mean_size)
        covered.append(figures.coverage)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.01)
    assert np.mean(sizes["raps"]) < 0.3 * np.mean(sizes["aps"])


def test_a_penalty_that_does_not_help_is_not_taken():
    world = draw_world(4000, 2, sharpness=1.0)
    taken = fit(softmax(world.logits, 3.0), world.truth, LEAVES)
    assert (taken.kind, taken.penalty, taken.free) == ("aps", 0.0, 0)


def test_the_threshold_is_found_on_products_that_did_not_choose_the_penalty():
    logits, truth = draw_photos(3000, 0)
    probabilities = softmax(logits)
    rule = fit(probabilities, truth, PHOTO_LEAVES, seed=7)
    rest = np.random.default_rng(7).permutation(3000)[900:]
    assert rule.kind == "raps"
    scores = rule.score(*standing(probabilities[rest], truth[rest]))
    assert rule.threshold == quantile(scores, 0.95)


def test_the_same_seed_makes_the_same_rule():
    logits, truth = draw_photos(1500, 3)
    first, second, other = (fit(softmax(logits), truth, PHOTO_LEAVES, seed=seed) for seed in (1, 1, 2))
    assert first == second
    assert first.threshold != other.threshold


@pytest.mark.parametrize(("products", "kind"), [(630, "aps"), (640, "raps")], ids=["189 to tune on", "192 to tune on"])
def test_a_penalty_takes_enough_products(products: int, kind: str):
    logits, truth = draw_photos(products, 0)
    rule = fit(softmax(logits), truth, PHOTO_LEAVES)
    assert rule.kind == kind
    if kind == "aps":
        assert rule == fit(softmax(logits), truth, PHOTO_LEAVES, kind="aps"), "all products speak for the threshold"


def test_a_model_right_more_often_than_promised_suggests_one_leaf():
    logits, truth = draw_photos(3000, 0)
    probabilities = softmax(logits)
    rule = fit(probabilities, truth, PHOTO_LEAVES, coverage=0.8)
    figures = measure(rule, probabilities, truth, PHOTO_LEAVES)
    assert rule.threshold == 0
    assert (figures.mean_size, figures.singles) == (1, 1)
    assert figures.coverage == (probabilities.argmax(axis=1) == truth).mean() > 0.84


def test_sets_by_class_reach_the_class_that_the_mean_hides():
    probabilities, truth = draw_neglected(8000, 0)
    here, there = halves(8000, 0)
    leaves = ("a", "b", "c", "d")
    reached = {}
    for conditional in (False, True):
        rule = fit(probabilities[here], truth[here], leaves, coverage=0.9, kind="aps", conditional=conditional)
        reached[conditional] = measure(rule, probabilities[there], truth[there], leaves)
    assert reached[False].coverage >= 0.88
    assert reached[False].worst_class < 0.5
    assert reached[True].worst_class > 0.86
    assert reached[True].class_gap < reached[False].class_gap


def test_each_class_has_its_coverage_in_the_mean_of_draws():
    probabilities, truth = draw_neglected(60_000, 1)
    leaves = ("a", "b", "c", "d")
    covered = []
    for seed in range(DRAWS):
        rows = np.random.default_rng(seed).permutation(60_000)[:1000]
        here, there = rows[:400], rows[400:]
        rule = fit(probabilities[here], truth[here], leaves, coverage=0.9, kind="aps", conditional=True)
        hard = there[truth[there] == 3]
        covered.append(rule.members(probabilities[hard], leaves)[:, 3].mean())
    # about 40 products: between 0.9 and 0.9 + 1 / 41
    assert 0.89 <= np.mean(covered) <= 0.935


def by_counts(counts: list[int], seed: int = 0) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    probabilities = rng.dirichlet(np.ones(len(counts)), size=len(truth))
    return probabilities, truth, tuple(map(str, range(len(counts))))


@pytest.mark.parametrize(
    ("counts", "own", "shared"),
    [
        ([40, 19, 18, 12, 0], ["0", "1"], [2, 3, 4]),
        ([40, 30, 19, 3, 0], ["0", "1", "2"], [2, 3, 4]),
        ([40, 30, 25, 20, 0], ["0", "1", "2", "3"], [3, 4]),
        ([5, 5, 5, 5, 5], [], [0, 1, 2, 3, 4]),
    ],
    ids=["two small ones share", "too few: the next smallest lends", "none of its own", "all share"],
)
def test_leaves_with_few_products_share_a_threshold(counts: list[int], own: list[str], shared: list[int]):
    probabilities, truth, leaves = by_counts(counts)
    rule = fit(probabilities, truth, leaves, kind="aps", conditional=True)
    scores, _ = standing(probabilities, truth)
    assert list(rule.by_leaf) == own
    for leaf in own:
        assert rule.by_leaf[leaf] == quantile(scores[truth == int(leaf)], 0.95)
    assert rule.threshold == quantile(scores[np.isin(truth, shared)], 0.95)


@pytest.mark.parametrize("conditional", [False, True], ids=["marginal", "by class"])
@pytest.mark.parametrize("counts", [[0, 0, 0], [6, 6, 6]], ids=["no products", "18 products"])
def test_too_few_products_suggest_everything(counts: list[int], conditional: bool):
    probabilities, truth, leaves = by_counts(counts)
    rule = fit(probabilities, truth, leaves, conditional=conditional)
    assert rule == SetRule("aps", 0.95, math.inf)
    assert [found.tolist() for found in rule.choose(np.array([[0.2, 0.5, 0.3]]), leaves)] == [[1, 2, 0]]


@given(
    seed=st.integers(0, 10_000),
    products=st.sampled_from([0, 5, 30, 400]),
    coverage=st.sampled_from([0.5, 0.8, 0.95]),
    kind=st.sampled_from(["aps", "raps"]),
    conditional=st.booleans(),
    digits=st.sampled_from([1, 3, 12]),
    single=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_a_rule_covers_what_it_was_fitted_on(
    seed: int, products: int, coverage: float, kind: sets.Kind, conditional: bool, digits: int, single: bool
):
    """The threshold is one of the calibration scores, so the serving rule must hold at least that share of them."""
    world = draw_world(products, seed, sharpness=1.0)
    # rounding makes equal probabilities, and float32 sums that depend on their order
    probabilities = np.round(world.probabilities, digits).astype(np.float32 if single else np.float64)
    rule = fit(probabilities, world.truth, LEAVES, coverage=coverage, kind=kind, conditional=conditional, seed=seed)
    assert SetRule.from_json(rule.to_json()) == rule
    members = rule.members(probabilities, LEAVES)
    if products:
        assert members[np.arange(products), probabilities.argmax(axis=1)].all()
        if rule.kind == "aps" and kind == "aps" and not conditional:
            assert members[np.arange(products), world.truth].mean() >= coverage
        for leaf in rule.by_leaf if kind == "aps" else ():
            rows = world.truth == LEAVES.index(leaf)
            assert members[rows, LEAVES.index(leaf)].mean() >= coverage


def test_figures_by_hand(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sets, "CLASS_LEAST", 2)
    probabilities = np.array([[0.9, 0.06, 0.04], [0.5, 0.3, 0.2], [0.4, 0.35, 0.25], [0.9, 0.06, 0.04]])
    truth = np.array([0, 0, 2, 2])
    # sets of 1, 2, 3 and 1
    figures = measure(SetRule("aps", 0.9, 0.75), probabilities, truth, ("a", "b", "c"))
    assert figures == sets.SetFigures(
        products=4,
        coverage=0.75,
        mean_size=1.75,
        median_size=1.5,
        singles=0.5,
        worst_class=0.5,
        class_gap=pytest.approx((0.1 + 0.4) / 2),
    )


def test_small_classes_are_not_told():
    probabilities, truth, leaves = by_counts([19, 19, 19])
    figures = measure(SetRule("aps", 0.9, 0.0), probabilities, truth, leaves)
    assert (figures.worst_class, figures.class_gap) == (None, None)


def test_nothing_to_measure_on():
    with pytest.raises(CatalogError, match="no labelled products"):
        measure(SetRule("aps", 0.9, 0.5), np.zeros((0, 3)), np.zeros(0, dtype=int), ("a", "b", "c"))


@pytest.mark.parametrize("shape", [(5, 3), (4, 2)], ids=["products", "leaves"])
def test_arrays_that_do_not_go_together_are_refused(shape: tuple[int, int]):
    with pytest.raises(ValueError, match=rf"expected probabilities of shape \[4, 3\], got \[{shape[0]}, {shape[1]}\]"):
        fit(np.zeros(shape), np.zeros(4, dtype=int), ("a", "b", "c"))

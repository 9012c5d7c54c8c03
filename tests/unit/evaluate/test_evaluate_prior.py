"""The mix is found where it is known, nothing is lost where it has not changed, and refusals say what came."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from catalens.core.prior import PriorShift
from catalens.core.scores import softmax
from catalens.evaluate import prior
from catalens.evaluate.prior import Reference, bbse, em, estimate, thin
from catalens.evaluate.prior_figures import before_after

CLASSES = 12
CENTRES = np.random.default_rng(0).normal(size=(CLASSES, 6)) * 1.4
TRAINED = np.random.default_rng(1).dirichlet(np.full(CLASSES, 2.0))
SHIFTED = np.random.default_rng(2).dirichlet(np.full(CLASSES, 1.0))
METHODS = pytest.mark.parametrize("method", ["em", "bbse"])


def draw(mix: np.ndarray, products: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Products of a mix, and the true probabilities p(leaf | photo) of a shop of the trained mix: Gaussian leaves."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(CLASSES, products, p=mix)
    photos = CENTRES[truth] + rng.normal(size=(products, CENTRES.shape[1]))
    distance = ((photos[:, None] - CENTRES) ** 2).sum(axis=2)
    return softmax(np.log(TRAINED) - distance / 2), truth


def apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).sum() / 2)


REFERENCE = Reference.of(*draw(TRAINED, 4000, 99), confusion=True)


def test_two_leaves_in_closed_form():
    """Photos are of two kinds only, so the likeliest share makes the expected part of each kind the observed one."""
    seen = np.repeat([[0.8, 0.2], [0.2, 0.8]], [700, 300], axis=0)
    # p(kind 1 | leaf) is 0.8 and 0.2 with leaves half and half: 0.8 q + 0.2 (1 - q) = 0.7
    found = em(seen, np.array([0.5, 0.5]), strength=0, tolerance=1e-12)
    np.testing.assert_allclose(found, [5 / 6, 1 / 6], atol=1e-6)


def test_the_answer_is_a_fixed_point_and_the_likeliest():
    probabilities, _ = draw(SHIFTED, 3000, 0)
    found = em(probabilities, TRAINED, strength=0, tolerance=1e-11, limit=3000)
    corrected = PriorShift(found / TRAINED).apply(probabilities)
    np.testing.assert_allclose(corrected.mean(axis=0), found, atol=1e-7)

    def likelihood(mix: np.ndarray) -> float:
        return float(np.log(probabilities @ (mix / TRAINED)).mean())

    rng = np.random.default_rng(3)
    others = [0.95 * found + 0.05 * rng.dirichlet(np.ones(CLASSES)) for _ in range(50)]
    assert likelihood(found) > max(likelihood(mix) for mix in others)


def test_the_ratio_is_held_back_by_the_formula():
    """A sharp model leaves no doubt of what is observed, so ratio = (n observed + k) / (n expected + k)."""
    counts, trained = np.array([600, 390, 10]), np.array([0.5, 0.45, 0.05])
    sharp = np.repeat(np.eye(3), counts, axis=0)
    wanted = trained * (counts + 4) / (1000 * trained + 4)
    np.testing.assert_allclose(em(sharp, trained, strength=4), wanted / wanted.sum(), atol=1e-6)


def test_plain_em_lets_leaves_die_and_strength_keeps_them():
    sharp = np.repeat(np.eye(3), [600, 400, 0], axis=0)
    trained = np.array([0.5, 0.49, 0.01])
    assert em(sharp, trained, strength=0)[2] == 0
    assert em(sharp, trained)[2] == pytest.approx(0.01 * 4 / 14, rel=0.02)


@METHODS
def test_a_shifted_mix_is_found(method: str):
    probabilities, _ = draw(SHIFTED, 20_000, 5)
    found = estimate(probabilities, REFERENCE, method=method)
    assert apart(SHIFTED, TRAINED) > 0.35
    assert apart(found.shares, SHIFTED) < 0.05
    assert found.shares.sum() == pytest.approx(1)
    assert found.significant
    assert (found.shift.method, found.shift.products) == (method, 20_000)


@METHODS
def test_accuracy_is_gained_under_shift(method: str):
    gains = []
    for seed in range(20):
        mix = np.random.default_rng(seed).dirichlet(np.full(CLASSES, 1.0))
        probabilities, truth = draw(mix, 1000, seed)
        corrected = estimate(probabilities, REFERENCE, method=method).shift.apply(probabilities)
        best = PriorShift.between(mix, TRAINED).apply(probabilities)
        top = [(each.argmax(axis=1) == truth).mean() for each in (probabilities, corrected, best)]
        gains.append((top[1] - top[0], top[2] - top[0]))
    gained, possible = np.mean(gains, axis=0)
    assert possible > 0.03
    assert gained > 0.7 * possible
    assert min(gain for gain, _ in gains) > -0.005


def test_without_a_shift_nothing_is_lost():
    lost, corrected, believed = [], [], 0
    for seed in range(200):
        probabilities, truth = draw(TRAINED, (40, 300, 2000)[seed % 3], 1000 + seed)
        found = estimate(probabilities, REFERENCE, seed=seed)
        believed += found.significant
        before = (probabilities.argmax(axis=1) == truth).mean()
        lost.append(before - (found.shift.apply(probabilities).argmax(axis=1) == truth).mean())
        # even if the shift were believed each time
        ungated = PriorShift(found.shares / REFERENCE.trained).apply(probabilities)
        corrected.append(before - (ungated.argmax(axis=1) == truth).mean())
    assert np.mean(lost) <= 0.0003
    assert np.mean(corrected) <= 0.003
    assert max(lost) <= 0.01
    assert believed <= 8, "of 200, at one in a hundred"


def test_what_the_model_gets_wrong_on_both_sides_is_no_shift():
    """Probabilities that favour one leaf, as temperature leaves them: shares alone would call it a shift."""
    bias = np.where(np.arange(CLASSES) == 3, 20.0, 1.0)
    wrong = PriorShift(bias)
    calibration, labels = draw(TRAINED, 4000, 99)
    reference = Reference.of(wrong.apply(calibration), labels)
    assert apart(reference.expected, TRAINED) > 0.05
    found = [estimate(wrong.apply(draw(TRAINED, 2000, seed)[0]), reference) for seed in range(20)]
    assert sum(each.significant for each in found) <= 2
    shifted = estimate(wrong.apply(draw(SHIFTED, 20_000, 5)[0]), reference)
    assert apart(shifted.shares, SHIFTED) < 0.08


@METHODS
def test_one_product_proves_nothing(method: str):
    for leaf in range(CLASSES):
        found = estimate(np.eye(CLASSES)[[leaf]], REFERENCE, method=method)
        assert not found.significant
        assert not found.shift.changes
        assert np.isfinite(found.shares).all()
        assert apart(found.shares, TRAINED) < 0.2


@METHODS
def test_a_leaf_absent_from_calibration(method: str):
    calibration, labels = draw(TRAINED, 4000, 99)
    there = labels != 7
    reference = Reference.of(calibration[there], labels[there], confusion=True)
    found = estimate(draw(SHIFTED, 5000, 1)[0], reference, method=method)
    assert found.shares.min() > 0
    assert "1 categories have no calibration product" in found.note
    assert found.note in found.sentence()
    assert (found.shift.apply(np.eye(CLASSES))[7] == np.eye(CLASSES)[7]).all(), "it can still be the answer"


def test_leaves_that_cannot_be_told_apart_keep_their_shares_and_are_named():
    """The model never says which of two twins it is: their sum can be estimated and their difference cannot."""
    rng = np.random.default_rng(0)
    pure = np.array([[0.3, 0.3, 0.4], [0.3, 0.3, 0.4], [0.05, 0.05, 0.9]])
    labels = rng.choice(3, 5000, p=[0.3, 0.3, 0.4])
    reference = Reference.of(pure[labels], labels, confusion=True)
    assert np.linalg.matrix_rank(reference.confusion) == 2
    found = estimate(pure[rng.choice(3, 5000, p=[0.1, 0.3, 0.6])], reference, method="bbse")
    np.testing.assert_allclose(found.shares, [0.2, 0.2, 0.6], atol=0.03)
    assert "look too much like others" in found.note


def test_bbse_needs_the_confusion_and_some_strength():
    bare = Reference.of(*draw(TRAINED, 100, 0))
    with pytest.raises(ValueError, match=r"Reference.of\(..., confusion=True\)"):
        bbse(np.eye(CLASSES), bare)
    with pytest.raises(ValueError, match="expected a strength above 0"):
        bbse(np.eye(CLASSES), REFERENCE, strength=0)


def test_the_confusion_by_hand(monkeypatch: pytest.MonkeyPatch):
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]], np.float32)
    for block in (1 << 20, 2, 6):
        monkeypatch.setattr(prior, "BLOCK", block)
        reference = Reference.of(probabilities, np.array([0, 1, 0, 1]), confusion=True)
        np.testing.assert_allclose(reference.confusion, np.array([[1.2, 0.8], [0.8, 1.2]]) / 4, rtol=1e-6)
        np.testing.assert_allclose(reference.expected, [0.5, 0.5], rtol=1e-6)
        assert reference.shares.tolist() == [0.5, 0.5]


@METHODS
@pytest.mark.parametrize("block", [CLASSES, 7 * CLASSES])
def test_blocks_and_types_change_little(method: str, block: int, monkeypatch: pytest.MonkeyPatch):
    probabilities, _ = draw(SHIFTED, 500, 0)
    whole = estimate(probabilities, REFERENCE, method=method).shares
    monkeypatch.setattr(prior, "BLOCK", block)
    for given in (probabilities, probabilities.astype(np.float32)):
        np.testing.assert_allclose(estimate(given, REFERENCE, method=method).shares, whole, atol=1e-4)


def test_the_same_seed_gives_the_same_answer():
    probabilities, _ = draw(TRAINED, 300, 0)
    one, same, other = (estimate(probabilities, REFERENCE, seed=seed) for seed in (1, 1, 2))
    assert (one.p_value, one.usual) == (same.p_value, same.usual)
    assert one.usual != other.usual


def test_many_rare_leaves_in_little_memory(monkeypatch: pytest.MonkeyPatch):
    """2,000 leaves of a long tail: few passes over the products, and rare leaves are not blown up."""
    classes, products = 2000, 6000
    rng = np.random.default_rng(0)
    trained = 1 / np.arange(1, classes + 1)
    trained /= trained.sum()
    wanted = 0.5 * trained + 0.5 * np.roll(trained, 700)

    def photos(mix: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        truth = rng.choice(classes, count, p=mix)
        logits = rng.standard_normal((count, classes), dtype=np.float32) + np.log(trained).astype(np.float32)
        logits[np.arange(count), truth] += 9
        return softmax(logits).astype(np.float32), truth

    reference = Reference.of(*photos(trained, 3000))
    passes = []
    whole_pass = prior._responsibilities
    monkeypatch.setattr(prior, "_responsibilities", lambda *given: passes.append(1) or whole_pass(*given))
    probabilities, truth = photos(wanted, products)
    found = estimate(probabilities, reference)
    figures = before_after(probabilities, found.shift.apply(probabilities), truth)
    assert len(passes) < 60
    assert found.significant
    assert figures.after.top1 > figures.before.top1
    assert figures.after.macro_recall > figures.before.macro_recall - 0.003
    assert figures.after.mix_error < figures.before.mix_error


def test_before_and_after_by_hand():
    before = np.array([[0.6, 0.4], [0.6, 0.4], [0.6, 0.4], [0.9, 0.1]])
    after = np.array([[0.3, 0.7], [0.3, 0.7], [0.3, 0.7], [0.7, 0.3]])
    figures = before_after(before, after, np.array([1, 1, 1, 0]))
    assert (figures.products, figures.before.top1, figures.after.top1) == (4, 0.25, 1.0)
    assert (figures.before.macro_recall, figures.after.macro_recall) == (0.5, 1.0)
    assert figures.before.nll == pytest.approx(-(3 * np.log(0.4) + np.log(0.9)) / 4)
    assert (figures.before.mix_error, figures.after.mix_error) == (pytest.approx(0.425), pytest.approx(0.15))
    assert [row["leaf"] for row in figures.mix] == [0, 1]
    assert figures.mix[0] == {"leaf": 0, "truth": 0.25, "before": pytest.approx(0.675), "after": pytest.approx(0.4)}
    top1 = figures.table()[0]
    assert top1 == {"figure": "top1", "before": 0.25, "after": 1.0, "change": 0.75}
    assert json.loads(json.dumps(figures.to_json()))["after"]["top1"] == 1.0


def test_the_worst_leaves_come_first_and_none_stands_twice():
    probabilities, truth = draw(SHIFTED, 2000, 0)
    rows = before_after(probabilities, probabilities, truth, worst=3).mix
    over, under = rows[:3], rows[3:]
    assert [row["before"] - row["truth"] for row in over] == sorted((r["before"] - r["truth"] for r in over), reverse=1)
    assert all(row["before"] < row["truth"] for row in under)
    assert len(before_after(probabilities, probabilities, truth, worst=99).mix) == CLASSES


def test_json_and_sentence():
    leaves = [f"leaf {number}" for number in range(CLASSES)]
    shifted = estimate(draw(SHIFTED, 5000, 0)[0], REFERENCE)
    values = json.loads(json.dumps(shifted.to_json(leaves)))
    assert values["shares"]["leaf 3"] == shifted.shares[3]
    back = PriorShift.from_json(values["shift"], leaves)
    np.testing.assert_array_equal(back.ratio, shifted.shift.ratio)
    moved = round(100 * apart(SHIFTED, TRAINED))
    assert re.fullmatch(
        rf"The mix of 5,000 products differs from the trained one: ({moved - 3}|{moved - 2}|{moved - 1}|{moved}|"
        rf"{moved + 1}) % are of other categories \(p = 0.001\)\.",
        shifted.sentence(),
    )
    same = estimate(draw(TRAINED, 500, 0)[0], REFERENCE)
    assert "does not differ from the trained one more than by chance; nothing is corrected" in same.sentence()


def test_thinning_makes_the_wanted_mix():
    truth = np.random.default_rng(0).choice(CLASSES, 200_000, p=TRAINED)
    rows = thin(truth, TRAINED, SHIFTED, seed=0)
    assert len(rows) == pytest.approx(200_000 / (SHIFTED / TRAINED).max(), rel=0.03)
    assert (np.diff(rows) > 0).all()
    kept = np.bincount(truth[rows], minlength=CLASSES)
    expected = SHIFTED * len(rows)
    assert ((kept - expected) ** 2 / expected).sum() < 31.3, "chi-square, 11 degrees of freedom, one in a thousand"
    np.testing.assert_array_equal(rows, thin(truth, TRAINED, SHIFTED, seed=0))
    assert len(np.setxor1d(rows, thin(truth, TRAINED, SHIFTED, seed=1))) > 1000


def test_thinning_keeps_products_independent_of_their_photos():
    probabilities, truth = draw(TRAINED, 60_000, 0)
    rows = thin(truth, TRAINED, SHIFTED, seed=0)
    direct, labels = draw(SHIFTED, 20_000, 1)
    sure = [(each.max(axis=1) > 0.9).mean() for each in (probabilities[rows], direct)]
    right = [(p.argmax(axis=1) == t).mean() for p, t in ((probabilities[rows], truth[rows]), (direct, labels))]
    assert sure[0] == pytest.approx(sure[1], abs=0.02)
    assert right[0] == pytest.approx(right[1], abs=0.02)


def test_thinning_to_the_same_mix_keeps_all_and_to_other_leaves_none():
    truth = np.array([0, 0, 1])
    assert thin(truth, np.array([0.5, 0.3, 0.2]), np.array([0.5, 0.3, 0.2]), seed=0).tolist() == [0, 1, 2]
    assert thin(truth, np.array([0.5, 0.3, 0.2]), np.array([0.0, 0.0, 1.0]), seed=0).tolist() == []
    assert thin(truth[:0], np.array([0.5, 0.5]), np.array([0.5, 0.5]), seed=0).tolist() == []


def test_refusals():
    probabilities = np.full((4, 2), 0.5)
    half = np.array([0.5, 0.5])
    with pytest.raises(ValueError, match="one product or more of 2 leaves"):
        em(probabilities[:0], half)
    with pytest.raises(ValueError, match="one product or more of 3 leaves"):
        em(probabilities, np.full(3, 1 / 3))
    with pytest.raises(ValueError, match="a strength above 0 where a leaf has no trained share"):
        em(probabilities, np.array([1.0, 0.0]), strength=0)
    with pytest.raises(ValueError, match="trained shares that add up to 1"):
        em(probabilities, np.array([1.0, 1.0]))
    with pytest.raises(ValueError, match="a method of em, bbse, got 'mlls'"):
        estimate(probabilities, REFERENCE, method="mlls")
    with pytest.raises(ValueError, match=f"one product or more of {CLASSES} leaves"):
        estimate(probabilities, REFERENCE)
    with pytest.raises(ValueError, match="got int64"):
        estimate(np.ones((2, 2), dtype=np.int64), REFERENCE)
    with pytest.raises(ValueError, match="as many labels as products, and at least one, got 3 and 4"):
        Reference.of(probabilities, np.zeros(3, dtype=int))
    with pytest.raises(ValueError, match="the same products before and after"):
        before_after(probabilities, probabilities[:3], np.zeros(4, dtype=int))
    with pytest.raises(ValueError, match="a current share above 0 for each leaf that products are of, got 0 for 1"):
        thin(np.array([0, 1]), np.array([1.0, 0.0]), half, seed=0)
    with pytest.raises(ValueError, match="as many wanted shares as current ones, got 2 and 3"):
        thin(np.array([0, 1]), np.full(3, 1 / 3), half, seed=0)

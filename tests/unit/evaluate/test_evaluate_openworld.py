"""How strangers are told from products: by brute force, on clusters drawn by hand, with and without strangers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from catalens.core.openworld import OF_EMBEDDINGS, OF_LOGITS, SCORERS, Bank, read_open_world, score
from catalens.core.scores import log_softmax
from catalens.evaluate import openworld
from catalens.evaluate.openworld import Choice, Fitted, Outputs, auroc, fit, fpr_at_tpr, make_bank

CLASSES, DIM = 8, 24
CENTRES = np.linalg.qr(np.random.default_rng(7).normal(size=(DIM, DIM)))[0]  # orthonormal rows


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def near(labels: np.ndarray, seed: int, spread: float = 0.12) -> np.ndarray:
    """Embeddings around the centre of each label."""
    noise = np.random.default_rng(seed).normal(size=(len(labels), DIM))
    return unit(CENTRES[labels] + spread * noise)


def outputs(embeddings: np.ndarray) -> Outputs:
    """A model whose logits are cosines to the class centres, times 12."""
    return Outputs((embeddings @ CENTRES[:CLASSES].T * 12).astype(np.float32), embeddings)


LABELS = np.repeat(np.arange(CLASSES), 40)
TRAINED = near(LABELS, 1)
BANK = make_bank(TRAINED, LABELS, seed=0)
TRUTH = np.random.default_rng(2).integers(0, CLASSES, 400)
PRODUCTS = outputs(near(TRUTH, 3))
STRANGERS = outputs(near(np.random.default_rng(4).integers(15, 21, 100), 4, spread=0.2))
UNKNOWN = outputs(near(np.random.default_rng(5).integers(CLASSES, CLASSES + 3, 120), 6))


def fitted(**changes: object) -> Fitted:
    return fit(BANK, PRODUCTS, TRUTH, **{"seed": 0, **changes})  # type: ignore[arg-type]


def of(choice: Choice | None) -> dict[str, openworld.Measure]:
    assert choice is not None
    return {measure.scorer: measure for measure in choice.measures}


@pytest.mark.parametrize("values", [2, 5, 1000], ids=["mostly ties", "many ties", "few ties"])
def test_auroc_by_brute_force(values: int) -> None:
    rng = np.random.default_rng(values)
    known, strangers = rng.integers(1, values + 1, 57) / 7, rng.integers(0, values, 31) / 7
    wins = sum((k > s) + (k == s) / 2 for k in known for s in strangers)
    assert auroc(known, strangers) == wins / (57 * 31)
    assert auroc(strangers, known) == pytest.approx(1 - wins / (57 * 31), abs=1e-15)


def test_auroc_of_extremes() -> None:
    assert auroc(np.array([2.0, 3.0]), np.array([1.0])) == 1
    assert auroc(np.array([1.0]), np.array([-np.inf])) == 1
    assert auroc(np.ones(4), np.ones(3)) == 0.5


@pytest.mark.parametrize("tpr", [0.05, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("values", [3, 1000], ids=["ties", "few ties"])
def test_fpr_by_brute_force(values: int, tpr: float) -> None:
    rng = np.random.default_rng(values)
    known, strangers = rng.integers(1, values + 1, 40) / 7, rng.integers(0, values, 31) / 7
    enough = [limit for limit in known if (known >= limit).mean() >= tpr - 1e-12]
    assert fpr_at_tpr(known, strangers, tpr) == min((strangers >= limit).mean() for limit in enough)


def test_the_basis_and_the_whitening_are_what_they_say() -> None:
    np.testing.assert_allclose(BANK.basis.T @ BANK.basis, np.eye(BANK.basis.shape[1]), atol=1e-5)
    white = BANK.white(TRAINED)
    for place, label in enumerate(BANK.mean_classes):
        np.testing.assert_allclose(BANK.means[place], white[label == LABELS].mean(axis=0), atol=1e-3)
    within = np.cov((white - BANK.means[LABELS]).T, bias=True)
    assert np.linalg.eigvalsh(within).max() < 1  # 1, less the ridge
    total = np.cov(white.T, bias=True)
    np.testing.assert_allclose(total - np.diag(np.diag(total)), within - np.diag(np.diag(within)), atol=1e-3)
    assert (BANK.background > np.diag(total)).all()


def test_with_every_direction_neighbours_are_by_the_cosine() -> None:
    assert BANK.basis.shape == (DIM, DIM)
    cosines = np.sort(STRANGERS.embeddings @ TRAINED.T, axis=1)
    assert BANK.neighbours == 10
    np.testing.assert_allclose(score("knn", *STRANGERS, BANK), cosines[:, -10], atol=2e-3)  # float16


def test_a_bank_has_some_of_each_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openworld, "ROWS", 30)
    labels = np.array([0] * 900 + [3] * 4 + [5] * 50)
    embeddings = unit(np.random.default_rng(0).normal(size=(954, 6)))
    bank = make_bank(embeddings, labels, seed=0)
    assert np.bincount(bank.row_classes).tolist() == [13, 0, 0, 4, 0, 13]
    assert bank.mean_classes.tolist() == [0, 3, 5]
    assert bank.neighbours == 10
    assert make_bank(embeddings, np.arange(954), seed=0).neighbours == 1
    monkeypatch.setattr(openworld, "BLOCK", 100)
    np.testing.assert_allclose(make_bank(embeddings, labels, seed=0).means, bank.means, rtol=1e-3, atol=1e-4)


def test_more_numbers_than_directions() -> None:
    wide = unit(np.random.default_rng(0).normal(size=(300, 200)))
    assert make_bank(wide, np.arange(300) % 5, seed=0).basis.shape == (200, 128)
    flat = wide * np.array([1] * 7 + [0] * 193, np.float32)
    assert make_bank(unit(flat), np.arange(300) % 5, seed=0).basis.shape == (200, 7)


def test_one_photo_a_class_is_enough() -> None:
    bank = make_bank(TRAINED[::40], np.arange(CLASSES), seed=0)
    assert np.isfinite(score("relative_mahalanobis", *PRODUCTS, bank)).all()


@pytest.mark.parametrize("name", SCORERS)
def test_clusters_and_strangers(name: str) -> None:
    result = fitted(strangers=STRANGERS)
    assert of(result.far)[name].auroc > 0.97


@pytest.mark.parametrize("name", [name for name in SCORERS if name != "trash"])
def test_products_of_unknown_categories(name: str) -> None:
    assert of(fitted(unknown=UNKNOWN).near)[name].auroc > 0.97
    assert of(fitted().near)[name].auroc > 0.97


@pytest.mark.parametrize("keep", [0.9, 0.98, 0.995])
@pytest.mark.parametrize("strangers", [None, STRANGERS], ids=["no strangers", "strangers"])
def test_the_share_is_kept(keep: float, strangers: Outputs | None) -> None:
    """Of calibration products surely, and hardly more than it; of new ones about.  Wide, so that classes overlap."""
    products = outputs(near(TRUTH, 3, spread=0.3))
    result = fit(BANK, products, TRUTH, strangers=strangers, keep=keep, seed=0)
    assert keep <= result.products.known <= keep + 2 / len(TRUTH)
    truth = np.random.default_rng(8).integers(0, CLASSES, 4000)
    verdicts = result.open_world.verdicts(*outputs(near(truth, 9, spread=0.3)))
    assert verdicts.count(None) / 4000 == pytest.approx(keep, abs=3 * np.sqrt(keep * (1 - keep) / 400))


def test_on_average_new_products_pass_as_promised() -> None:
    """Over 100 draws of 150 calibration products: a limit one product too strict a role would lose 0.7 points more."""
    truth = np.random.default_rng(10).integers(0, CLASSES, 3000)
    logits, embeddings = outputs(near(truth, 11, spread=0.3))
    passed = []
    for draw in range(100):
        rows = np.random.default_rng(draw).permutation(3000)
        some, new = rows[:150], rows[150:]
        rule = fit(
            BANK,
            Outputs(logits[some], embeddings[some]),
            truth[some],
            strangers=STRANGERS,
            keep=0.96,
            seed=draw,
        ).open_world
        passed.append(rule.verdicts(logits[new], embeddings[new]).count(None) / len(new))
    assert np.mean(passed) == pytest.approx(0.96, abs=0.004)


def test_labels_move_no_limit() -> None:
    result = fitted(strangers=STRANGERS, unknown=UNKNOWN)
    shuffled = fit(BANK, PRODUCTS, np.roll(TRUTH, 1), strangers=STRANGERS, unknown=UNKNOWN, seed=0)
    assert shuffled.to_json() == result.to_json()


def test_verdicts_come_out_as_they_should() -> None:
    result = fitted(strangers=STRANGERS, unknown=UNKNOWN)
    assert result.strangers is not None
    assert result.strangers.count == 50
    assert result.strangers.known < 0.05
    assert result.unknown.count == 120
    assert result.unknown.known < 0.05
    rule = result.open_world
    assert (rule.strangers, rule.unknown) == (100, "held out")
    assert fitted().open_world.unknown == "masked"


def test_the_better_scorer_is_chosen() -> None:
    """Strangers whose logits look like a product's, and products' logits like nothing: only embeddings tell."""
    noise = np.random.default_rng(0).normal(size=(400, CLASSES)).astype(np.float32)
    blind = Outputs(noise, PRODUCTS.embeddings)
    sure = Outputs(np.eye(CLASSES, dtype=np.float32)[np.arange(100) % CLASSES] * 20, STRANGERS.embeddings)
    far = fit(BANK, blind, TRUTH, strangers=sure, seed=0).far
    assert far is not None
    assert far.scorer in OF_EMBEDDINGS
    assert of(far)["msp"].auroc < 0.1
    for measure in far.measures:
        assert measure.auroc_gain == measure.auroc - of(far)["msp"].auroc
        assert measure.fpr95_gain == of(far)["msp"].fpr95 - measure.fpr95
    # and the other way round: all embeddings alike, only logits tell
    dull = Outputs(PRODUCTS.logits, np.repeat(PRODUCTS.embeddings[:1], 400, axis=0))
    alike = Outputs(STRANGERS.logits, np.repeat(PRODUCTS.embeddings[:1], 100, axis=0))
    result = fit(BANK, dull, TRUTH, strangers=alike, unknown=alike, seed=0)
    assert result.far is not None
    assert result.far.scorer in OF_LOGITS
    assert result.open_world.bank is None  # so no file


def test_no_strangers() -> None:
    result = fitted(keep=0.9)
    rule = result.open_world
    assert rule.far is None
    assert rule.near is not None
    assert rule.near.scorer == result.near.scorer
    lost = score(rule.near.scorer, *PRODUCTS, BANK) < rule.near.threshold
    assert 0.05 < lost.mean() <= 0.1, "all that may be lost is near's"
    values = json.loads(json.dumps(result.to_json()))
    assert (values["far"], values["strangers"], values["rule"]["strangers"]) == (None, None, 0)
    assert "trash" not in of(result.near)


def test_strangers_that_taught_are_not_those_that_measure() -> None:
    result = fitted(strangers=STRANGERS)
    mixed = np.random.default_rng(0).permutation(100)
    judged = Outputs(STRANGERS.logits[mixed[50:]], STRANGERS.embeddings[mixed[50:]])
    assert of(result.far)["knn"].auroc == auroc(score("knn", *PRODUCTS, BANK), score("knn", *judged, BANK))
    bank = replace(BANK, trash=openworld._trash(BANK, STRANGERS.embeddings[mixed[:50]]))
    expected = auroc(score("trash", *PRODUCTS, bank), score("trash", *judged, bank))
    assert of(result.far)["trash"].auroc == expected


def test_the_logistic_regression_is_at_its_minimum() -> None:
    """No weight can be moved, either way, to a lower penalised loss."""
    few = near(np.zeros(30, int), 11, spread=0.5)  # they overlap with class 0
    weights = openworld._trash(BANK, few).astype(np.float64)
    ours, theirs = BANK.features(BANK.rows), BANK.features(few @ BANK.basis)
    spread = np.maximum(ours.std(axis=0), 1e-4)

    def loss(weights: np.ndarray) -> float:
        odds = [side @ weights[:-1] + weights[-1] for side in (ours, theirs)]
        data = np.logaddexp(0, odds[0]).mean() / 2 + np.logaddexp(0, -odds[1]).mean() / 2
        return float(data + openworld.PENALTY / 2 * np.square(weights[:-1] * spread).sum())

    least = loss(weights)
    for place in range(len(weights)):
        for move in (-0.02, 0.02):
            moved = weights.copy()
            moved[place] += move / (spread[place] if place < len(spread) else 1)
            assert loss(moved) > least


def test_a_seed_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fitted(strangers=STRANGERS).to_json() == fitted(strangers=STRANGERS).to_json()
    monkeypatch.setattr(openworld, "SAMPLE", 100)
    small = fitted(strangers=STRANGERS)
    assert (small.products.count, small.near.products, small.unknown.count) == (100, 100, 100)
    assert small.to_json() != fitted(strangers=STRANGERS, seed=1).to_json()


def test_too_few_products_for_a_limit() -> None:
    result = fit(BANK, Outputs(PRODUCTS.logits[:20], PRODUCTS.embeddings[:20]), TRUTH[:20], seed=0)
    assert (result.open_world.far, result.open_world.near, result.open_world.bank) == (None, None, None)
    assert result.products.known == 1
    half = fit(BANK, Outputs(PRODUCTS.logits[:60], PRODUCTS.embeddings[:60]), TRUTH[:60], seed=0).open_world
    assert half.far is None
    assert half.near is not None


def test_into_a_bundle_and_out(tmp_path: Path) -> None:
    rule = fitted(strangers=STRANGERS).open_world
    rule.write(tmp_path)
    again = read_open_world(json.loads(json.dumps(rule.to_json())), tmp_path, classes=CLASSES, dim=DIM)
    for values in (PRODUCTS, STRANGERS, UNKNOWN):
        assert again.verdicts(*values) == rule.verdicts(*values)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: fitted(keep=1.0), "a share to keep between 0 and 1, got 1.0"),
        (lambda: fit(BANK, PRODUCTS, TRUTH[:9], seed=0), "the truth of 400 products, got 9"),
        (lambda: fit(BANK, Outputs(PRODUCTS.logits[:, :1], PRODUCTS.embeddings), TRUTH, seed=0), "two classes"),
        (lambda: fitted(strangers=Outputs(*(values[:1] for values in STRANGERS))), "two strangers or more, got 1"),
        (lambda: fitted(unknown=Outputs(*(values[:0] for values in UNKNOWN))), "got 400 and 0"),
        (lambda: make_bank(TRAINED, LABELS[:5], seed=0), "N leaf indices"),
        (lambda: make_bank(TRAINED, LABELS - 1, seed=0), "N leaf indices"),
        (lambda: auroc(np.zeros(0), np.zeros(2)), "got 0 and 2"),
        (lambda: fpr_at_tpr(np.zeros(2), np.zeros(2), 0), "a share above 0"),
    ],
    ids=[
        "keep",
        "truth",
        "one class",
        "one stranger",
        "no unknown",
        "labels",
        "a label below 0",
        "no products",
        "no share",
    ],
)
def test_what_does_not_fit_is_refused(make: Callable[[], Fitted | Bank | float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_log_probabilities_have_no_energy_to_go_by() -> None:
    """Masked, their energy is log(1 - p), which tells the mask and no stranger."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 400)
    embeddings = np.eye(4, 8, dtype=np.float32)[truth] + rng.normal(0, 0.1, (400, 8)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    logits = log_softmax(5 * embeddings[:, :4])
    bank = make_bank(embeddings, truth, seed=0)
    found = fit(bank, Outputs(logits, embeddings), truth, seed=0)
    assert {"energy", "max_logit"}.isdisjoint(measure.scorer for measure in found.near.measures)
    raw = fit(bank, Outputs(logits + 3, embeddings), truth, seed=0)
    assert "energy" in [measure.scorer for measure in raw.near.measures]

"""Temperature is found where it is known, and calibration error measured where it can be counted."""

from __future__ import annotations

import numpy as np
import pytest

from catalens.core.errors import CatalogError
from catalens.core.scores import softmax
from catalens.evaluate import calibrate
from catalens.evaluate.calibrate import ece, fit_temperature, nll


def drawn(true_temperature: float, rows: int = 20_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from softmax(logits / true_temperature)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (rows, 12))
    cumulated = softmax(logits, true_temperature).cumsum(axis=1)
    return logits, (cumulated > rng.random((rows, 1))).argmax(axis=1)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 1.8, 6.0])
def test_the_temperature_that_made_the_labels_is_found(temperature: float):
    logits, truth = drawn(temperature)
    assert fit_temperature(logits, truth) == pytest.approx(temperature, rel=0.05)


@pytest.mark.parametrize("shift", [0.0, 1e6], ids=["plain", "large constant added"])
def test_it_is_the_minimum_of_the_nll(shift: float):
    logits, truth = drawn(2.5, rows=3000)
    logits = logits + shift
    found = fit_temperature(logits, truth)
    best = nll(logits, truth, found)
    assert best <= min(nll(logits, truth, found * factor) for factor in (0.97, 0.999, 1.001, 1.03))
    assert best < nll(logits, truth)


def test_the_ends_where_data_know_no_minimum():
    logits, right, wrong = np.eye(4) * 5, np.arange(4), np.array([1, 2, 3, 0])
    assert fit_temperature(logits, right) == pytest.approx(calibrate.LOWEST, rel=0.01), "surer is better"
    assert fit_temperature(logits, wrong) == pytest.approx(calibrate.HIGHEST, rel=0.01), "less sure is better"
    assert calibrate.LOWEST <= fit_temperature(np.zeros((3, 4)), np.array([0, 1, 2])) <= calibrate.HIGHEST, (
        "any will do"
    )


def test_extreme_logits_do_not_overflow():
    logits = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]], dtype=np.float32)
    truth = np.array([0, 0])
    assert np.isfinite(fit_temperature(logits, truth))
    assert nll(logits, truth) == pytest.approx(1e4)


def test_nothing_to_calibrate_on():
    with pytest.raises(CatalogError, match="no labelled products to calibrate on"):
        fit_temperature(np.zeros((0, 3)), np.zeros(0, dtype=np.int64))


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch):
    logits, truth = drawn(1.5, rows=100)
    whole = nll(logits, truth, 0.7), fit_temperature(logits, truth)
    monkeypatch.setattr(calibrate, "BLOCK", 7)
    assert (nll(logits, truth, 0.7), fit_temperature(logits, truth)) == pytest.approx(whole, rel=1e-9)


def test_nll_by_hand():
    logits = np.log(np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]]))
    assert nll(logits, np.array([0, 2])) == pytest.approx(-(np.log(0.5) + np.log(0.1)) / 2)


def test_ece_by_hand():
    confidence = np.array([0.9, 0.5, 0.9, 0.5])
    correct = np.array([True, False, True, True])
    # two bins of two: 0.5 sure and half right (0), 0.9 sure and all right (0.1)
    assert ece(confidence, correct, bins=2) == pytest.approx(0.05)
    assert ece(confidence, correct, bins=100) == pytest.approx((0.1 + 0.5 + 0.1 + 0.5) / 4), "more bins than rows"


def test_ece_bins_hold_equal_mass():
    # 990 rows at 0.99 and 10 at 0.2 that are all right: bins of equal width would weigh the same error alike
    confidence = np.concatenate([np.full(990, 0.99), np.full(10, 0.2)])
    correct = np.concatenate([np.arange(990) >= 10, np.ones(10, dtype=bool)])
    assert ece(confidence, correct, bins=10) == pytest.approx(0.00998, abs=0.003)


def test_temperature_improves_ece():
    logits, truth = drawn(3.0)
    scores = {}
    for temperature in (1.0, fit_temperature(logits, truth)):
        probabilities = softmax(logits, temperature)
        scores[temperature] = ece(probabilities.max(axis=1), probabilities.argmax(axis=1) == truth)
    before, after = scores.values()
    assert before > 0.1
    assert after < 0.02

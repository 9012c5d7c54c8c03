"""Exact tails against fractions, and bounds against published intervals."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest

from catalens.evaluate.binomial import allowed_errors, at_most, least_trials, lower_bound


def exact(errors: int, trials: int, rate: Fraction) -> Fraction:
    return sum((comb(trials, i) * rate**i * (1 - rate) ** (trials - i) for i in range(errors + 1)), Fraction(0))


@pytest.mark.parametrize(
    ("errors", "trials", "rate"),
    [(0, 149, "1/50"), (3, 500, "1/50"), (40, 60, "1/2"), (999, 1000, "9/10"), (2, 3000, "1/100"), (20, 20, "1/2")],
)
def test_the_tail_is_exact(errors: int, trials: int, rate: str):
    expected = float(exact(errors, trials, Fraction(rate)))
    assert at_most(errors, trials, float(Fraction(rate))) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("errors", "trials", "rate", "expected"),
    [(-1, 10, 0.5, 0.0), (10, 10, 0.5, 1.0), (0, 10, 0.0, 1.0), (9, 10, 1.0, 0.0), (0, 0, 0.3, 1.0)],
    ids=["below none", "all", "never", "always", "no trials"],
)
def test_the_ends_of_the_tail(errors: int, trials: int, rate: float, expected: float):
    assert at_most(errors, trials, rate) == expected


@pytest.mark.parametrize(
    ("correct", "trials", "delta", "expected"),
    [
        (8, 10, 0.025, 0.4439),  # the lower ends of published two-sided 95 % Clopper-Pearson intervals
        (1, 10, 0.025, 0.0025),
        (50, 100, 0.025, 0.3983),
        (90, 100, 0.025, 0.8238),
        (0, 10, 0.05, 0.0),
        (149, 149, 0.05, 0.05 ** (1 / 149)),  # all right: delta ** (1 / n)
        (200_000, 200_000, 0.05, 0.05 ** (1 / 200_000)),
    ],
)
def test_the_lower_bound(correct: int, trials: int, delta: float, expected: float):
    assert lower_bound(correct, trials, delta) == pytest.approx(expected, abs=5e-5)


def test_at_the_lower_bound_the_tail_is_delta():
    bound = lower_bound(196_311, 200_000, 0.05)
    assert at_most(200_000 - 196_311, 200_000, 1 - bound) == pytest.approx(0.05, rel=1e-6)


@pytest.mark.parametrize(("trials", "precision"), [(148, 0.98), (149, 0.98), (500, 0.98), (2000, 0.95), (64, 0.9)])
def test_allowed_errors_is_the_last_count_whose_bound_holds(trials: int, precision: float):
    errors = allowed_errors(trials, precision, 0.05)
    if errors >= 0:
        assert lower_bound(trials - errors, trials, 0.05) >= precision
    assert lower_bound(trials - errors - 1, trials, 0.05) < precision


@pytest.mark.parametrize(("precision", "trials"), [(0.9, 29), (0.95, 59), (0.98, 149), (0.99, 299)])
def test_least_trials(precision: float, trials: int):
    assert least_trials(precision, 0.05) == trials


@pytest.mark.parametrize(("correct", "trials", "delta"), [(3, 2, 0.05), (-1, 2, 0.05), (1, 2, 0.0), (1, 2, 1.0)])
def test_nonsense_is_refused(correct: int, trials: int, delta: float):
    with pytest.raises(ValueError, match="expected 0 <= correct <= trials"):
        lower_bound(correct, trials, delta)

"""Exact binomial tails and the Clopper-Pearson lower bound, in numpy alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def at_most(errors: int, trials: int, rate: float) -> float:
    """P(X <= errors) for X ~ Binomial(trials, rate)."""
    if errors < 0:
        return 0.0
    if errors >= trials or rate <= 0:
        return 1.0
    if rate >= 1:
        return 0.0
    return _tail(_log_choose(errors, trials), trials, rate)


def lower_bound(correct: int, trials: int, delta: float) -> float:
    """The Clopper-Pearson lower bound: with probability >= 1 - delta the success rate is at least this.

    It is the rate at which seeing `correct` or more successes has probability `delta` (Clopper & Pearson, 1934).
    """
    if not 0 < delta < 1 or not 0 <= correct <= trials:
        raise ValueError(f"expected 0 <= correct <= trials and 0 < delta < 1, got {correct}, {trials}, {delta}")
    if correct == 0:
        return 0.0
    log_choose = _log_choose(trials - correct, trials)
    low, high = 0.0, 1.0
    for _ in range(64):  # bisection down to the last bits of a double
        middle = (low + high) / 2
        if 0 < middle < 1 and _tail(log_choose, trials, 1 - middle) <= delta:
            low = middle
        else:
            high = middle
    return low


def allowed_errors(trials: int, precision: float, delta: float) -> int:
    """The most errors in `trials` at which the lower bound is still >= precision; -1 where not even none is enough."""
    probabilities = np.exp(_log_terms(_log_choose(trials, trials), trials, 1 - precision))
    return int(np.searchsorted(np.cumsum(probabilities), delta, side="right")) - 1


def least_trials(precision: float, delta: float) -> int:
    """The fewest trials that can support `precision`: all of them right, precision ** trials <= delta."""
    return int(np.ceil(np.log(delta) / np.log(precision) - 1e-12))


def _log_choose(errors: int, trials: int) -> npt.NDArray[np.float64]:
    """log(trials choose i) for i = 0..errors, as running sums: no factorial overflows."""
    steps = np.arange(1, errors + 1, dtype=np.float64)
    return np.concatenate([[0.0], np.cumsum(np.log((trials - steps + 1) / steps))])


def _log_terms(log_choose: npt.NDArray[np.float64], trials: int, rate: float) -> npt.NDArray[np.float64]:
    errors = np.arange(len(log_choose))
    terms: npt.NDArray[np.float64] = log_choose + errors * np.log(rate) + (trials - errors) * np.log1p(-rate)
    return terms


def _tail(log_choose: npt.NDArray[np.float64], trials: int, rate: float) -> float:
    terms = _log_terms(log_choose, trials, rate)
    top = terms.max()
    return float(min(1.0, np.exp(top + np.log(np.exp(terms - top).sum()))))

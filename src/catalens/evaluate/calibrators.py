"""Which calibration pays: one temperature, a scale and shift a class, or a curve a level, by held-out likelihood.

Simplest first: something with more numbers is taken only where, on rows it was not fitted on, it lowers the negative
log-likelihood by more than two standard errors of the difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from catalens.core.calibrator import Calibrated, Calibrator, Isotonic
from catalens.core.scores import softmax
from catalens.core.taxonomy import Taxonomy
from catalens.evaluate.calibrate import fit_temperature, row_nll
from catalens.evaluate.promise import Answers, answers

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Doubles = npt.NDArray[np.float64]
FOLDS = 5
ROWS_PER_CLASS = 10  # fewer, and two numbers a class are noise
MOST_NUMBERS = 100_000_000  # of logits that a calibrator is fitted on
STEPS, PULL = 60, 1e-3  # of the descent; the pull towards a temperature alone, a class
STANDARD_ERRORS = 2.0
LEAST_ROWS = 200  # of a curve


@dataclass(frozen=True, slots=True)
class Trial:
    """One way to calibrate on held-out rows: `nll` in nats, and how far below the plain way's, with its error."""

    way: str
    nll: float
    gain: float = 0.0
    error: float = 0.0
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Fitted:
    """The calibrator, and what was tried; `level` "" is of the leaves' probabilities."""

    calibrator: Calibrator
    trials: Mapping[str, tuple[Trial, ...]] = field(default_factory=dict)


def fit(logits: Floats, truth: Ints, taxonomy: Taxonomy, *, vector: bool = True, seed: int = 0) -> Fitted:
    """float [N, C], int [N] -> the calibrator that held-out likelihood speaks for.

    `vector` false leaves scales and shifts out.  Raises CatalogError where there are no rows.
    """
    calibrator, trials = fit_leaves(logits, truth, vector=vector, seed=seed)
    found = answers(taxonomy, Calibrated(calibrator, logits), truth)
    return with_curves(calibrator, trials, found, taxonomy, seed=seed)


def fit_leaves(
    logits: Floats, truth: Ints, *, vector: bool = True, seed: int = 0
) -> tuple[Calibrator, tuple[Trial, ...]]:
    """The calibrator of leaves, without curves, and what was tried; on a sample of rows where logits are very many."""
    rows = _sample(len(truth), logits.shape[1], seed)
    logits, truth = logits[rows], truth[rows]
    taken, trials = choose_kind(logits, truth, seed=seed) if vector else (False, ())
    return fit_vector(logits, truth) if taken else Calibrator(fit_temperature(logits, truth)), trials


def with_curves(
    calibrator: Calibrator, trials: tuple[Trial, ...], found: Sequence[Answers], taxonomy: Taxonomy, *, seed: int = 0
) -> Fitted:
    """The calibrator with a curve for each level that gains by one; `found` are its answers on the same rows."""
    curves: dict[int, Isotonic] = {}
    tried = {"leaves": trials} if trials else {}
    for one in found:
        curve, tried[taxonomy.level_name(one.level)] = choose_curve(one.confidence, one.correct, seed=seed)
        if curve is not None:
            curves[one.level] = curve
    return Fitted(Calibrator(calibrator.temperature, calibrator.scale, calibrator.shift, curves), tried)


def choose_kind(logits: Floats, truth: Ints, *, seed: int = 0) -> tuple[bool, tuple[Trial, ...]]:
    """Is vector scaling worth its 2 C numbers?  Cross-validated in 5 folds; not tried with under 10 rows a class."""
    if len(truth) < ROWS_PER_CLASS * logits.shape[1]:
        return False, ()
    fold = np.random.default_rng(seed).permutation(len(truth)) % FOLDS
    plain, vector = np.empty(len(truth)), np.empty(len(truth))
    for number in range(FOLDS):
        out, kept = fold == number, fold != number
        plain[out] = row_nll(logits[out] / fit_temperature(logits[kept], truth[kept]), truth[out])
        vector[out] = row_nll(fit_vector(logits[kept], truth[kept]).logits(logits[out]), truth[out])
    return _compared("temperature", plain, "vector", vector)


def fit_vector(logits: Floats, truth: Ints) -> Calibrator:
    """Scale and shift of each class by the smallest NLL, pulled towards one temperature for all.

    Gradient descent with Nesterov's momentum from the temperature.  The step is the inverse of each number's curvature
    at the start, twice taken since scale and shift act together: classes with few rows move as surely as large ones.
    """
    temperature = fit_temperature(logits, truth)
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    scaled -= scaled.mean(axis=1, keepdims=True)
    rows, classes = scaled.shape
    places = np.arange(rows)
    values = np.stack([np.ones(classes), np.zeros(classes)])  # scale, shift
    rest = values.copy()
    first = softmax(scaled)
    curvature = 2 * np.stack([(first * scaled**2).mean(axis=0), first.mean(axis=0)]) + PULL / classes
    previous, momentum = values.copy(), 1.0
    for _ in range(STEPS):
        errors = softmax(scaled * values[0] + values[1])
        errors[places, truth] -= 1
        slope = np.stack([(errors * scaled).mean(axis=0), errors.mean(axis=0)]) + PULL / classes * (values - rest)
        new = values - slope / curvature
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        values = new + (momentum - 1) / following * (new - previous)
        previous, momentum = new, following
    return Calibrator(temperature, np.maximum(previous[0], 0.05), previous[1])


def choose_curve(
    confidence: Doubles, right: npt.NDArray[np.bool_], *, seed: int = 0
) -> tuple[Isotonic | None, tuple[Trial, ...]]:
    """Does an isotonic curve tell better how often a top answer is right?  Cross-validated as above."""
    if len(right) < LEAST_ROWS or right.all() or not right.any():
        return None, ()
    fold = np.random.default_rng(seed).permutation(len(right)) % FOLDS
    curved = np.empty(len(right))
    for number in range(FOLDS):
        out, kept = fold == number, fold != number
        curved[out] = isotonic(confidence[kept], right[kept])(confidence[out])
    taken, trials = _compared("as it is", _binary_nll(confidence, right), "isotonic", _binary_nll(curved, right))
    return (isotonic(confidence, right) if taken else None), trials


def isotonic(confidence: Doubles, right: npt.NDArray[np.bool_]) -> Isotonic:
    """The rising map of the smallest squared error (pool adjacent violators; Zadrozny & Elkan, 2002).

    The shares of its blocks are smoothed by one right and one wrong answer, so that no share is 0 or 1.
    """
    order = np.argsort(confidence, kind="stable")
    said, starts = np.unique(confidence[order], return_index=True)
    counts = np.diff([*starts, len(order)]).astype(np.float64)
    hits = np.add.reduceat(right[order].astype(np.float64), starts)
    blocks: list[list[float]] = []  # hits, rows, sum of confidences
    for hit, count, value in zip(hits, counts, said * counts, strict=True):
        blocks.append([hit, count, value])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            last = blocks.pop()
            blocks[-1] = [one + other for one, other in zip(blocks[-1], last, strict=True)]
    table = np.array(blocks)
    meant = np.maximum.accumulate((table[:, 0] + 1) / (table[:, 1] + 2))
    return Isotonic(table[:, 2] / table[:, 1], meant)


def _compared(plain: str, before: Doubles, other: str, after: Doubles) -> tuple[bool, tuple[Trial, ...]]:
    gains = before - after
    gain, error = float(gains.mean()), float(gains.std() / np.sqrt(len(gains)))
    taken = gain > STANDARD_ERRORS * error
    trials = (
        Trial(plain, float(before.mean()), taken=not taken),
        Trial(other, float(after.mean()), gain, error, taken),
    )
    return taken, trials


def _binary_nll(confidence: Doubles, right: npt.NDArray[np.bool_]) -> Doubles:
    bounded = np.clip(confidence, 1e-6, 1 - 1e-6)
    losses: Doubles = -np.log(np.where(right, bounded, 1 - bounded))
    return losses


def _sample(rows: int, classes: int, seed: int) -> Ints:
    """As many rows as a calibrator is fitted on, in their order."""
    most = max(1, MOST_NUMBERS // classes)
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))

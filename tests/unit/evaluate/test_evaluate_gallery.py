"""The gate from simulated additions: what it costs, what it finds, the same by seed, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from catalens.core.gallery import Added, Gallery, Gate, Space
from catalens.evaluate import gallery as fitting
from catalens.evaluate.gallery import Measured, fit, measure

CLASSES, DIM = 12, 16
CENTRES = np.random.default_rng(5).normal(size=(CLASSES + 3, DIM))


def photos(labels: np.ndarray, spread: float, seed: int) -> np.ndarray:
    """Embeddings around the centre of their class, which may be one that is not trained (from CLASSES on)."""
    values = CENTRES[labels] + spread * np.random.default_rng(seed).normal(size=(len(labels), DIM))
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def closed_set(embeddings: np.ndarray) -> np.ndarray:
    """What a model of the trained classes says, with a temperature of 0.1."""
    centres = CENTRES[:CLASSES] / np.linalg.norm(CENTRES[:CLASSES], axis=1, keepdims=True)
    likely = np.exp(embeddings @ centres.T / 0.1)
    return likely / likely.sum(axis=1, keepdims=True)


LABELS = np.repeat(np.arange(CLASSES), 20)
BANK = photos(LABELS, 0.5, 0)
TRUTH = np.repeat(np.arange(CLASSES), 25)
PRODUCTS = photos(TRUTH, 0.8, 1)
SAID = closed_set(PRODUCTS)


def fitted(**changes: Any) -> fitting.Fitted:
    return fit(BANK, LABELS, SAID, PRODUCTS, TRUTH, **{"seed": 0, "rounds": 6, **changes})


def test_old_ones_lose_no_more_than_they_may_and_new_ones_are_found() -> None:
    found = fitted(cost=0.02)
    first = found.trials[0]
    assert (first.hidden, first.photos, first.rounds) == (1, 5, 6)
    assert 0 <= first.measured.lost <= 0.02 + 1e-9
    assert first.measured.new_right is not None
    assert first.measured.new_right > 0.7
    assert first.measured.old == 6 * 11 * 25
    assert [trial.photos for trial in found.trials] == [5, 3, 8]
    assert found.gate.likeness > 0
    assert found.gate.offset == found.careful
    assert found.base.shape == (CLASSES, found.space.whitening.shape[1])
    assert json.loads(json.dumps(found.to_json()))["trials"][0]["measured"]["new"] == first.measured.new


def test_what_was_simulated_holds_for_classes_that_were_never_seen() -> None:
    found = fitted(cost=0.02, hidden=3)
    truth = np.concatenate([TRUTH, np.repeat([CLASSES, CLASSES + 1, CLASSES + 2], 40)])
    owners = np.repeat(np.arange(3), 5).astype(np.int32)
    added = tuple(Added(str(one), str(one), "", 5) for one in range(3))
    gallery = Gallery(added, photos(CLASSES + owners, 0.8, 2), owners, found.space, found.base, found.gate)
    products = photos(truth, 0.8, 3)
    got = measure(gallery, closed_set(products), products, truth)
    assert (got.new, got.old) == (120, len(TRUTH))
    assert got.new_right is not None
    assert got.new_right > 0.7
    assert got.lost < 0.05


@pytest.mark.parametrize("cost", [0.0, 0.004, 0.05])
def test_a_larger_cost_finds_more(cost: float) -> None:
    less, more = fitted(cost=cost), fitted(cost=cost + 0.004)
    assert less.trials[0].measured.lost <= cost + 1e-9
    assert more.gate.offset > less.gate.offset or cost == 0.05  # no more than the regression's own
    assert more.gate.offset >= less.gate.offset
    assert (more.trials[0].measured.new_right or 0) >= (less.trials[0].measured.new_right or 0)


def test_the_cost_is_spent_in_parts_of_a_product() -> None:
    """Between the costs of three products and of four, the offset grows with each part of one."""
    twins = photos(np.repeat([0, 3], 5), 0.5, 9), np.repeat([0, 1], 5).astype(np.int32)
    found = [fitted(cost=lost / (len(TRUTH) + 1), added=twins) for lost in (3.0, 3.25, 3.75, 4.0)]
    offsets = np.array([one.gate.offset for one in found])
    assert (np.diff(offsets) > 0).all()
    assert np.diff(offsets)[0] == pytest.approx(np.diff(offsets)[2], rel=1e-3), "each part weighs the same"
    assert [round(one.actual.lost * len(TRUTH)) for one in found if one.actual] == [2, 3, 3, 3]


def test_the_same_by_seed() -> None:
    assert fitted().to_json() == fitted().to_json()
    assert fitted().gate != fitted(seed=1).gate


def test_the_loss_is_counted_with_what_is_really_added() -> None:
    """Photos of a trained class as a new one would take its products; far ones take none."""
    twins = photos(np.repeat([0, 3], 5), 0.5, 9)
    free, bound = fitted(), fitted(added=(twins, np.repeat([0, 1], 5).astype(np.int32)))
    assert bound.gate.offset < free.gate.offset
    assert bound.actual is not None
    assert bound.actual.lost <= 0.01 + 1e-9
    assert (bound.actual.new, bound.actual.new_right) == (0, None)
    far = photos(np.repeat([CLASSES + 1], 5), 0.1, 9)
    alone = fitted(added=(far, np.zeros(5, np.int32)))
    assert alone.gate.offset > free.gate.offset
    assert alone.careful == free.careful == bound.careful
    assert free.actual is None
    few = np.arange(0, len(TRUTH), 4)  # 75 products are too few to say what costs less than 0.01
    scarce = fit(BANK, LABELS, SAID[few], PRODUCTS[few], TRUTH[few], seed=0, added=(far, np.zeros(5, np.int32)))
    assert scarce.gate.offset == scarce.careful


def test_measure_is_what_the_rule_does() -> None:
    """By hand: x and y trained, z added; one of each is right, one y is taken for z, and one z is not found."""
    gate = Gate(likeness=20, sure=0, offset=0, sharpness=1)
    gallery = Gallery(
        (Added("z", "Z", "", 1),),
        np.array([[0, 0, 1]], np.float32),
        np.zeros(1, np.int32),
        Space(np.zeros(3, np.float32), np.eye(3, dtype=np.float32)),
        np.eye(2, 3, dtype=np.float16),
        gate,
    )
    products = np.array([[1, 0, 0], [0, 1, 0], [0, 0.1, 0.995], [0, 0, 1], [0.99, 0, 0.1]], np.float32)
    said = np.array([[0.9, 0.1], [0.2, 0.8], [0.1, 0.9], [0.5, 0.5], [0.9, 0.1]])
    got = measure(gallery, said, products, np.array([0, 1, 1, 2, 2]))
    assert got == Measured(2, 0.5, 1.0, 3, 1.0, pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert got.lost == pytest.approx(1 / 3)


def test_the_simulation_counts_as_the_rule_does() -> None:
    """What `fit` reports of categories that are really added is what `measure` finds with a gallery of them."""
    twins, owners = photos(np.repeat([0, 3], 5), 0.5, 9), np.repeat([0, 1], 5).astype(np.int32)
    found = fitted(cost=0.05, added=(twins, owners))
    added = Added("p", "P", "", 5), Added("q", "Q", "", 5)
    gallery = Gallery(added, twins, owners, found.space, found.base, found.gate)
    got = measure(gallery, SAID, PRODUCTS, TRUTH)
    assert found.actual is not None
    assert (got.old_before, got.old_after, got.taken) == (
        found.actual.old_before,
        found.actual.old_after,
        found.actual.taken,
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: fitted(cost=1.0), "a cost in"),
        (lambda: fitted(shots=0), "at least 1 shot"),
        (lambda: fitted(shots=20), "more than 20 training photos and some calibration products, got 0"),
        (lambda: fitted(cost=0.999), "more than the old categories have to lose"),
        (lambda: fit(BANK[:5], LABELS, SAID, PRODUCTS, TRUTH, seed=0), "as many labels as photos"),
        (lambda: fit(BANK, LABELS, SAID, PRODUCTS[:4], TRUTH, seed=0), "as many labels as photos"),
    ],
    ids=["cost", "shots", "too few photos", "too costly", "labels", "products"],
)
def test_what_cannot_be_fitted_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()

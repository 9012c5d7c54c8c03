"""The promise itself, tested: over many calibration sets, it may be broken in 5 of 100 and no more."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.builders.worlds import TAXONOMY, World, draw_world

from catalens.core.scores import softmax
from catalens.evaluate.calibrate import fit_temperature
from catalens.evaluate.promise import fit

HALVES, DELTA = 200, 0.05
# three standard deviations of the count of violations, were their probability exactly delta
ALLOWED = HALVES * DELTA + 3 * math.sqrt(HALVES * DELTA * (1 - DELTA))


@pytest.fixture(scope="module")
def world() -> World:
    return draw_world(6000, seed=11)


@pytest.mark.parametrize("precision", [0.9, 0.95, 0.98])
@pytest.mark.parametrize("distortion", [1.0, 0.5], ids=["calibrated", "twice too sure, temperature fitted"])
def test_resampled_halves_keep_the_promise(world: World, precision: float, distortion: float):
    """Labels are drawn anew for each half; the true precision of what it files in the other half is known exactly."""
    rng = np.random.default_rng(3)
    broken = np.zeros(TAXONOMY.depth, dtype=int)
    broken_overall = supported = 0
    for _ in range(HALVES):
        order = rng.permutation(len(world.truth))
        half, other = world.take(order[:3000]), world.take(order[3000:])
        truth = (half.probabilities.cumsum(axis=1) > rng.random((3000, 1))).argmax(axis=1)
        temperature = 1.0 if distortion == 1.0 else fit_temperature(half.logits / distortion, truth)
        promise = fit(TAXONOMY, softmax(half.logits / distortion, temperature), truth, precision=precision, delta=DELTA)

        choice = promise.choose(TAXONOMY, softmax(other.logits / distortion, temperature))
        expected = np.zeros(len(choice.level))  # the true probability that the product belongs where it was filed
        for level in range(TAXONOMY.depth):
            here = choice.level == level
            nodes = TAXONOMY.level_probabilities(other.probabilities, level)
            expected[here] = nodes[here, choice.node[here]]
            broken[level] += here.any() and expected[here].mean() < precision
        broken_overall += choice.filed.any() and expected[choice.filed].mean() < precision
        supported += choice.filed.any()
    print(f"{precision} x{distortion}: broken by level {broken}, overall {broken_overall}, supported {supported}")
    assert supported > 0.9 * HALVES, "a promise that is never made is never broken"
    assert (broken <= ALLOWED).all()
    assert broken_overall <= ALLOWED

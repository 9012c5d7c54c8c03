"""Figures that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from catalens.evaluate.metrics import best, class_counts, confusions, hit_rate, shots

# three leaves used of four: 0 is always right, 1 half, 2 never; 3 has no products but is given twice
TRUTH = np.array([0, 0, 1, 1, 2, 2, 2])
PREDICTED = np.array([0, 0, 1, 3, 1, 3, 0])


@given(
    arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 40)), elements=st.integers(0, 3)), st.integers(1, 7)
)
def test_best_is_the_stable_order(scores: np.ndarray, k: int):
    k = min(k, scores.shape[1])
    values = np.take_along_axis(scores, best(scores, k), axis=1)
    assert (values == -np.sort(-scores, axis=1)[:, :k]).all()
    assert all(len(set(row)) == k for row in best(scores, k).tolist())


def test_hit_rate():
    top = np.array([[0, 1], [1, 0], [2, 1]])
    assert hit_rate(top, np.array([0, 0, 0]), 1) == pytest.approx(1 / 3)
    assert hit_rate(top, np.array([0, 0, 0]), 2) == pytest.approx(2 / 3)


def test_counts_recall_precision():
    counts = class_counts(PREDICTED, TRUTH, 4)
    assert counts.support.tolist() == [2, 2, 3, 0]
    assert counts.predicted.tolist() == [3, 2, 0, 2]
    assert counts.recall[:3] == pytest.approx([1, 0.5, 0])
    assert np.isnan(counts.recall[3])
    assert counts.precision[[0, 1, 3]] == pytest.approx([2 / 3, 0.5, 0])
    assert np.isnan(counts.precision[2])
    assert counts.macro_recall == pytest.approx(0.5), "a leaf without products does not count"


def test_confusions_most_frequent_first():
    predicted = np.array([1, 1, 2, 0, 0, 2])
    truth = np.array([0, 0, 0, 1, 0, 2])
    assert confusions(predicted, truth, 3) == [(0, 1, 2), (0, 2, 1), (1, 0, 1)]
    assert confusions(predicted, truth, 3, limit=1) == [(0, 1, 2)]
    assert confusions(truth, truth, 3) == []


def test_shots_by_training_products():
    counts = class_counts(PREDICTED, TRUTH, 4)
    sizes = shots(counts, ("a", "b", "c", "d"), {"a": 101, "b": 100, "c": 20, "d": 500})
    assert (sizes["many"].categories, sizes["many"].products, sizes["many"].top1) == (1, 2, 1.0)
    assert (sizes["medium"].categories, sizes["medium"].products) == (2, 5)
    assert sizes["medium"].top1 == pytest.approx(1 / 5)
    assert sizes["medium"].macro_recall == pytest.approx(0.25)
    assert sizes["few"].top1 is None
    assert shots(counts, ("a", "b", "c", "d"), {})["few"].categories == 3, "not trained on at all is few"

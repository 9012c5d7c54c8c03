"""The share of labels that have nothing to do with the photos, told from what a model merely confuses."""

from __future__ import annotations

import numpy as np
import pytest

from catalens.curate.labels import stray


def labelled(count: int, classes: int, *, share: float, confusion: float, seed: int = 0):
    """(self-confidence of a calibrated model float64 [M], whether the label is stray bool [M]).

    Two classes are confused with each other, `confusion` of the time; labels are drawn as the model says.
    """
    rng = np.random.default_rng(seed)
    p = np.full((count, classes), 1e-4)
    first = rng.integers(0, classes, count)
    p[np.arange(count), first] += 1 - confusion
    p[np.arange(count), (first + 1) % classes] += confusion
    p /= p.sum(axis=1, keepdims=True)
    label = (p.cumsum(axis=1) > rng.random((count, 1))).argmax(axis=1)
    random = rng.random(count) < share
    label = np.where(random, rng.integers(0, classes, count), label)
    return p[np.arange(count), label], random


@pytest.mark.parametrize("confusion", [0.02, 0.4], ids=["sure", "confused"])
@pytest.mark.parametrize("share", [0.0, 0.03, 0.1])
def test_the_share_is_found_whatever_the_model_confuses(share: float, confusion: float):
    confidence, _ = labelled(20_000, 50, share=share, confusion=confusion)
    assert stray.share(confidence, classes=50) == pytest.approx(share, abs=0.006)


def test_stray_labels_are_told_from_confusion():
    confidence, random = labelled(20_000, 50, share=0.05, confusion=0.4)
    found = stray.probability(confidence, stray.share(confidence, classes=50), classes=50) > 0.5
    assert random[found].mean() > 0.9
    assert found[random].mean() > 0.9


def test_the_true_share_is_the_likeliest():
    confidence, _ = labelled(20_000, 20, share=0.1, confusion=0.2)
    best = stray.share(confidence, classes=20)
    values = [stray.log_likelihood(confidence, share, classes=20) for share in (best / 2, best, 2 * best)]
    assert max(values) == values[1]


def test_extremes():
    assert stray.share(np.zeros(0, np.float32), classes=3) == 0
    assert stray.share(np.zeros(10, np.float32), classes=3) == pytest.approx(1)
    assert np.isfinite(stray.probability(np.zeros(2, np.float32), 0.0, classes=3)).all()

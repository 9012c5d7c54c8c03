"""How often a photo is drawn, and that an epoch can be drawn again."""

from __future__ import annotations

import numpy as np
import pytest

from catalens.core.errors import ConfigError
from catalens.train.sampling import epoch_order

LABELS = np.repeat([0, 1, 2, 5], [900, 90, 9, 1])  # 3 and 4 have no photos


def places(how: str, epoch: int = 0, labels: np.ndarray = LABELS, seed: int = 7) -> np.ndarray:
    """int64 [C]: how many of an epoch's places each label has."""
    return np.bincount(labels[epoch_order(labels, how, seed=seed, epoch=epoch)], minlength=6)


def test_natural_takes_each_photo_once() -> None:
    order = epoch_order(LABELS, "natural", seed=0, epoch=0)
    assert not np.array_equal(order, np.arange(1000))
    assert np.array_equal(np.sort(order), np.arange(1000))


def test_balanced_gives_every_category_the_same() -> None:
    assert np.abs(places("balanced") - [250, 250, 250, 0, 0, 250]).max() <= 1


def test_sqrt_lies_between() -> None:
    roots = np.sqrt([900, 90, 9, 0, 0, 1])
    assert np.abs(places("sqrt") - 1000 * roots / roots.sum()).max() <= 1


@pytest.mark.parametrize("how", ["natural", "sqrt", "balanced"])
def test_an_epoch_follows_from_seed_and_epoch(how: str) -> None:
    order = epoch_order(LABELS, how, seed=3, epoch=4)
    assert order.dtype == np.int64
    assert len(order) == len(LABELS)
    assert np.array_equal(order, epoch_order(LABELS, how, seed=3, epoch=4))
    assert not np.array_equal(order, epoch_order(LABELS, how, seed=3, epoch=5))
    assert not np.array_equal(order, epoch_order(LABELS, how, seed=4, epoch=4))


@pytest.mark.parametrize("how", ["sqrt", "balanced"])
def test_the_photos_of_a_category_take_turns(how: str) -> None:
    times = np.bincount(epoch_order(LABELS, how, seed=1, epoch=0), minlength=len(LABELS))
    for label in np.unique(LABELS):
        drawn = times[label == LABELS]
        assert drawn.max() - drawn.min() <= 1, label


def test_over_epochs_every_photo_comes() -> None:
    seen = np.unique(np.concatenate([epoch_order(LABELS, "balanced", seed=0, epoch=epoch) for epoch in range(25)]))
    assert len(seen) > 0.99 * len(LABELS)


def test_rare_photos_are_spread_over_the_epoch() -> None:
    order = epoch_order(LABELS, "balanced", seed=0, epoch=0)
    where = np.flatnonzero(LABELS[order] == 5)
    assert 0.4 < where.mean() / len(LABELS) < 0.6


@pytest.mark.parametrize("labels", [[], [4], [0, 0, 0], [2, 7]], ids=str)
@pytest.mark.parametrize("how", ["natural", "sqrt", "balanced"])
def test_small_parts(labels: list[int], how: str) -> None:
    order = epoch_order(np.array(labels, dtype=np.int64), how, seed=0, epoch=0)
    assert len(order) == len(labels)
    assert set(order) <= set(range(len(labels)))


def test_another_word_is_an_error() -> None:
    with pytest.raises(ConfigError, match="natural, sqrt, balanced"):
        epoch_order(LABELS, "rare", seed=0, epoch=0)

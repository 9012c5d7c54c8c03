"""A corruption is the same for the same photo, worse where it is severer, and leaves what it was given alone."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from tests.builders.photos import packshot, scene

from catalens.core.preprocess import Preprocess
from catalens.evaluate.corruptions import CORRUPTIONS, SEVERITIES, corrupt

PREPROCESS = Preprocess(size=96)
SQUARES = np.stack(
    [PREPROCESS.fit(image) for image in (scene(), scene(seed=1), packshot(), packshot(ground=(90, 90, 90)))]
)
EACH = pytest.mark.parametrize("name", CORRUPTIONS)


def change(name: str, severity: int, seed: int = 0) -> float:
    """Mean change of a pixel, in grey levels."""
    return float(np.abs(corrupt(SQUARES, name, severity, seed=seed).astype(float) - SQUARES).mean())


@EACH
def test_severer_is_worse(name: str):
    for seed in range(3):
        changes = [change(name, severity, seed) for severity in SEVERITIES]
        assert changes == sorted(changes)
        assert all(more > 1.05 * less for less, more in pairwise(changes)), changes


@EACH
def test_the_mildest_is_seen_and_the_worst_leaves_something(name: str):
    assert change(name, 1) > 0.5
    worst = corrupt(SQUARES, name, 5)
    for before, after in zip(SQUARES, worst, strict=True):
        assert after.std() > 3, "not one flat colour"
        assert not np.array_equal(before, after)


@EACH
def test_a_photo_becomes_the_same_in_any_batch(name: str):
    whole = corrupt(SQUARES, name, 3, seed=5)
    np.testing.assert_array_equal(whole, corrupt(SQUARES, name, 3, seed=5))
    for number in range(len(SQUARES)):
        alone = corrupt(SQUARES[number], name, 3, seed=5, numbers=[number])
        np.testing.assert_array_equal(alone, whole[number])
    np.testing.assert_array_equal(corrupt(SQUARES[2:], name, 3, seed=5, numbers=range(2, 4)), whole[2:])


@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - {"blur", "jpeg"}))  # nothing in these is random
def test_photos_and_seeds_differ(name: str):
    twice = np.stack([SQUARES[0]] * 8)
    by_number = corrupt(twice, name, 4, seed=0)
    assert len({photo.tobytes() for photo in by_number}) > 1
    by_seed = {corrupt(SQUARES[0], name, 4, seed=seed).tobytes() for seed in range(8)}
    assert len(by_seed) > 1


@EACH
def test_the_given_photo_is_not_written_to(name: str):
    photos = SQUARES.copy()
    photos.setflags(write=False)
    changed = corrupt(photos, name, 5)
    assert (changed.dtype, changed.shape) == (np.uint8, photos.shape)
    assert changed.flags.writeable
    np.testing.assert_array_equal(photos, SQUARES)


@EACH
@pytest.mark.parametrize("side", [8, 33])
def test_small_and_odd_squares(name: str, side: int):
    square = Preprocess(size=side).fit(scene())
    for severity in SEVERITIES:
        assert corrupt(square, name, severity).shape == (side, side, 3)


@EACH
def test_no_photos(name: str):
    assert corrupt(SQUARES[:0], name, 1).shape == (0, 96, 96, 3)


@pytest.mark.parametrize("side", [96, 97, 10])
def test_a_turned_packshot_stays_on_white(side: int):
    white = np.full((side, side, 3), 255, np.uint8)
    for severity in SEVERITIES:
        np.testing.assert_array_equal(corrupt(white, "rotation", severity), white)


def test_clutter_adds_to_the_same_things_and_leaves_the_middle():
    changed = [(corrupt(SQUARES, "clutter", severity) != SQUARES).any(axis=-1) for severity in SEVERITIES]
    for less, more in pairwise(changed):
        assert (less & ~more).mean() < 0.01, "but for what a colour happens to equal"
    assert not changed[-1][:, 31:64, 31:64].any()


def test_darkness_takes_light_and_a_crop_magnifies():
    assert corrupt(SQUARES, "dark", 5).mean() < 0.25 * SQUARES.mean()
    half = np.zeros((64, 64, 3), np.uint8)
    half[:, 32:] = 255
    assert {corrupt(half, "crop", 5, seed=seed)[0, :, 0].mean() > 127 for seed in range(20)} == {True, False}


@pytest.mark.parametrize(
    ("squares", "name", "severity", "words"),
    [
        (SQUARES, "blurr", 1, "unknown corruption 'blurr'; did you mean 'blur'?"),
        (SQUARES, "blur", 0, "a severity of 1 to 5, got 0"),
        (SQUARES, "blur", 6, "a severity of 1 to 5, got 6"),
        (SQUARES.astype(float), "blur", 1, "uint8 [N, S, S, 3] or [S, S, 3], got float64 [4, 96, 96, 3]"),
        (SQUARES[0, :, :, 0], "blur", 1, "got uint8 [96, 96]"),
        (SQUARES[:, :50], "blur", 1, "expected squares, got photos of 96 x 50 pixels"),
    ],
    ids=["name", "too mild", "too severe", "floats", "grey", "not square"],
)
def test_refusals(squares: np.ndarray, name: str, severity: int, words: str):
    with pytest.raises(ValueError, match=re.escape(words)):
        corrupt(squares, name, severity)


def test_a_number_for_each_photo():
    with pytest.raises(ValueError, match="a number for each of 4 photos, got 1"):
        corrupt(SQUARES, "blur", 1, numbers=[0])

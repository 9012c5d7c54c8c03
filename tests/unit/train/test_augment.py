"""What a photo looks like after its changes, and that the changes follow from (seed, epoch, photo) alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from catalens.core.errors import ConfigError
from catalens.train.augment import AUGMENTS, NONE, Augment, _crop, erased
from catalens.train.operations import NAMES, OPERATIONS, RANDOM, TRIVIAL, colour_matrix, grey_level
from catalens.train.settings import TrainSettings

SIZE = 48


def product(side: int = SIZE) -> np.ndarray:
    """A dark shape with a red corner on white, unlike its own mirror."""
    square = np.full((side, side, 3), 255, np.uint8)
    square[side // 4 : side // 2, side // 4 : side * 3 // 4] = (60, 70, 80)
    square[side // 4 : side // 3, side // 4 : side // 3] = (220, 30, 30)
    return square


@pytest.mark.parametrize("erasing", [0.0, 1.0], ids=["whole", "erased"])
@pytest.mark.parametrize("name", AUGMENTS)
def test_the_changes_follow_from_seed_epoch_and_photo(name: str, erasing: float) -> None:
    square, before = product(), product()
    augment = Augment(name, SIZE, seed=1, erasing=erasing)
    torch.manual_seed(1)
    np.random.seed(1)
    first = [augment(square, epoch=0, photo=photo) for photo in range(8)]
    torch.manual_seed(2)
    np.random.seed(2)
    again = [Augment(name, SIZE, seed=1, erasing=erasing)(square, epoch=0, photo=photo) for photo in reversed(range(8))]
    assert all(np.array_equal(one, other) for one, other in zip(first, reversed(again), strict=True))
    assert {(one.shape, one.dtype) for one in first} == {((SIZE, SIZE, 3), np.dtype(np.uint8))}
    assert np.array_equal(square, before), "the cached square is never written to"
    different = {one.tobytes() for one in first}
    assert len(different) == 1 if name == "none" and not erasing else len(different) >= 5
    if name != "none" or erasing:
        other = [augment(square, epoch=1, photo=photo) for photo in range(8)]
        seeded = [Augment(name, SIZE, seed=2, erasing=erasing)(square, epoch=0, photo=photo) for photo in range(8)]
        assert any(not np.array_equal(one, two) for one, two in zip(first, other, strict=True))
        assert any(not np.array_equal(one, two) for one, two in zip(first, seeded, strict=True))


@pytest.mark.parametrize("name", AUGMENTS)
def test_a_size_an_epoch(name: str) -> None:
    augment = Augment(name, [24, 24, 48], seed=0)
    sides = [augment(product(), epoch=epoch, photo=3).shape for epoch in range(5)]
    assert sides == [(24, 24, 3), (24, 24, 3), (48, 48, 3), (48, 48, 3), (48, 48, 3)], "the last one goes on"
    assert [augment.size(epoch) for epoch in (0, 2, 9)] == [24, 48, 48]


def test_half_the_photos_are_mirrored() -> None:
    augment = Augment("mild", SIZE, seed=0)
    shown = [augment(product(), epoch=0, photo=photo).astype(int) for photo in range(200)]
    red = [(one[..., 0] - one[..., 1] > 100).nonzero()[1].mean() for one in shown]
    assert 75 < sum(column < SIZE / 2 for column in red) < 125


def test_the_crop_has_the_area_it_says_and_stays_inside() -> None:
    policy = AUGMENTS.load("light")
    rng = np.random.default_rng(0)
    boxes = np.array([_crop(100, policy, rng) for _ in range(2000)])
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) / 100**2
    assert boxes.min() >= 0
    assert boxes.max() <= 100
    assert areas.max() <= 1.0
    assert 0.3 < areas.min() < 0.37
    assert boxes[:, 0].max() > 30, "anywhere in the square"
    assert _crop(100, NONE, rng) is None


def test_a_turn_brings_white_in() -> None:
    dark = np.full((SIZE, SIZE, 3), 40, np.uint8)
    shown = [Augment("classic", SIZE, seed=0)(dark, epoch=0, photo=photo) for photo in range(20)]
    assert max(one[0, 0].max() for one in shown) > 180
    assert max(one[SIZE // 2, SIZE // 2].max() for one in shown) < 100


def test_erasing_takes_its_share_of_photos_and_a_part_of_each() -> None:
    square = product()
    augment = Augment("none", SIZE, seed=0, erasing=0.3)
    changed = [(augment(square, epoch=0, photo=photo) != square).any(axis=2).mean() for photo in range(300)]
    assert 60 < np.count_nonzero(changed) < 120
    assert 0.01 < min(share for share in changed if share) < 0.06
    assert 0.2 < max(changed) < 0.4


def test_erasing_keeps_within_a_tiny_square() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        assert erased(np.zeros((8, 8, 3), np.uint8), rng).shape == (8, 8, 3)


@pytest.mark.parametrize("ranges", [TRIVIAL, RANDOM], ids=["trivial", "random"])
@pytest.mark.parametrize("name", NAMES)
def test_every_operation(name: str, ranges: object) -> None:
    image = Image.fromarray(product())
    before = np.asarray(image)
    for level in (0.0, 1.0):
        for sign in (1, -1):
            result = OPERATIONS[name](image, level, sign, ranges)
            assert result.size == image.size
            assert result.mode == "RGB"
            if level == 0.0 and name not in ("autocontrast", "equalize"):
                assert np.abs(np.asarray(result).astype(int) - before).max() <= 1, "level 0 changes nothing"
    strongest = np.asarray(OPERATIONS[name](image, 1.0, 1, ranges))
    assert np.array_equal(strongest, before) == (name == "identity")


def test_colour_in_one_matrix() -> None:
    image = Image.fromarray(product())

    def changed(**factors: float) -> np.ndarray:
        return np.asarray(image.convert("RGB", colour_matrix(**factors))).astype(int)

    pixels = product().astype(int)
    assert np.array_equal(changed(), pixels)
    assert np.abs(changed(brightness=0.5) - pixels / 2).max() <= 1
    grey = grey_level(image)
    assert np.abs(changed(contrast=0.5, grey=grey) - (pixels + grey) / 2).max() <= 1
    assert np.ptp(changed(saturation=0.0), axis=2).max() <= 1, "no colour is left"
    assert np.abs(changed(hue=1.0) - pixels).max() <= 1, "once around"
    red = changed(hue=1 / 3)[SIZE // 4 + 1, SIZE // 4 + 1]
    assert red.argmax() == 1, "red, a third around, is green"
    assert (changed(hue=0.1)[0, 0] == 255).all(), "white stays white"


def test_names_are_checked_and_the_nearest_is_told() -> None:
    with pytest.raises(ValidationError, match=r"no augmentation 'lihgt'; did you mean 'light'\?"):
        TrainSettings(augment="lihgt")
    with pytest.raises(ConfigError, match="unknown augmentation 'heavy'"):
        Augment("heavy", SIZE, seed=0)
    with pytest.raises(ConfigError, match="empty list"):
        Augment("light", [], seed=0)

"""The hostile photos: all decode, none is dull, and the ones made to catch an error do catch it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from catalens.core.image import decode, inspect
from catalens.core.preprocess import Preprocess
from catalens.export.hostile import hostile_image, hostile_images

PHOTOS = {photo.name: photo.data for photo in hostile_images()}
PREPROCESS = Preprocess(size=64)


def test_there_are_enough_and_they_are_the_same_at_every_call() -> None:
    assert len(PHOTOS) >= 14
    assert {photo.name: photo.data for photo in hostile_images()} == PHOTOS
    assert sum(map(len, PHOTOS.values())) < 600_000  # every bundle carries them


@pytest.mark.parametrize("name", PHOTOS)
def test_every_one_becomes_a_square_that_is_not_blank(name: str) -> None:
    square = PREPROCESS.square(PHOTOS[name], source=name)
    assert square.shape == (64, 64, 3)
    assert (square < 250).any()


@pytest.mark.parametrize(
    ("name", "width", "height"),
    [
        ("large.jpg", 4000, 3000),
        ("wide.png", 900, 1),
        ("tall.png", 1, 900),
        ("one-pixel.png", 1, 1),
        ("exif-3.jpg", 301, 203),
        ("exif-6.jpg", 203, 301),
        ("exif-8.jpg", 203, 301),
    ],
)
def test_sizes(name: str, width: int, height: int) -> None:
    info = inspect(PHOTOS[name])
    assert (info.width, info.height) == (width, height)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("cmyk.jpg", "CMYK"),
        ("grey.jpg", "L"),
        ("cut-out.png", "RGBA"),
        ("palette-alpha.png", "P"),
        ("grey-alpha.png", "LA"),
        ("grey-16.png", "I;16"),
        ("animated.gif", "P"),
    ],
)
def test_modes(name: str, mode: str) -> None:
    with Image.open(io.BytesIO(PHOTOS[name])) as photo:
        assert photo.mode == mode
        assert getattr(photo, "n_frames", 1) == (2 if name == "animated.gif" else 1)


@pytest.mark.parametrize("name", ["exif-3.jpg", "exif-6.jpg", "exif-8.jpg", "cut-out.png"])
def test_a_plain_decoder_gets_it_wrong(name: str) -> None:
    """`convert("RGB")` without EXIF or alpha, as many do, gives another square by far."""
    naive = np.asarray(Image.open(io.BytesIO(PHOTOS[name])).convert("RGB"))
    difference = np.abs(PREPROCESS.fit(naive).astype(int) - PREPROCESS.square(PHOTOS[name])).mean()
    assert difference > 5


def test_stripes_need_antialiasing() -> None:
    image = decode(hostile_image("stripes.png").data)
    picked = image[::8, ::8][:64, :64].astype(int)
    assert np.abs(picked - PREPROCESS.fit(image)).mean() > 50


def test_the_second_frame_of_the_animation_is_another_picture() -> None:
    with Image.open(io.BytesIO(PHOTOS["animated.gif"])) as photo:
        photo.seek(1)
        second = np.asarray(photo.convert("RGB")).astype(int)
    assert np.abs(second - decode(PHOTOS["animated.gif"])).mean() > 50

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from tests.builders.encode import saved
from tests.builders.images import RGB, picture

from catalens.core.errors import ConfigError, ImageTooLarge
from catalens.core.preprocess import Preprocess

WHITE = (255, 255, 255)


def corners(square: np.ndarray) -> list[tuple[int, ...]]:
    return [tuple(square[y, x].tolist()) for y, x in ((0, 0), (0, -1), (-1, 0), (-1, -1))]


def test_pad_keeps_the_whole_photo_in_the_middle() -> None:
    square = Preprocess(size=48).fit(RGB)
    assert corners(square) == [WHITE] * 4
    np.testing.assert_array_equal(square[8:40], RGB)


def test_pad_fills_with_the_colour_asked_for() -> None:
    square = Preprocess(size=32, fill=(1, 2, 3)).fit(picture(64, 16))
    assert corners(square) == [(1, 2, 3)] * 4
    assert tuple(square[0, 16]) != (1, 2, 3)


def test_crop_takes_the_middle_square() -> None:
    square = Preprocess(size=32, resize="crop").fit(RGB)
    np.testing.assert_array_equal(square, RGB[:, 8:40])


def test_squash_keeps_every_corner() -> None:
    square = Preprocess(size=32, resize="squash").fit(picture(10, 300))
    assert corners(square) == [tuple(RGB[y, x].tolist()) for y, x in ((0, 0), (0, -1), (-1, 0), (-1, -1))]


@pytest.mark.parametrize("resize", ["pad", "crop", "squash"])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 4000), (4000, 1), (3, 4000), (32, 32), (2000, 3)], ids=lambda shape: f"{shape[0]}x{shape[1]}"
)
def test_any_shape_fits(resize: str, interpolation: str, shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), (10, 200, 30), np.uint8)
    square = Preprocess(size=32, resize=resize, interpolation=interpolation, fill=(10, 200, 30)).fit(image)
    np.testing.assert_array_equal(square, np.full((32, 32, 3), (10, 200, 30), np.uint8))
    assert square.flags.writeable
    assert square.flags.c_contiguous


def test_shrinking_is_antialiased() -> None:
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255  # taking every eighth pixel would give black or white
    square = Preprocess(size=32, resize="squash").fit(stripes)
    assert square.min() > 100
    assert square.max() < 155


def test_a_thin_line_is_not_lost() -> None:
    square = Preprocess(size=32, fill=(0, 0, 0)).fit(np.full((4000, 1, 3), 255, np.uint8))
    assert (square.max(axis=(1, 2)) == 255).all()


def test_square_is_decode_and_fit() -> None:
    preprocess = Preprocess(size=16)
    np.testing.assert_array_equal(preprocess.square(saved(RGB, "PNG")), preprocess.fit(RGB))


def test_square_of_a_large_jpeg_is_close_to_the_slow_way() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    large = np.asarray(Image.fromarray(noise).resize((2000, 1500), Image.Resampling.BICUBIC))
    preprocess = Preprocess(size=64)
    difference = preprocess.square(saved(large, "JPEG", quality=95)).astype(int) - preprocess.fit(large)
    assert np.abs(difference).mean() < 2


def test_square_refuses_what_is_too_large_and_says_which() -> None:
    with pytest.raises(ImageTooLarge, match=r"^shoe\.png: declares 48 x 32"):
        Preprocess(max_pixels=1000).square(saved(RGB, "PNG"), source="shoe.png")


def test_batch_stacks_what_fit_gives() -> None:
    preprocess = Preprocess(size=16)
    images = [RGB, picture(1, 9), picture(100, 100)]
    batch = preprocess.batch(["a", "b", "c"], images)
    assert batch.ids == ("a", "b", "c")
    assert batch.pixels.shape == (3, 16, 16, 3)
    for row, image in zip(batch.pixels, images, strict=True):
        np.testing.assert_array_equal(row, preprocess.fit(image))


def test_batch_of_nothing() -> None:
    assert Preprocess(size=16).batch([], []).pixels.shape == (0, 16, 16, 3)


def test_the_digest_is_the_same_on_every_machine() -> None:
    assert Preprocess().digest == "75c207f9ff3261dca643617e26ebae95cbcf867885c18252cca6ed0d1f1cec93"


@pytest.mark.parametrize(
    "other",
    [
        Preprocess(size=160),
        Preprocess(resize="crop"),
        Preprocess(interpolation="lanczos"),
        Preprocess(fill=(0, 0, 0)),
        Preprocess(mean=(0.5, 0.5, 0.5)),
        Preprocess(std=(0.5, 0.5, 0.5)),
        Preprocess(max_pixels=1),
    ],
    ids=lambda other: str(other),
)
def test_every_field_is_in_the_digest(other: Preprocess) -> None:
    assert other.digest != Preprocess().digest


def test_json_and_back() -> None:
    import json

    preprocess = Preprocess(size=96, resize="crop", fill=(1, 2, 3))
    back = Preprocess.from_json(json.loads(json.dumps(preprocess.to_json())))
    assert back == preprocess
    assert back.digest == preprocess.digest


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"size": 4}, "size"),
        ({"size": 4096}, "size"),
        ({"resize": "stretch"}, "resize"),
        ({"interpolation": "nearest"}, "interpolation"),
        ({"std": (0.1, 0.0, 0.1)}, "std"),
        ({"mean": (0.5,)}, "mean"),
        ({"fill": (0, 0, 256)}, "fill"),
        ({"fill": (-1, 0, 0)}, "fill"),
        ({"sice": 224}, "sice"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, object], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Preprocess.from_json(fields)
    assert caught.value.key == key

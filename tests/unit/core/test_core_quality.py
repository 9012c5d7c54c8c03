"""Each flag is raised by what it is for, and not by the ordinary photos that look a little like it."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from PIL import Image
from tests.builders import photos as p

from catalens.core.image import decode
from catalens.core.quality import FLAGS, Quality, Thresholds, judge, measure

WHITE = (255, 255, 255)


def exposed(image: np.ndarray, stops: float) -> np.ndarray:
    return (255 * np.clip((image / 255) ** 2.2 * 2**stops, 0, 1) ** (1 / 2.2)).astype(np.uint8)


def faded(factor: float) -> np.ndarray:
    image = p.scene()
    return (image.mean() + (image - image.mean()) * factor).astype(np.uint8)


def framed(image: np.ndarray, colour: tuple[int, int, int], *sides: int) -> np.ndarray:
    upright, across = sides
    pads = ((upright, upright), (across, across))
    return np.stack([np.pad(image[..., c], pads, constant_values=colour[c]) for c in range(3)], axis=2)


def shelf() -> np.ndarray:
    """Things from edge to edge."""
    tiles = np.random.default_rng(3).integers(20, 240, (20, 26, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(tiles).resize((416, 320), Image.Resampling.NEAREST))


def moved(length: int) -> np.ndarray:
    """Shaken sideways: edges that lie level stay sharp."""
    image = p.scene().astype(np.float32)
    return np.mean([np.roll(image, step, axis=1) for step in range(length)], axis=0).astype(np.uint8)


def rug() -> np.ndarray:
    """A fine, even weave behind a plain thing."""
    weave = np.where(np.indices((300, 400)).sum(0) % 4 < 2, 110, 170).astype(np.uint8)
    image = np.repeat(weave[..., None], 3, axis=2)
    image[80:220, 120:280] = (160, 30, 40)
    return image


def stripes() -> np.ndarray:
    return np.repeat(np.where(np.arange(400) // 5 % 2, 60, 200)[None, :, None], 300, axis=0).repeat(3, axis=2)


def gradient() -> np.ndarray:
    return np.repeat(np.linspace(150, 200, 400)[None, :, None], 300, axis=0).astype(np.uint8).repeat(3, axis=2)


RAISED = {
    "out of focus": ("blurred", p.blurred(p.scene(), 4)),
    "out of focus, 80 px": ("blurred", p.blurred(np.asarray(Image.fromarray(p.scene()).resize((80, 60))), 2)),
    "shaken": ("blurred", moved(16)),
    "enlarged from 50 px": ("blurred", np.asarray(Image.fromarray(p.scene()).resize((50, 38)).resize((400, 300)))),
    "three stops too dark": ("dark", exposed(p.scene(), -3)),
    "three stops too light": ("over-exposed", exposed(shelf(), 3)),
    "an eighth of its contrast": ("low contrast", faded(0.12)),
    "40 px": ("tiny", p.scene(60, 40)),
    "a banner": ("odd aspect", p.scene(400, 100)),
    "white paper": ("blank", np.full((300, 400, 3), 255, np.uint8)),
    "a gradient": ("blank", gradient()),
    "no image available": ("placeholder", p.placeholder()),
    "a black frame": ("heavy border", framed(p.scene(), (0, 0, 0), 30, 30)),
    "a red frame round a packshot": ("heavy border", framed(p.packshot(), (200, 20, 30), 30, 30)),
    "black bars": ("heavy border", framed(p.scene(), (0, 0, 0), 40, 0)),
    "white bars": ("heavy border", framed(p.scene(), WHITE, 40, 0)),
    "bars at the sides": ("heavy border", framed(p.scene(300, 400), (20, 20, 60), 0, 50)),
    "a shelf": ("busy background", shelf()),
    "words": ("text heavy", p.captioned(p.scene())),
    "no colours": ("greyscale", np.repeat(p.scene().mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)),
    "a pin": ("small subject", framed(p.packshot(60, 60), WHITE, 170, 120)),
}  # fmt: skip


@pytest.mark.parametrize(("flag", "image"), RAISED.values(), ids=RAISED)
def test_a_flag_is_raised(flag: str, image: np.ndarray) -> None:
    assert flag in measure(decode(p.jpeg(image))).flags


def test_every_flag_has_a_case() -> None:
    assert {flag for flag, _ in RAISED.values()} | {"cut short"} == set(FLAGS)


SPARED = {
    "a thing before a wall": (p.scene(), set()),
    "a packshot": (p.packshot(), set()),
    "a packshot of 12 megapixels": (p.packshot(3000, 4000), set()),
    "a packshot of 60 x 80": (p.packshot(60, 80), set()),
    "a black shoe on white": (p.packshot(colour=(34, 32, 36)), set()),
    "a pale shirt on white": (p.packshot(colour=(190, 188, 180)), set()),
    "a necklace on white": (p.thin_lines(), set()),
    "a box on white": (framed(p.scene(), WHITE, 60, 60), set()),
    "a red thing on red": (p.packshot(colour=(220, 20, 30), ground=(90, 8, 10)), set()),
    "a thing on a rug": (rug(), set()),
    "stripes": (stripes(), {"text heavy", "placeholder", "blank"}),
}  # fmt: skip


@pytest.mark.parametrize(("image", "never"), SPARED.values(), ids=SPARED)
def test_ordinary_photos_are_spared(image: np.ndarray, never: set[str]) -> None:
    """No flag at all; or, where some are named, not these."""
    flags = set(measure(decode(p.jpeg(image.astype(np.uint8)))).flags)
    assert not flags & (never or set(FLAGS))


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.85])
def test_a_jpeg_that_ends_early_is_told_by_its_grey_rest(kept: float, turn: int) -> None:
    image = np.rot90(decode(p.cut_short(p.scene(), kept)), turn)
    quality = measure(image)
    assert "cut short" in quality.flags
    assert quality.missing == pytest.approx(1 - kept, abs=0.25)


def test_a_frame_of_the_decoders_grey_is_no_cut() -> None:
    assert measure(framed(p.scene(), (128, 128, 128), 30, 30)).missing == 0


def test_a_jpeg_without_its_end_marker_is_cut_short() -> None:
    whole = p.jpeg(p.scene())
    image = decode(whole)
    assert "cut short" not in measure(image, data=whole).flags
    assert "cut short" in measure(image, data=whole[:-2] + bytes(400)).flags
    assert "cut short" not in measure(image, data=b"\x89PNG\r\n\x1a\n no jpeg").flags


def test_edge_width_is_that_of_the_blur() -> None:
    """A step blurred by a Gaussian rises over sqrt(2 pi) sigma at its steepest."""
    step = np.zeros((200, 256, 3), np.uint8)
    step[:, 128:] = 200
    for sigma in (1.0, 1.5, 2.0):
        expected = np.sqrt(2 * np.pi) * sigma
        assert measure(p.blurred(step, sigma)).edge_width_px == pytest.approx(expected, rel=0.12)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (2, 3), (9, 9), (8, 300), (300, 47)], ids=str)
@pytest.mark.parametrize("fill", ["black", "white", "noise"])
def test_any_size_has_scores(size: tuple[int, int], fill: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    image = {"black": noise * 0, "white": noise * 0 + np.uint8(255), "noise": noise}[fill]
    quality = measure(image)
    for field in fields(Quality):
        score = getattr(quality, field.name)
        assert score is None or field.name == "flags" or np.isfinite(score)
    assert quality.short_side_px == min(size)


def test_thresholds_decide_and_have_a_digest() -> None:
    strict = Thresholds(blurred=0.5)
    image = p.scene()
    assert "blurred" not in measure(image).flags
    assert "blurred" in measure(image, thresholds=strict).flags
    assert judge(measure(image), strict) == measure(image, thresholds=strict).flags
    assert strict.digest != Thresholds().digest == Thresholds().digest


def test_the_photo_is_left_as_it_was() -> None:
    image = p.scene()
    image.flags.writeable = False
    assert measure(image) == measure(image.copy())


def test_scores_do_not_depend_on_memory_order() -> None:
    image = p.scene()
    assert measure(np.asfortranarray(image)) == measure(image)

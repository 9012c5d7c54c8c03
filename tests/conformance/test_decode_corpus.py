"""Every file of the corpus gives its pixels or its error; nothing else ever comes out of `decode`."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile
from tests.builders import encode
from tests.builders.images import CASES, JPEG, RGB, Bad, Good, heic, turned

from catalens.core.errors import ImageTooLarge, UnreadableImage
from catalens.core.image import PhotoInfo, decode, inspect

ROOT = Path(__file__).resolve().parents[2]
GOOD = {name: case for name, case in CASES.items() if isinstance(case, Good)}
BAD = {name: case for name, case in CASES.items() if isinstance(case, Bad)}


def test_the_corpus_is_as_large_as_we_say() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize("name", GOOD)
def test_gives_its_pixels(name: str) -> None:
    case = GOOD[name]
    data = case.build()
    pixels = decode(data)
    assert pixels.dtype == np.uint8
    assert pixels.shape == case.pixels.shape
    difference = np.abs(pixels.astype(int) - case.pixels.astype(int))
    assert (difference <= case.tolerance).mean() >= case.share
    info = inspect(data)
    assert (info.height, info.width) == case.pixels.shape[:2]


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("look", [decode, inspect])
def test_gives_its_error(name: str, look: object) -> None:
    case = BAD[name]
    data = case.build()
    started = time.perf_counter()
    with pytest.raises(case.error) as caught:
        look(data, source="shoe.jpg")  # type: ignore[operator]
    assert time.perf_counter() - started < 2
    assert caught.value.source == "shoe.jpg"
    assert str(caught.value).startswith("shoe.jpg: ")
    assert case.words in caught.value.message
    assert " at 0x" not in caught.value.message  # a cause is the same in every run


def test_a_bomb_is_refused_at_once() -> None:
    data = CASES["png, declares 50,000 x 50,000"].build()
    decode(JPEG)  # what is imported at the first call is not measured
    started = time.perf_counter()
    with pytest.raises(ImageTooLarge, match="declares 50,000 x 50,000 pixels"):
        decode(data)
    assert time.perf_counter() - started < 0.05


def test_no_bomb_takes_memory() -> None:
    """In a process of its own: all that is refused, refused with less than 60 MB more than before."""
    script = """
        import resource
        from catalens.core.errors import ImageError
        from catalens.core.image import decode
        from tests.builders.images import CASES, Bad

        files = [case.build() for case in CASES.values() if isinstance(case, Bad)]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for data in files:
            try:
                decode(data)
            except ImageError:
                continue
            raise SystemExit("decoded")
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 60


def test_the_limit_is_the_callers() -> None:
    assert decode(JPEG, max_pixels=RGB.shape[0] * RGB.shape[1]).shape == RGB.shape
    with pytest.raises(ImageTooLarge, match=r"declares 48 x 32 pixels, more than allowed \(1,535 pixels"):
        decode(JPEG, max_pixels=RGB.shape[0] * RGB.shape[1] - 1)


@pytest.mark.parametrize(
    ("size", "at_least", "expected"),
    [
        ((1600, 1200), None, (1200, 1600, 3)),
        ((1600, 1200), 1200, (1200, 1600, 3)),
        ((1600, 1200), 601, (1200, 1600, 3)),
        ((1600, 1200), 600, (600, 800, 3)),
        ((1600, 1200), 300, (300, 400, 3)),
        ((1600, 1200), 150, (150, 200, 3)),
        ((1601, 1203), 150, (151, 201, 3)),
        ((1600, 1200), 1, (150, 200, 3)),
        ((1600, 8), 100, (8, 1600, 3)),
        ((64, 64), 448, (64, 64, 3)),
    ],
)
def test_a_jpeg_is_scaled_while_decoding(
    size: tuple[int, int], at_least: int | None, expected: tuple[int, int, int]
) -> None:
    data = encode.saved(Image.new("RGB", size, (10, 200, 90)), "JPEG")
    assert decode(data, at_least=at_least).shape == expected
    assert inspect(data) == PhotoInfo(*size, "jpeg")


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "HEIF", "TIFF"])
def test_only_a_jpeg_is_scaled_while_decoding(kind: str) -> None:
    heic(RGB)  # Pillow learns to write HEIF
    data = encode.saved(np.repeat(np.repeat(RGB, 8, 0), 8, 1), kind)
    assert decode(data, at_least=8).shape == (256, 384, 3)


def test_a_scaled_jpeg_is_turned_too() -> None:
    large = np.repeat(np.repeat(RGB, 16, 0), 16, 1)
    data = encode.jpeg_segment(encode.saved(large, "JPEG", quality=95), 0xE1, encode.exif(6))
    assert inspect(data) == PhotoInfo(512, 768, "jpeg")
    small = decode(data, at_least=32)
    difference = np.abs(small[4::8, 4::8].astype(int) - turned(RGB, 6)[2::4, 2::4])
    assert small.shape == (96, 64, 3)
    assert (difference <= 8).mean() > 0.85


def test_heic_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    data = heic(RGB)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(UnreadableImage, match=r"pip install 'catalens\[heif\]'") as caught:
        decode(data, source="shoe.heic")
    assert caught.value.source == "shoe.heic"


def test_many_threads_decode_as_one_does() -> None:
    files = [case.build() for case in GOOD.values()]
    alone = [decode(data).tobytes() for data in files]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            assert [pixels.tobytes() for pixels in pool.map(decode, files)] == alone


def test_nothing_of_the_process_is_changed() -> None:
    before = (Image.MAX_IMAGE_PIXELS, list(warnings.filters), ImageFile.LOAD_TRUNCATED_IMAGES)
    decode(JPEG)
    assert (Image.MAX_IMAGE_PIXELS, list(warnings.filters), ImageFile.LOAD_TRUNCATED_IMAGES) == before
    assert Image.MAX_IMAGE_PIXELS is not None  # Pillow's own guard still stands for the rest of the process


def test_a_file_that_ends_early_but_properly_cannot_be_told() -> None:
    """Known limit: libjpeg and zlib call it an end, and leave the rest blank, as every viewer does."""
    rows = encode.png(RGB, 2, size=(48, 64))
    assert decode(rows).shape == (64, 48, 3)
    assert decode(JPEG[:-60] + b"\xff\xd9").shape == RGB.shape


def test_pixels_of_another_kind_carry_the_source() -> None:
    data = encode.saved(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF")
    with pytest.raises(UnreadableImage) as caught:
        decode(data, source="scan.tif")
    assert str(caught.value) == "scan.tif: expected 8 or 16 bits a channel, got pixels of mode 'F'"

"""Whatever bytes come in, `decode` gives pixels or an ImageError that names the source."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders.encode import exif, jpeg_segment, saved
from tests.builders.images import JPEG, turned

from catalens.core.errors import ImageError
from catalens.core.image import decode, inspect

HEADS = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x20\0\0\0WEBPVP8 ", b"\0\0\0\x20ftypavif"]
HEADS += [b"\0\0\0\x20ftypheic", b"GIF89a", b"II*\0", b"MM\0*", b"II+\0", b"BM"]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(head=st.sampled_from(HEADS), rest=st.binary(max_size=200))
def test_any_bytes_are_answered(head: bytes, rest: bytes) -> None:
    try:
        pixels = decode(head + rest, source="x.jpg", max_pixels=1_000_000)
    except ImageError as refused:
        error = refused
    else:
        assert pixels.dtype == np.uint8
        assert pixels.shape[2:] == (3,)
        return
    assert error.source == "x.jpg"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 99), turn=st.integers(1, 8))
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_lossless_files_come_back_upright(kind: str, height: int, width: int, seed: int, turn: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(pixels, kind, exif=exif(turn)[6:] if kind != "WEBP" else exif(turn), **options)
    np.testing.assert_array_equal(decode(data), turned(pixels, turn))
    assert (inspect(data).height, inspect(data).width) == turned(pixels, turn).shape[:2]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(at_least=st.integers(1, 100), turn=st.integers(1, 8))
def test_a_draft_never_falls_below_what_was_asked(at_least: int, turn: int) -> None:
    pixels = np.full((203, 331, 3), 90, np.uint8)
    data = jpeg_segment(saved(pixels, "JPEG"), 0xE1, exif(turn))
    height, width = decode(data, at_least=at_least).shape[:2]
    assert min(height, width) >= at_least
    assert (inspect(data).width > inspect(data).height) == (width > height)


def test_decoding_twice_gives_the_same() -> None:
    np.testing.assert_array_equal(decode(JPEG), decode(JPEG))

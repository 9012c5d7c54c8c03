"""Pictures in the page."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image

from catalens.ui.pictures import picture


def shown(data: bytes, height: int) -> Image.Image:
    uri = picture(data, height)
    assert uri is not None
    head, _, body = uri.partition(",")
    assert head == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(body)))


@pytest.mark.parametrize(
    ("size", "expected"),
    [((400, 300), (133, 100)), ((3000, 100), (200, 7)), ((40, 30), (40, 30))],
    ids=["landscape", "a thin strip is not wider than twice the height", "small stays small"],
)
def test_size(size: tuple[int, int], expected: tuple[int, int]) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, "PNG")
    assert shown(buffer.getvalue(), 100).size == expected


def test_a_cut_out_stands_on_white_as_the_model_sees_it() -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(buffer, "PNG")
    assert shown(buffer.getvalue(), 100).getpixel((25, 25)) == (255, 255, 255)


def test_a_bad_photo_has_no_picture() -> None:
    assert picture(b"not a photo") is None

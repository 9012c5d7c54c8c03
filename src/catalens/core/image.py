"""From untrusted bytes to one kind of pixels.  The only file that decodes images."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from catalens.core.errors import ImageTooLarge, UnreadableImage

RgbImage = npt.NDArray[np.uint8]  # [H, W, 3], upright, opaque
MAX_PIXELS = 100_000_000

# Pillow's own bomb guard only warns; `decode` and `inspect` refuse by declared size before any pixel is read.
Image.MAX_IMAGE_PIXELS = None
ImageFile.LOAD_TRUNCATED_IMAGES = False

_FORMATS = ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "DIB"]  # MPO is opened by the JPEG reader
try:
    from pillow_heif import register_heif_opener  # the extra `heif`
except ImportError:
    pass
else:
    register_heif_opener()
    _FORMATS.append("HEIF")
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class PhotoInfo:
    """Upright `width` and `height` in pixels, and the file's `format` in lower case ("jpeg")."""

    width: int
    height: int
    format: str


def decode(
    data: bytes, *, source: str = "image", max_pixels: int = MAX_PIXELS, at_least: int | None = None
) -> RgbImage:
    """Bytes of one file -> uint8 [H, W, 3], upright (EXIF applied), opaque (alpha over white), first frame.

    With `at_least`, a JPEG may be decoded at 1/2, 1/4 or 1/8 scale so long as both sides keep `at_least` pixels.
    Raises UnreadableImage, or ImageTooLarge by the declared size, before any pixel is read.
    """
    return np.asarray(_load(data, source, max_pixels, at_least)[0])


def inspect(data: bytes, *, source: str = "image", max_pixels: int = MAX_PIXELS) -> PhotoInfo:
    """Decode to see that it can be done, at the cheapest scale, and tell the full size.  Raises ImageError."""
    return _load(data, source, max_pixels, 1)[1]


def _load(data: bytes, source: str, max_pixels: int, at_least: int | None) -> tuple[Image.Image, PhotoInfo]:
    if not data:
        raise UnreadableImage("0 bytes: the file is empty", source=source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=_FORMATS) as photo:
                size, kind = photo.size, str(photo.format)
                if size[0] * size[1] > max_pixels:
                    raise ImageTooLarge(
                        f"declares {size[0]:,} x {size[1]:,} pixels, more than the {max_pixels:,} allowed",
                        source=source,
                    )
                if at_least is not None:
                    photo.draft(None, (at_least, at_least))
                photo.load()
                turn = _orientation(photo)
                upright = _opaque(photo)
                if turn in _UPRIGHT:
                    upright = upright.transpose(_UPRIGHT[turn])
    except ImageTooLarge:
        raise
    # Pillow's readers raise whatever their parsing meets: OSError, SyntaxError, ValueError, struct.error, KeyError ...
    except Exception as error:
        cause = " ".join(str(error).split())[:200] or type(error).__name__
        raise UnreadableImage(f"{len(data):,} bytes do not decode ({cause})", source=source) from error
    width, height = (size[1], size[0]) if turn in (5, 6, 7, 8) else size
    return upright, PhotoInfo(width, height, kind.lower())


def _orientation(photo: Image.Image) -> int:
    """EXIF orientation 1-8; a damaged EXIF block counts as upright."""
    try:
        return int(photo.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:
        return 1


def _opaque(photo: Image.Image) -> Image.Image:
    """Any mode -> RGB, transparency over white, 16 bits down to 8."""
    if photo.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(photo) >> 8).astype(np.uint8)).convert("RGB")
    if photo.mode in ("I", "F"):
        raise UnreadableImage(f"expected 8 or 16 bits a channel, got pixels of mode {photo.mode!r}")
    if photo.has_transparency_data:
        over = photo.convert("RGBA")
        white = Image.new("RGBA", over.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, over).convert("RGB")
    return photo.convert("RGB")

"""From untrusted bytes to one kind of pixels.  The only file that decodes images; `formats` opens them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, TiffImageFile

from catalens.core.errors import ImageError, ImageTooLarge, UnreadableImage
from catalens.core.formats import open_photo

RgbImage = npt.NDArray[np.uint8]  # [H, W, 3], upright, opaque
MAX_PIXELS = 100_000_000
MAX_SIDE = 65_535  # JPEG's own limit; resizing a thinner strip takes gigabytes of filter weights

ImageFile.LOAD_TRUNCATED_IMAGES = False  # some libraries switch it on; a truncated photo is an error here
# what Pillow only warns of (odd EXIF blocks, mostly) is either harmless or ends in an error below
warnings.filterwarnings("ignore", module=r"PIL\.")

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
    The array is read-only.  Safe to call from many threads.
    Raises UnreadableImage, or ImageTooLarge by the declared size, before any pixel is read.
    """
    return np.asarray(_load(data, source, max_pixels, at_least)[0])


def inspect(data: bytes, *, source: str = "image", max_pixels: int = MAX_PIXELS) -> PhotoInfo:
    """Decode to see that it can be done, at the cheapest scale, and tell the full size.  Raises ImageError."""
    return _load(data, source, max_pixels, 1)[1]


def _load(data: bytes, source: str, max_pixels: int, at_least: int | None) -> tuple[Image.Image, PhotoInfo]:
    def allow(width: int, height: int) -> None:
        if width * height > max_pixels or max(width, height) > MAX_SIDE:
            limits = f"{max_pixels:,} pixels, {MAX_SIDE:,} a side"
            raise ImageTooLarge(f"declares {width:,} x {height:,} pixels, more than allowed ({limits})")

    try:
        if not data:
            raise UnreadableImage("0 bytes: the file is empty")
        with open_photo(data, allow=allow) as photo:
            width, height = photo.size
            if at_least is not None and isinstance(photo, JpegImageFile):
                photo.draft(None, (at_least, at_least))
            photo.load()
            turn = _orientation(photo)
            upright = _opaque(photo, data)
            if turn in _UPRIGHT:
                upright = upright.transpose(_UPRIGHT[turn])
            if turn in (5, 6, 7, 8):
                width, height = height, width
            return upright, PhotoInfo(width, height, str(photo.format).lower())
    except ImageError as error:
        error.source = source
        raise
    except Image.DecompressionBombError as error:  # a size that only Pillow saw: a GIF frame larger than its screen
        raise ImageTooLarge(str(error), source=source) from None
    # Pillow's readers raise whatever their parsing meets: OSError, SyntaxError, ValueError, struct.error, KeyError ...
    except Exception as error:
        cause = " ".join(str(error).split())[:200] or type(error).__name__
        raise UnreadableImage(f"{len(data):,} bytes do not decode ({cause})", source=source) from error


def _orientation(photo: ImageFile.ImageFile) -> int:
    """EXIF orientation 1-8 that is still to be applied (TIFF and HEIF readers have done it); 1 if EXIF is damaged."""
    try:
        return int(photo.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # the EXIF parser, too, raises whatever it meets; the pixels are good
        return 1


def _opaque(photo: ImageFile.ImageFile, data: bytes) -> Image.Image:
    """Any mode -> RGB, transparency over white, 16 bits down to 8.  `data` is the file."""
    image: Image.Image = photo
    if photo.mode.startswith("I;16"):
        image = _eight_bits(photo)
    elif photo.mode in ("I", "F"):
        raise UnreadableImage(f"expected 8 or 16 bits a channel, got pixels of mode {photo.mode!r}")
    elif photo.mode == "La":  # grey with premultiplied alpha has no direct way to RGBA
        image = photo.convert("LA")
    elif isinstance(photo, PngImageFile) and photo.mode in ("L", "RGB") and "transparency" in photo.info:
        image.info["transparency"] = _as_eight_bits(photo.info["transparency"], depth=data[24])
    if not image.has_transparency_data:
        return image.convert("RGB")
    over = image.convert("RGBA")
    flat = Image.new("RGB", over.size, (255, 255, 255))
    flat.paste(over, mask=over.getchannel("A"))
    return flat


def _as_eight_bits(colour: int | tuple[int, ...], depth: int) -> int | tuple[int, ...]:
    """A PNG's transparent colour, given in the file's bit depth, as the 8-bit value that Pillow gives those pixels."""
    if isinstance(colour, tuple):
        return tuple(value >> 8 for value in colour) if depth == 16 else colour
    return colour * 255 // (2**depth - 1)


def _eight_bits(photo: ImageFile.ImageFile) -> Image.Image:
    """16-bit grey -> L, or LA where one value of a PNG is transparent; the high byte is kept."""
    values = np.asarray(photo)
    if isinstance(photo, TiffImageFile):
        if photo.tag_v2.get(BITSPERSAMPLE) == (12,):
            values = values << 4
        if photo.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == 0:  # white is zero; Pillow turns only 8-bit files round
            values = ~values
    grey = Image.fromarray((values >> 8).astype(np.uint8))
    if "transparency" in photo.info:
        grey.putalpha(Image.fromarray(np.where(values == photo.info["transparency"], 0, 255).astype(np.uint8)))
    return grey

"""Which reader a photo's first bytes ask for, and the sizes it declares, before any pixel is decoded.

Pillow's readers are named here and called directly, not through `Image.open`: so no setting of the whole process (its
bomb guard, its list of plugins) is touched, threads share nothing, and a failure's cause is the one reader's own.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import cast

from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TILELENGTH, TILEWIDTH, TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from catalens.core.errors import MissingExtra, UnreadableImage

# how the names of such files end, in any case
EXTENSIONS = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".avif", ".gif", ".tif", ".tiff", ".bmp",
    ".heic", ".heif",
)  # fmt: skip
# every scan of a progressive JPEG is one more pass over the whole picture; encoders write about ten
MAX_SCANS = 64
_START_OF_SCAN, _END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")  # but for those within a scan, which have no length
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


def is_photo(data: bytes) -> bool:
    """True if a file begins like one of a format that is read; it may yet be broken."""
    return any(signature.match(data) for signature, _ in _READERS)


def open_photo(data: bytes, *, allow: Callable[[int, int], None]) -> ImageFile:
    """The reader of one file, opened, nothing decoded.

    `allow(width, height)` is asked before memory of that many pixels could be taken; it raises what it likes.
    Raises UnreadableImage where the format is not one of ours, and whatever Pillow's reader raises on a broken header.
    """
    reader = next((reader for signature, reader in _READERS if signature.match(data)), None)
    if reader is None:
        raise UnreadableImage(
            f"{len(data):,} bytes are no JPEG, PNG, WebP, AVIF, GIF, TIFF, BMP or HEIC; they begin with {data[:12]!r}"
        )
    if reader is WebPImageFile:  # takes its whole canvas when it is opened
        allow(*_webp_canvas(data))
    photo = reader(io.BytesIO(data))
    allow(*photo.size)
    if isinstance(photo, TiffImageFile):  # a tile may be larger than the picture
        allow(int(photo.tag_v2.get(TILEWIDTH, 0)), int(photo.tag_v2.get(TILELENGTH, 0)))
    return photo


def _jpeg(stream: io.BytesIO) -> ImageFile:
    """The first picture of a JPEG or MPO file."""
    data = stream.getvalue()
    # the cheap count is an upper bound: a thumbnail, a second picture or a phone's video clip behind it count too
    if data.count(_START_OF_SCAN) > MAX_SCANS and (scans := _scans(data)) > MAX_SCANS:
        raise UnreadableImage(f"a JPEG of {scans:,} scans, more than the {MAX_SCANS} allowed")
    return JpegImageFile(stream)


def _scans(data: bytes) -> int:
    """How many scans the first picture of a JPEG file has, by its markers (ITU T.81, annex B)."""
    scans, place = 0, 2
    while (marker := _MARKER.search(data, place)) and marker[0] != _END_OF_IMAGE:
        scans += marker[0] == _START_OF_SCAN
        place = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])
    return scans


def _iso(stream: io.BytesIO) -> ImageFile:
    """AVIF or HEIF: both are ISO media files, told apart by the brands listed in their first box."""
    box = stream.getvalue()[: min(int.from_bytes(stream.getvalue()[:4]), 512)]
    brands = {box[8:12], *(box[place : place + 4] for place in range(16, len(box), 4))}
    if brands & _AVIF_BRANDS:
        return AvifImageFile(stream)
    if not brands & _HEIF_BRANDS:
        raise UnreadableImage(f"an ISO media file of brand {box[8:12]!r}, expected AVIF or HEIC")
    try:
        from pillow_heif import HeifImageFile
    except ImportError:
        raise UnreadableImage(MissingExtra("a HEIC photo", "heif").message, key="heif") from None
    return cast(ImageFile, HeifImageFile(stream))


def _webp_canvas(data: bytes) -> tuple[int, int]:
    """Width and height declared by a WebP file's first chunk; (0, 0) where there is none that libwebp would open.

    Source: developers.google.com/speed/webp/docs/riff_container.
    """
    chunk, body = data[12:16], data[20:30]
    if chunk == b"VP8X" and len(body) == 10:
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if chunk == b"VP8L" and len(body) >= 5:
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 " and len(body) == 10:
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return 0, 0


_READERS: tuple[tuple[re.Pattern[bytes], Callable[[io.BytesIO], ImageFile]], ...] = (
    (re.compile(rb"\xff\xd8\xff"), _jpeg),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), PngImageFile),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), WebPImageFile),
    (re.compile(rb".{4}ftyp", re.DOTALL), _iso),
    (re.compile(rb"GIF8[79]a"), GifImageFile),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), TiffImageFile),
    (re.compile(rb"BM"), BmpImageFile),
)

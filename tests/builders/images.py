"""The decoder's corpus: hostile and odd photo files made by code, each with the pixels or the error it must give."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from PIL import Image
from pillow_heif import register_heif_opener

from catalens.core.errors import ImageError, ImageTooLarge, UnreadableImage
from tests.builders import encode as e

Pixels = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Good:
    """A file that decodes to `pixels`, at least `share` of the values within `tolerance`."""

    build: Callable[[], bytes]
    pixels: Pixels
    tolerance: int = 0
    share: float = 1.0


@dataclass(frozen=True)
class Bad:
    """A file that is refused with `error`, whose message holds `words`."""

    build: Callable[[], bytes]
    error: type[ImageError]
    words: str


def picture(height: int = 32, width: int = 48) -> Pixels:
    """uint8 [H, W, 3]: four quarters of four colours, so that every turn and every swap of channels shows."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (200, 40, 30)
    pixels[: height // 2, width // 2 :] = (40, 180, 60)
    pixels[height // 2 :, : width // 2] = (30, 50, 190)
    pixels[height // 2 :, width // 2 :] = (230, 210, 50)
    return pixels


RGB = picture()
GREY = np.repeat(np.arange(0, 256, 8, dtype=np.uint8)[None, :], 16, axis=0)  # [16, 32], a ramp
TINY = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)
DEEP = np.array([[0x1234, 0x56FF], [0x9A00, 0xFFFF]], np.uint16)
ALPHA = np.array([[255, 0], [128, 51]], np.uint8)
PALETTE = b"".join(bytes(colour) for colour in TINY.reshape(-1, 3))
INDEX = np.array([[0, 1], [2, 3]], np.uint8)
LOSSY = (6, 0.85)  # colours of half resolution bleed over the quarters' borders; a wrong turn would be off by a half
JPEG = e.saved(RGB, "JPEG", quality=95, subsampling=0)
PLAIN_PNG = e.png(RGB, 2)


def three(grey: Pixels) -> Pixels:
    return np.repeat(grey[:, :, None], 3, axis=2)


def over_white(rgb: Pixels, alpha: Pixels) -> Pixels:
    part = alpha[:, :, None] / 255
    return np.round(rgb * part + 255 * (1 - part)).astype(np.uint8)


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """Stored pixels -> upright, by the EXIF specification's words for 0th row and 0th column."""
    return {
        1: lambda p: p,
        2: np.fliplr,
        3: lambda p: np.rot90(p, 2),
        4: np.flipud,
        5: lambda p: np.swapaxes(p, 0, 1),
        6: lambda p: np.rot90(p, -1),
        7: lambda p: np.rot90(np.swapaxes(p, 0, 1), 2),
        8: lambda p: np.rot90(p, 1),
    }[orientation](pixels)


def with_white(pixels: Pixels, *places: tuple[int, int]) -> Pixels:
    pixels = pixels.copy()
    for place in places:
        pixels[place] = 255
    return pixels


def two_frames(kind: str, **options: Any) -> bytes:
    other = Image.fromarray(255 - RGB)
    return e.saved(RGB, kind, save_all=True, append_images=[other], **options)


def heic(pixels: Pixels, **options: Any) -> bytes:
    register_heif_opener()
    return e.saved(pixels, "HEIF", quality=95, **options)


def _jpegs() -> Mapping[str, Good | Bad]:
    cmyk = np.dstack([255 - RGB, np.zeros(RGB.shape[:2], np.uint8)])
    adobe = e.saved(cmyk, "JPEG", "CMYK", quality=100)
    small = e.saved(picture(16, 24), "JPEG")
    cases: dict[str, Good | Bad] = {
        "jpeg": Good(lambda: JPEG, RGB, 6),
        "jpeg, progressive": Good(partial(e.saved, RGB, "JPEG", quality=95, subsampling=0, progressive=True), RGB, 6),
        "jpeg, grey": Good(partial(e.saved, GREY, "JPEG", quality=100), three(GREY), 3),
        "jpeg, one pixel": Good(partial(e.saved, RGB[:1, :1], "JPEG", quality=100), RGB[:1, :1], 4),
        "jpeg, 1 x 500": Good(
            partial(e.saved, np.full((500, 1, 3), 77, np.uint8), "JPEG"), np.full((500, 1, 3), 77), 2
        ),
        "jpeg, CMYK as Adobe writes it": Good(lambda: adobe, RGB, 4),
        "jpeg, CMYK without Adobe's mark": Good(lambda: e.jpeg_without(adobe, 0xEE), RGB, 4),
        "jpeg, YCCK": Good(partial(e.jpeg_ycck, RGB), RGB, 6),
        "jpeg, EXIF 6 big-endian": Good(lambda: e.jpeg_segment(JPEG, 0xE1, e.exif(6, order=">")), turned(RGB, 6), 6),
        "jpeg, EXIF 9": Good(lambda: e.jpeg_segment(JPEG, 0xE1, e.exif(9)), RGB, 6),
        "jpeg, damaged EXIF": Good(lambda: e.jpeg_segment(JPEG, 0xE1, e.exif(6)[:14] + b"\xff" * 40), RGB, 6),
        "jpeg, two pictures (MPO)": Good(partial(two_frames, "MPO", quality=95, subsampling=0), RGB, 6),
        "jpeg, followed by rubbish": Good(lambda: JPEG + b"rubbish" * 99, RGB, 6),
        "jpeg, a phone's video behind it": Good(lambda: JPEG + b"\xff\xda\0\x08" * 99, RGB, 6),
        "jpeg, 100 scans": Bad(partial(e.progressive_with_scans, 100), UnreadableImage, "scans, more than the 64"),
        "jpeg, end missing": Bad(lambda: JPEG[:-60], UnreadableImage, "truncated"),
        "jpeg, header alone": Bad(lambda: JPEG[:20], UnreadableImage, "20 bytes do not decode"),
        "jpeg, signature alone": Bad(lambda: b"\xff\xd8\xff", UnreadableImage, "3 bytes do not decode"),
        "jpeg, declares 65,535 x 65,535": Bad(
            lambda: e.jpeg_declaring(small, 65_535, 65_535), ImageTooLarge, "declares 65,535 x 65,535 pixels"
        ),
        "jpeg, declares height 0": Bad(lambda: e.jpeg_declaring(small, 24, 0), UnreadableImage, "do not decode"),
        "jpeg, 12 bits": Bad(lambda: e.jpeg_declaring(small, 24, 16, bits=12), UnreadableImage, "do not decode"),
    }
    for turn in range(1, 9):
        marked = e.jpeg_segment(JPEG, 0xE1, e.exif(turn))
        cases[f"jpeg, EXIF {turn}"] = Good(partial(bytes, marked), turned(RGB, turn), 6)
    return cases


def _pngs() -> Mapping[str, Good | Bad]:
    two = np.array([[0, 1], [2, 3]], np.uint8)
    four = np.array([[0, 5], [10, 15]], np.uint8)
    one = np.array([[0, 1, 1], [1, 0, 1]], np.uint8)
    deep_rgb = np.dstack([DEEP, DEEP[::-1], DEEP[:, ::-1]])
    high, high_rgb = (DEEP >> 8).astype(np.uint8), (deep_rgb >> 8).astype(np.uint8)
    deep_alpha = ALPHA.astype(np.uint16) * 257
    plte = (b"PLTE", PALETTE)
    bomb = zlib.compress(bytes(30_000_000))
    return {
        "png": Good(lambda: PLAIN_PNG, RGB),
        "png, interlaced": Good(partial(e.png, RGB, 2, interlaced=True), RGB),
        "png, alpha": Good(partial(e.png, np.dstack([TINY, ALPHA]), 6), over_white(TINY, ALPHA), 1),
        "png, black with alpha 0": Good(
            partial(e.png, np.zeros((2, 2, 4), np.uint8), 6), np.full((2, 2, 3), 255, np.uint8)
        ),
        "png, grey": Good(partial(e.png, GREY, 0), three(GREY)),
        "png, grey with alpha": Good(partial(e.png, np.dstack([high, ALPHA]), 4), over_white(three(high), ALPHA), 1),
        "png, 1 bit": Good(partial(e.png, one, 0, 1), three(one * 255)),
        "png, 2 bits": Good(partial(e.png, two, 0, 2), three(two * 85)),
        "png, 4 bits": Good(partial(e.png, four, 0, 4), three(four * 17)),
        "png, palette": Good(partial(e.png, INDEX, 3, 8, [plte]), TINY),
        "png, palette of 2 bits": Good(partial(e.png, INDEX, 3, 2, [plte]), TINY),
        "png, palette with one clear colour": Good(
            partial(e.png, INDEX, 3, 8, [plte, (b"tRNS", b"\xff\x00")]), with_white(TINY, (0, 1))
        ),
        "png, palette with an alpha each": Good(
            partial(e.png, INDEX, 3, 8, [plte, (b"tRNS", ALPHA.tobytes())]), over_white(TINY, ALPHA), 1
        ),
        "png, 16-bit grey": Good(partial(e.png, DEEP, 0, 16), three(high)),
        "png, 16-bit grey with alpha": Good(
            partial(e.png, np.dstack([DEEP, deep_alpha]), 4, 16), over_white(three(high), ALPHA), 1
        ),
        "png, 16-bit RGB": Good(partial(e.png, deep_rgb, 2, 16), high_rgb),
        "png, 16-bit RGBA": Good(
            partial(e.png, np.dstack([deep_rgb, deep_alpha]), 6, 16), over_white(high_rgb, ALPHA), 1
        ),
        "png, 1 bit, white clear": Good(
            partial(e.png, one, 0, 1, [(b"tRNS", b"\0\0")]), np.full((2, 3, 3), 255, np.uint8)
        ),
        "png, 2 bits, one grey clear": Good(
            partial(e.png, two, 0, 2, [(b"tRNS", b"\0\1")]), with_white(three(two * 85), (0, 1))
        ),
        "png, 4 bits, one grey clear": Good(
            partial(e.png, four, 0, 4, [(b"tRNS", b"\0\x0a")]), with_white(three(four * 17), (1, 0))
        ),
        "png, 8 bits, one grey clear": Good(
            partial(e.png, high, 0, 8, [(b"tRNS", b"\0\x12")]), with_white(three(high), (0, 0))
        ),
        "png, 16-bit grey, one grey clear": Good(
            partial(e.png, DEEP, 0, 16, [(b"tRNS", b"\x56\xff")]), with_white(three(high), (0, 1))
        ),
        "png, one colour clear": Good(
            partial(e.png, TINY, 2, 8, [(b"tRNS", b"\0\0\0\xff\0\0")]), with_white(TINY, (0, 1))
        ),
        "png, 16-bit RGB, one colour clear": Good(
            partial(e.png, deep_rgb, 2, 16, [(b"tRNS", deep_rgb[1, 0].astype(">u2").tobytes())]),
            with_white(high_rgb, (1, 0)),
        ),
        "png, EXIF 8": Good(partial(e.png, RGB, 2, 8, [(b"eXIf", e.exif(8)[6:])]), turned(RGB, 8)),
        "png, animated": Good(partial(two_frames, "PNG"), RGB),
        "png, 1 x 3,000": Good(
            partial(e.png, np.full((3000, 1, 3), 9, np.uint8), 2), np.full((3000, 1, 3), 9, np.uint8)
        ),
        "png, declares 50,000 x 50,000": Bad(
            partial(e.png, RGB, 2, size=(50_000, 50_000)), ImageTooLarge, "declares 50,000 x 50,000 pixels"
        ),
        "png, declares 1 x 90,000,000": Bad(
            partial(e.png, RGB, 2, size=(1, 90_000_000)), ImageTooLarge, "65,535 a side"
        ),
        "png, declares 0 x 48": Bad(partial(e.png, RGB, 2, size=(0, 48)), UnreadableImage, "do not decode"),
        "png, wrong chunk sum, right pixels": Good(partial(e.png, RGB, 2, sum_off=True), RGB),
        "png, wrong pixel sum": Bad(partial(e.png, RGB, 2, pixels_off=True), UnreadableImage, "do not decode"),
        "png, cut in half": Bad(lambda: PLAIN_PNG[: len(PLAIN_PNG) // 2], UnreadableImage, "do not decode"),
        "png, without pixels": Bad(
            lambda: PLAIN_PNG[:33] + e.png_chunk(b"IEND", b""), UnreadableImage, "do not decode"
        ),
        "png, 30 MB of text in 30 kB": Bad(
            partial(e.png, RGB, 2, 8, [(b"zTXt", b"k\0\0" + bomb)]), UnreadableImage, "do not decode"
        ),
        "png, unknown colour type": Bad(partial(e.png, RGB, 5), UnreadableImage, "do not decode"),
    }


def _modern() -> Mapping[str, Good | Bad]:
    clear = np.dstack([RGB, np.where(RGB[:, :, 0] == 200, 0, 255).astype(np.uint8)])
    cleared = over_white(RGB, clear[:, :, 3])
    webp = e.saved(RGB, "WEBP", quality=95)
    avif = e.saved(RGB, "AVIF", quality=95)
    photo_exif = e.exif(6)
    return {
        "webp": Good(lambda: webp, RGB, *LOSSY),
        "webp, lossless": Good(partial(e.saved, RGB, "WEBP", lossless=True), RGB),
        "webp, alpha": Good(partial(e.saved, clear, "WEBP", lossless=True), cleared),
        "webp, EXIF 6": Good(partial(e.saved, RGB, "WEBP", lossless=True, exif=photo_exif), turned(RGB, 6)),
        "webp, animated": Good(partial(two_frames, "WEBP", lossless=True), RGB),
        "webp, cut in half": Bad(lambda: webp[: len(webp) // 2], UnreadableImage, "do not decode"),
        "webp, head alone": Bad(lambda: webp[:20], UnreadableImage, "do not decode"),
        "webp, extended, 16,777,216 wide": Bad(
            partial(e.webp_declaring, b"VP8X", 2**24, 256), ImageTooLarge, "declares 16,777,216 x 256"
        ),
        "webp, lossless, 16,383 x 16,383": Bad(
            partial(e.webp_declaring, b"VP8L", 16_383, 16_383), ImageTooLarge, "declares 16,383 x 16,383"
        ),
        "webp, lossy, 16,383 x 16,383": Bad(
            partial(e.webp_declaring, b"VP8 ", 16_383, 16_383), ImageTooLarge, "declares 16,383 x 16,383"
        ),
        "avif": Good(lambda: avif, RGB, *LOSSY),
        "avif, alpha": Good(partial(e.saved, clear, "AVIF", quality=100, subsampling="4:4:4"), cleared, 12),
        "avif, turned": Good(partial(e.saved, RGB, "AVIF", quality=95, exif=photo_exif), turned(RGB, 6), *LOSSY),
        "avif, animated": Good(partial(two_frames, "AVIF", quality=95), RGB, *LOSSY),
        "avif, declares 12,000 x 12,000": Bad(
            lambda: e.iso_declaring(avif, 12_000, 12_000), ImageTooLarge, "declares 12,000 x 12,000"
        ),
        "avif, declares 50,000 x 50,000": Bad(lambda: e.iso_declaring(avif, 50_000, 50_000), ImageError, ""),
        "avif, cut in half": Bad(lambda: avif[: len(avif) // 2], UnreadableImage, "do not decode"),
        "heic": Good(partial(heic, RGB), RGB, *LOSSY),
        "heic, alpha": Good(partial(heic, clear), cleared, *LOSSY),
        "heic, turned": Good(partial(heic, RGB, exif=photo_exif), turned(RGB, 6), *LOSSY),
        "heic, declares 12,000 x 12,000": Bad(
            lambda: e.iso_declaring(heic(picture(64, 64)), 12_000, 12_000), ImageTooLarge, "declares 12,000 x 12,000"
        ),
        "heic, cut in half": Bad(lambda: heic(RGB)[:-200], UnreadableImage, "do not decode"),
        "a film (MP4)": Bad(
            lambda: b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(99), UnreadableImage, "brand b'isom'"
        ),
    }


def _gifs_and_bmps() -> Mapping[str, Good | Bad]:
    indexed = Image.fromarray(INDEX, "P")
    indexed.putpalette(PALETTE)
    gif, bmp = e.saved(indexed, "GIF"), e.saved(RGB, "BMP")
    noisy = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    big = e.saved(noisy, "GIF")
    row = TINY[::-1, :, ::-1]
    return {
        "gif": Good(lambda: gif, TINY),
        "gif, one colour clear": Good(partial(e.saved, indexed, "GIF", transparency=2), with_white(TINY, (1, 0))),
        "gif, animated": Good(
            partial(e.saved, indexed, "GIF", save_all=True, append_images=[Image.new("P", (2, 2))]), TINY
        ),
        "gif, grey": Good(partial(e.saved, noisy, "GIF"), three(noisy)),
        "gif, screen of 60,000 x 60,000": Bad(
            lambda: e.gif_framed(gif, (60_000, 60_000), (0, 0, 2, 2)), ImageTooLarge, "declares 60,000 x 60,000"
        ),
        "gif, frame larger than its screen": Bad(
            lambda: e.gif_framed(gif, (2, 2), (0, 0, 60_000, 60_000)), ImageTooLarge, ""
        ),
        "gif, cut in half": Bad(lambda: big[: len(big) // 2], UnreadableImage, "do not decode"),
        "bmp": Good(lambda: bmp, RGB),
        "bmp, palette": Good(partial(e.saved, indexed, "BMP"), TINY),
        "bmp, 1 bit": Good(
            partial(e.saved, Image.fromarray(np.eye(9, dtype=bool)), "BMP"), three(np.eye(9, dtype=np.uint8) * 255)
        ),
        "bmp, top row first": Good(
            lambda: e.bmp_declaring(e.saved(TINY, "BMP"), 2, -2), np.ascontiguousarray(row[:, :, ::-1])
        ),
        "bmp, declares 30,000 x 30,000": Bad(
            lambda: e.bmp_declaring(bmp, 30_000, 30_000), ImageTooLarge, "declares 30,000 x 30,000"
        ),
        "bmp, cut in half": Bad(lambda: bmp[: len(bmp) // 2], UnreadableImage, "truncated"),
    }


def _tiffs() -> Mapping[str, Good | Bad]:
    plain = e.tiff(RGB.tobytes(), 48, 32)
    high = three((DEEP >> 8).astype(np.uint8))
    premultiplied = np.dstack([(TINY * (ALPHA[:, :, None] / 255)).round().astype(np.uint8), ALPHA])
    twelve = np.array([[0x123, 0x456], [0x89A, 0xFFF]], np.uint16)
    packed = b"".join(((a << 12) | b).to_bytes(3, "big") for a, b in twelve.astype(int).tolist())
    cmyk = np.dstack([255 - TINY, np.zeros((2, 2), np.uint8)])
    lab = Image.new("LAB", (4, 4), (255, 128, 128))
    return {
        "tiff": Good(lambda: plain, RGB),
        "tiff, big-endian": Good(partial(e.tiff, RGB.tobytes(), 48, 32, order=">"), RGB),
        "tiff, LZW": Good(partial(e.saved, RGB, "TIFF", compression="tiff_lzw"), RGB),
        "tiff, JPEG inside": Good(partial(e.saved, RGB, "TIFF", compression="jpeg", quality=95), RGB, *LOSSY),
        "tiff, BigTIFF": Good(partial(e.saved, RGB, "TIFF", big_tiff=True), RGB),
        "tiff, fax": Good(
            partial(e.saved, Image.fromarray(np.eye(16, dtype=bool)), "TIFF", compression="group4"),
            three(np.eye(16, dtype=np.uint8) * 255),
        ),
        "tiff, 16-bit grey": Good(partial(e.tiff, DEEP.astype("<u2").tobytes(), 2, 2, bits=(16,), photometric=1), high),
        "tiff, 16-bit grey, big-endian": Good(
            partial(e.tiff, DEEP.astype(">u2").tobytes(), 2, 2, bits=(16,), photometric=1, order=">"), high
        ),
        "tiff, 16-bit grey, white is zero": Good(
            partial(e.tiff, DEEP.astype("<u2").tobytes(), 2, 2, bits=(16,), photometric=0), 255 - high
        ),
        "tiff, 8-bit grey, white is zero": Good(
            partial(e.tiff, GREY.tobytes(), 32, 16, bits=(8,), photometric=0), 255 - three(GREY)
        ),
        "tiff, 12-bit grey": Good(
            partial(e.tiff, packed, 2, 2, bits=(12,), photometric=1), three((twelve >> 4).astype(np.uint8))
        ),
        "tiff, 16-bit RGB": Good(
            partial(e.tiff, (RGB.astype("<u2") * 256 + 7).tobytes(), 48, 32, bits=(16, 16, 16)), RGB
        ),
        "tiff, alpha": Good(
            partial(e.tiff, np.dstack([TINY, ALPHA]).tobytes(), 2, 2, bits=(8,) * 4, tags=[(338, 2)]),
            over_white(TINY, ALPHA),
            1,
        ),
        "tiff, premultiplied alpha": Good(
            partial(e.tiff, premultiplied.tobytes(), 2, 2, bits=(8,) * 4, tags=[(338, 1)]), over_white(TINY, ALPHA), 2
        ),
        "tiff, CMYK": Good(partial(e.tiff, cmyk.tobytes(), 2, 2, bits=(8,) * 4, photometric=5), TINY),
        "tiff, LAB": Good(partial(e.saved, lab, "TIFF"), np.full((4, 4, 3), 255, np.uint8), 2),
        "tiff, two pages": Good(partial(two_frames, "TIFF"), RGB),
        "tiff, 32-bit float": Bad(
            partial(e.saved, np.ones((4, 4), np.float32), "TIFF"), UnreadableImage, "expected 8 or 16 bits a channel"
        ),
        "tiff, 32-bit integer": Bad(
            partial(e.saved, np.ones((4, 4), np.int32), "TIFF"), UnreadableImage, "got pixels of mode 'I'"
        ),
        "tiff, declares 40,000 x 40,000": Bad(
            lambda: e.tiff(RGB.tobytes(), 40_000, 40_000), ImageTooLarge, "declares 40,000 x 40,000"
        ),
        "tiff, tile of 20,000 x 20,000": Bad(
            lambda: e.tiff(RGB.tobytes(), 48, 32, tags=[(322, 20_000), (323, 20_000)]),
            ImageTooLarge,
            "declares 20,000 x 20,000",
        ),
        "tiff, cut in half": Bad(
            lambda: e.saved(RGB, "TIFF", compression="tiff_lzw")[:200], UnreadableImage, "do not decode"
        ),
        **{
            f"tiff, orientation {turn}": Good(
                partial(e.tiff, RGB.tobytes(), 48, 32, tags=[(274, turn)]), turned(RGB, turn)
            )
            for turn in (2, 3, 6, 8)
        },
    }


def _not_photos() -> Mapping[str, Good | Bad]:
    page = b"<!DOCTYPE html><html><body>404 Not Found</body></html>"
    return {
        "empty": Bad(lambda: b"", UnreadableImage, "0 bytes: the file is empty"),
        "one byte": Bad(lambda: b"\xff", UnreadableImage, "1 bytes are no JPEG"),
        "text": Bad(lambda: b"not an image", UnreadableImage, "begin with b'not an image'"),
        "a web page": Bad(lambda: page, UnreadableImage, "begin with b'<!DOCTYPE ht'"),
        "a drawing (SVG)": Bad(lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", UnreadableImage, "svg xmlns"),
        "a PDF": Bad(lambda: b"%PDF-1.7\n" + bytes(99), UnreadableImage, "b'%PDF-1.7"),
        "an archive (zip)": Bad(lambda: b"PK\x03\x04" + bytes(99), UnreadableImage, "b'PK"),
        "zeros": Bad(lambda: bytes(4096), UnreadableImage, "4,096 bytes are no JPEG"),
        "an icon (ICO)": Bad(partial(e.saved, RGB, "ICO"), UnreadableImage, "are no JPEG"),
        "a script (EPS)": Bad(lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n", UnreadableImage, "are no JPEG"),
        "a big number": Bad(lambda: b"BM" + struct.pack("<I", 2**32 - 1) * 20, UnreadableImage, "do not decode"),
    }


CASES: dict[str, Good | Bad] = {
    **_jpegs(),
    **_pngs(),
    **_modern(),
    **_gifs_and_bmps(),
    **_tiffs(),
    **_not_photos(),
}

"""Photo files written byte by byte, where Pillow has no way to write them: odd depths, false headers, wrong sums."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

Pixels = np.ndarray[Any, Any]
# Adam7: first column, first row, column step, row step of each pass (PNG specification, 8.2)
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def saved(pixels: Pixels | Image.Image, kind: str, mode: str | None = None, **options: Any) -> bytes:
    """What Pillow writes for an array or image."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels, mode)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif(orientation: int, *, order: str = "<") -> bytes:
    """An EXIF block with nothing but the orientation."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"Exif\0\0" + head + struct.pack(order + "IH", 8, 1) + entry + struct.pack(order + "I", 0)


def jpeg_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    """A JPEG with one more segment right after its start."""
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + jpeg[2:]


def jpeg_without(jpeg: bytes, marker: int) -> bytes:
    """A JPEG without its first segment of that marker."""
    start = jpeg.index(bytes([0xFF, marker]))
    return jpeg[:start] + jpeg[start + 2 + int.from_bytes(jpeg[start + 2 : start + 4], "big") :]


def jpeg_declaring(jpeg: bytes, width: int, height: int, *, bits: int = 8) -> bytes:
    """A baseline JPEG whose frame header tells another size or depth."""
    start = jpeg.index(b"\xff\xc0")
    return jpeg[: start + 4] + struct.pack(">BHH", bits, height, width) + jpeg[start + 9 :]


def jpeg_ycck(rgb: Pixels) -> bytes:
    """A YCCK JPEG as Adobe writes it: the colours inverted, then YCC, the black plane inverted too."""
    ycc = np.asarray(Image.fromarray(255 - rgb).convert("YCbCr"))
    planes = np.dstack([255 - ycc, np.zeros(rgb.shape[:2], np.uint8)])  # Pillow inverts what it writes
    jpeg = bytearray(saved(planes, "JPEG", "CMYK", quality=100))
    jpeg[jpeg.index(b"Adobe") + 11] = 2  # the colour transform: 0 is CMYK, 2 YCCK
    return bytes(jpeg)


def progressive_with_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated: a few kilobytes that ask for thousands of passes."""
    jpeg = saved(Image.new("L", (256, 256), 128), "JPEG", progressive=True)
    scan = jpeg[jpeg.rfind(b"\xff\xda") : -2]
    return jpeg[:-2] + scan * count + b"\xff\xd9"


def png_chunk(name: bytes, body: bytes, *, sum_off: bool = False) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body) ^ sum_off)


def png(
    samples: Pixels,
    colour: int,
    depth: int = 8,
    chunks: Sequence[tuple[bytes, bytes]] = (),
    *,
    interlaced: bool = False,
    size: tuple[int, int] | None = None,
    sum_off: bool = False,
    pixels_off: bool = False,
) -> bytes:
    """A PNG of samples [H, W] or [H, W, channels] in the file's own depth.

    `colour` is 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGBA; `size` is declared in place of
    the true width and height.
    `sum_off` damages the checksum of the pixels' chunk, `pixels_off` that of the compressed pixels inside it.
    """
    height, width = samples.shape[:2]
    samples = samples.reshape(height, width, -1)
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    rows = [b"\0" + _packed(row, depth) for x, y, dx, dy in passes for row in samples[y::dy, x::dx] if row.shape[0] > 0]
    pixels = bytearray(zlib.compress(b"".join(rows)))
    pixels[-1] ^= pixels_off
    header = struct.pack(">IIBBBBB", *(size or (width, height)), depth, colour, 0, 0, interlaced)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            png_chunk(b"IHDR", header),
            *(png_chunk(name, body) for name, body in chunks),
            png_chunk(b"IDAT", bytes(pixels), sum_off=sum_off),
            png_chunk(b"IEND", b""),
        ]
    )


def _packed(row: Pixels, depth: int) -> bytes:
    if depth >= 8:
        return row.astype(f">u{depth // 8}").tobytes()
    bits = (row.reshape(-1, 1) >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits).tobytes()


def tiff(
    data: bytes,
    width: int,
    height: int,
    *,
    bits: Sequence[int] = (8, 8, 8),
    photometric: int = 2,
    order: str = "<",
    tags: Sequence[tuple[int, int]] = (),
) -> bytes:
    """An uncompressed one-strip TIFF; `tags` are further (tag, 32-bit value) entries."""
    bits_at = 8 + len(data)
    entries = [
        (256, width),
        (257, height),
        (258, bits[0] if len(bits) == 1 else bits_at),
        (259, 1),
        (262, photometric),
        (273, 8),
        (277, len(bits)),
        (278, height),
        (279, len(data)),
        *tags,
    ]
    directory = struct.pack(order + "H", len(entries))
    for tag, value in sorted(entries):
        if tag == 258:
            directory += struct.pack(order + "HHI", tag, 3, len(bits))
            directory += struct.pack(order + ("HH" if len(bits) == 1 else "I"), *([value, 0][: 2 - (len(bits) > 1)]))
        else:
            directory += struct.pack(order + "HHII", tag, 4, 1, value)
    values = struct.pack(order + f"{len(bits)}H", *bits)
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(order + "I", bits_at + len(values)) + data + values + directory + b"\0\0\0\0"


def gif_framed(gif: bytes, screen: tuple[int, int], frame: tuple[int, int, int, int]) -> bytes:
    """A GIF whose screen is (width, height) and whose first frame is said to be at (left, top, width, height)."""
    out = bytearray(gif)
    out[6:10] = struct.pack("<HH", *screen)
    start = out.index(b"\x2c", 13 + 3 * (2 << (out[10] & 7)))
    out[start + 1 : start + 9] = struct.pack("<HHHH", *frame)
    return bytes(out)


def webp_declaring(kind: bytes, width: int, height: int) -> bytes:
    """The head of a WebP of that size, and nothing after it: VP8X (extended), VP8L (lossless) or VP8 (lossy)."""
    if kind == b"VP8X":
        body = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    elif kind == b"VP8L":
        body = b"\x2f" + (width - 1 | height - 1 << 14).to_bytes(4, "little") + bytes(5)
    else:
        body = b"\x10\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height)
    chunk = kind + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def bmp_declaring(bmp: bytes, width: int, height: int) -> bytes:
    return bmp[:18] + struct.pack("<ii", width, height) + bmp[26:]


def iso_declaring(data: bytes, width: int, height: int) -> bytes:
    """An AVIF or HEIC whose `ispe` boxes tell another size."""
    old = data.index(b"ispe") + 8
    return data.replace(data[old : old + 8], struct.pack(">II", width, height))

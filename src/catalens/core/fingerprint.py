"""What remains of a photo when its file, size, frame and brightness change a little: the means to find its copies.

A photo's signature is a thumbnail; its perceptual hashes are computed from the signature, not from the photo.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from catalens.core.image import RgbImage

Floats = npt.NDArray[np.float32]
Hashes = npt.NDArray[np.uint64]

SIDE = 32  # pixels of a signature
BITS = 64
# a waveform below this amplitude (32: one grey level all over) is noise: its bit is 0, not the toss of a coin
FAINT = 8.0
TOGETHER = 8192  # photos in one product


class View(NamedTuple):
    """A part of a photo: `scale` of its width and height, its centre moved by `down` and `right` (shares of them)."""

    scale: float
    down: float
    right: float


WHOLE = View(1.0, 0.0, 0.0)
# a trimmed copy looks like one of these parts of the original: all but 5 % in the middle or a corner, all but 10 %
VIEWS = (
    WHOLE,
    View(0.95, 0.0, 0.0),
    View(0.90, 0.0, 0.0),
    View(0.95, -0.025, -0.025),
    View(0.95, -0.025, 0.025),
    View(0.95, 0.025, -0.025),
    View(0.95, 0.025, 0.025),
)
STEPS = View(scale=0.025, down=0.0125, right=0.0125)  # half of what lies between two views


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Of one photo: sha256 of its size and pixels, the perceptual hash of each of VIEWS, and the signature's bytes."""

    pixel_digest: str
    phashes: tuple[int, ...]
    signature: bytes


@dataclass(frozen=True, slots=True)
class Signatures:
    """Thumbnails of N photos, squashed to a square: luminance uint8 [N, 32, 32]."""

    luma: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.luma)

    def take(self, rows: npt.NDArray[np.int64]) -> Signatures:
        return Signatures(self.luma[rows])

    def mirrored(self) -> Signatures:
        """Left and right exchanged."""
        return Signatures(self.luma[:, :, ::-1])

    @classmethod
    def from_bytes(cls, signatures: Sequence[bytes]) -> Signatures:
        """N times 1,024 bytes, as `Fingerprint.signature` has them."""
        return cls(np.frombuffer(b"".join(signatures), dtype=np.uint8).reshape(-1, SIDE, SIDE))


def fingerprint(image: RgbImage) -> Fingerprint:
    """uint8 [H, W, 3] at full size -> what its copies are known by."""
    signature = _signature(image)
    thumbnail = Signatures.from_bytes([signature])
    phashes = tuple(int(hashes(coefficients(thumbnail, view))[0]) for view in VIEWS)
    return Fingerprint(pixel_digest(image), phashes, signature)


def pixel_digest(image: RgbImage) -> str:
    """sha256 over width, height and pixels, in hex: equal for two files that show exactly the same."""
    height, width = image.shape[:2]
    digest = hashlib.sha256(f"{width} {height} ".encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def coefficients(signatures: Signatures, view: View = WHOLE) -> Floats:
    """The 64 lowest waveforms (DCT-II, without the mean) of a view of N photos: float32 [N, 64]."""
    found = np.empty((len(signatures), BITS), dtype=np.float32)
    for start in range(0, len(signatures), TOGETHER):
        flat = signatures.luma[start : start + TOGETHER].reshape(-1, SIDE**2)
        np.matmul(flat.astype(np.float32), _basis(view), out=found[start : start + TOGETHER])
    return found


def moves(signatures: Signatures, view: View) -> Floats:
    """How the coefficients change as the view grows and as it goes down and right, by a step each: [N, 3, 64]."""
    flat = signatures.luma.reshape(-1, SIDE**2).astype(np.float32)
    return (flat @ _basis_of_moves(view)).reshape(-1, 3, BITS)


def hashes(coefficients: Floats, *, faint: float = FAINT) -> Hashes:
    """float32 [N, 64] -> perceptual hashes, uint64 [N]: which waveforms rise where they begin.

    Brightness and contrast do not change a sign.  After Zauner, "Implementation and Benchmarking of Perceptual Image
    Hash Functions" (2010), with signs in place of the median.
    """
    packed = np.packbits(coefficients > faint, axis=-1, bitorder="little")
    return np.ascontiguousarray(packed).view("<u8").astype(np.uint64, copy=False)[..., 0]


def interpolation(scale: Floats, shift: Floats, side: int) -> Floats:
    """Cubic (Keys 1981) resampling of one axis, for P views: float32 [P, side, side]; a view is matrix @ thumbnail.

    `scale` and `shift` are float32 [P], in shares of the axis; outside the thumbnail its edge goes on.
    """
    centres = (np.arange(side, dtype=np.float32) + 0.5) / side - 0.5
    places = (centres * scale[:, None] + (shift[:, None] + 0.5)) * side - 0.5
    places = np.clip(places, 0, side - 1)
    t = np.abs(places[:, :, None] - np.arange(side, dtype=np.float32))
    weights = np.where(t <= 1, (1.5 * t - 2.5) * t * t + 1, np.where(t < 2, ((-0.5 * t + 2.5) * t - 4) * t + 2, 0))
    return (weights / weights.sum(axis=2, keepdims=True)).astype(np.float32)


def _signature(image: RgbImage) -> bytes:
    return Image.fromarray(image).convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR).tobytes()


@cache
def _basis(view: View) -> Floats:
    """float32 [1024, 64]: from a thumbnail to the waveforms of its view, in one product."""
    vertical, horizontal = (
        _waves() @ interpolation(np.array([view.scale], np.float32), np.array([shift], np.float32), SIDE)[0]
        for shift in (view.down, view.right)
    )
    down, across = _spread()
    columns = np.einsum("by,bx->yxb", vertical[down], horizontal[across])
    return columns.reshape(SIDE**2, BITS).astype(np.float32)


@cache
def _basis_of_moves(view: View) -> Floats:
    """float32 [1024, 3 * 64]: half the difference between a step on and a step back."""
    columns = [
        (_basis(view._replace(**{name: value + step})) - _basis(view._replace(**{name: value - step}))) / 2
        for name, value, step in zip(View._fields, view, STEPS, strict=True)
    ]
    return np.concatenate(columns, axis=1)


@cache
def _spread() -> Any:
    """int [2, 64]: how often the wave of each bit swings down and across.

    Waves that are alike rise and fall together in real photos; every stretch of the hash gets some of each kind.
    """
    frequencies = ((down, across) for down in range(16) for across in range(16) if down or across)
    lowest = sorted(frequencies, key=lambda wave: (wave[0] ** 2 + wave[1] ** 2, wave))[:BITS]
    return np.array([lowest[(bit * 23) % BITS] for bit in range(BITS)]).T


def _waves() -> npt.NDArray[np.float64]:
    """The rows of an orthonormal DCT-II, float64 [16, 32]."""
    places = (np.arange(SIDE) + 0.5) / SIDE
    waves = np.cos(np.pi * np.arange(16)[:, None] * places) * np.sqrt(2 / SIDE)
    waves[0] /= np.sqrt(2)
    return waves

"""Do two photos show the same picture?  Three looks, each closer and dearer than the one before.

1. `apart` and `apart_moved`: the 64 coefficients that the perceptual hash is made of.
2. `shares`: the thumbnails of the signatures, one laid over the other.
3. `closely`: the photos themselves, at the resolution of the smaller one.  Tells a shirt from the next one of the same
   cut before the same curtain, which the first two do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from catalens.core.fingerprint import SIDE, VIEWS, Floats, Signatures, View, coefficients, moves
from catalens.core.image import RgbImage
from catalens.core.overlay import OFFSET, align, brightness, energy, lay, slopes, smooth

DIFFERENT = np.float32("inf")
TOGETHER = 128  # pairs in one step: what the processor's cache holds
# what a pair must not exceed to be worth the next look; 98 % of copies are below (benchmarks/near_copies.py)
APART, MOVED, COARSE_SHARE, SHARE = 0.05, 0.012, 0.03, 0.02
NOISE = 1.0  # grey levels that compression makes of nothing
FINE, BROAD = 0.8, 2.5  # thumbnail pixels: detail lies between
STIFF, FURTHEST = 0.002, 2.5  # of a step of a view, in its energy; in steps
CLOSE_SIDE = 64  # pixels
COARSEST = 4.0  # `closely` averages over a dozen pixels, so noise that it does not average out is no louder than that
PLAIN = 6  # levels; a picture in which no channel varies by more is nothing but its colour
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
# a difference of 1: so many levels in an even part, and this share of the slope where both pictures have an edge
LUMA_NOISE, COLOUR_NOISE, EDGE = 3.0, 4.0, 0.5
WORST = 100  # the share of the picture that counts is one in so many: a difference in one place is a difference


def apart(first: Floats, second: Floats) -> Floats:
    """Coefficients float32 [P, 64] twice -> 1 - their correlation, float32 [P]: 0 the same, 1 unrelated.

    Contrast does not count, but for pictures that have next to none.
    """
    floor = np.float32((SIDE * NOISE) ** 2)
    common = np.einsum("pb,pb->p", first, second) + floor
    energies = [np.einsum("pb,pb->p", each, each) + floor for each in (first, second)]
    return 1 - common / np.sqrt(energies[0] * energies[1])


def apart_moved(outer: Signatures, inner: Floats, view: View) -> Floats:
    """As `apart`, of the view of P outer pictures and the coefficients [P, 64] of the inner, after the small move of
    the view and the change of contrast that bring them nearest: one step of least squares."""
    seen, slopes = coefficients(outer, view), moves(outer, view)
    energy = np.einsum("pb,pb->p", inner, inner) + np.float32((SIDE * NOISE) ** 2)
    own = np.einsum("pb,pb->p", seen, seen) + np.float32((SIDE * NOISE) ** 2)
    contrast = np.maximum(np.einsum("pb,pb->p", seen, inner), 0) / own
    slopes *= contrast[:, None, None]
    rest = inner - contrast[:, None] * seen
    # a step costs as much as it would be worth by chance: noise does not move a view
    stiff = (STIFF * energy)[:, None, None] * np.eye(slopes.shape[1], dtype=np.float32)
    taken = np.linalg.solve(slopes @ slopes.transpose(0, 2, 1) + stiff, slopes @ rest[:, :, None])
    rest -= (np.clip(taken, -FURTHEST, FURTHEST) * slopes).sum(axis=1)
    return np.einsum("pb,pb->p", rest, rest) / (2 * energy)


def frames(views: Sequence[View]) -> Floats:
    """The views as `align` takes them, float32 [V, 4]: scale and shift down, scale and shift across."""
    return np.array([(view.scale, view.down, view.scale, view.right) for view in views], dtype=np.float32)


def best_view(outer: Signatures, inner: Signatures, views: Sequence[View] = VIEWS) -> tuple[Floats, Floats]:
    """The part of each outer picture that is nearest to the whole inner one: (frame [P, 4], how far apart [P])."""
    whole = coefficients(inner)
    distances = np.stack([apart(coefficients(outer, view), whole) for view in views], axis=1)
    best = distances.argmin(axis=1)
    return frames(views)[best], distances[np.arange(len(best)), best]


def shares(outer: Signatures, inner: Signatures, frame: Floats) -> tuple[Floats, Floats]:
    """(share of detail that one picture does not explain in the other, float32 [P]; the frame it is best laid in).

    0 is the same picture, 1 unrelated, infinity not worth the look.
    """
    found = np.full(len(outer), DIFFERENT, dtype=np.float32)
    frame = frame.copy()
    for start in range(0, len(outer), TOGETHER):
        rows = np.arange(start, min(start + TOGETHER, len(outer)))
        pair = [signatures.luma[rows].astype(np.float32) for signatures in (outer, inner)]
        halved = [picture.reshape(-1, SIDE // 2, 2, SIDE // 2, 2).mean(axis=(2, 4)) for picture in pair]
        share, nearer = _share(halved[0], halved[1], frame[rows])
        near = np.flatnonzero(share <= COARSE_SHARE)
        if len(near):
            found[rows[near]], frame[rows[near]] = _share(pair[0][near], pair[1][near], nearer[near])
    return found, frame


def _share(outer: Floats, inner: Floats, frame: Floats) -> tuple[Floats, Floats]:
    frame = align(outer, inner, frame, steps=2)
    laid = lay(outer, frame)
    gain, offset = brightness(laid, inner)
    laid = np.clip(laid * gain + offset, 0, 255)
    rest, one, other = (energy(smooth(x, FINE) - smooth(x, BROAD)) for x in (laid - inner, laid, inner))
    return rest / (one + other + np.float32(NOISE**2)), frame


def close_pair(outer: RgbImage, inner: RgbImage) -> npt.NDArray[np.uint8]:
    """Two photos as squares of the same sharpness: uint8 [2, 64, 64, 3].

    Both are first brought down to the pixels of the smaller one, for what is lost in a small copy is no difference.
    """
    size = (min(outer.shape[1], inner.shape[1]), min(outer.shape[0], inner.shape[0]))
    squares = []
    for photo in (outer, inner):
        image = Image.fromarray(photo)
        if image.size != size:
            image = image.resize(size, Image.Resampling.BICUBIC)
        squares.append(np.asarray(image.resize((CLOSE_SIDE, CLOSE_SIDE), Image.Resampling.BILINEAR)))
    return np.stack(squares)


def coarseness(outer: RgbImage, inner: RgbImage) -> float:
    """How many pixels of `close_pair` a pixel of the smaller photo covers, 1 to 4: so much louder is its noise."""
    covered = CLOSE_SIDE / min(outer.shape[0] * outer.shape[1], inner.shape[0] * inner.shape[1]) ** 0.5
    return min(max(1.0, covered), COARSEST)


def closely(pairs: npt.NDArray[np.uint8], frame: Floats, coarse: Floats) -> Floats:
    """uint8 [P, 2, 64, 64, 3], outer and inner -> how much the photos differ where they differ most, float32 [P].

    `coarse` is the `coarseness` of each pair, float32 [P].
    In units of what compression, resizing and a misplaced edge make of a copy: up to about 1 it is the same picture.
    """
    if len(pairs) > TOGETHER:
        blocks = [slice(start, start + TOGETHER) for start in range(0, len(pairs), TOGETHER)]
        return np.concatenate([closely(pairs[rows], frame[rows], coarse[rows]) for rows in blocks])
    outer, inner = pairs[:, 0].astype(np.float32), pairs[:, 1].astype(np.float32)
    frame = align(outer @ LUMA, inner @ LUMA, frame, steps=2)
    laid = np.stack([lay(outer[..., channel], frame) for channel in range(3)], axis=-1)
    gain, offset = brightness(laid @ LUMA, inner @ LUMA)
    laid = np.clip(laid * gain[..., None] + offset[..., None], 0, 255)
    one, other = smooth(laid @ LUMA, 1.0), smooth(inner @ LUMA, 1.0)
    edges = np.minimum(_steepness(one), _steepness(other))
    noise = coarse[:, None, None]
    rest = laid - inner
    luma = smooth((one - other) ** 2, 1.2) / ((LUMA_NOISE * noise) ** 2 + EDGE**2 * edges)
    grey = rest @ LUMA
    hues = [smooth((rest[..., channel] - grey) * scale, 1.6) for channel, scale in ((2, 0.564), (0, 0.713))]
    colour = smooth(hues[0] ** 2 + hues[1] ** 2, 1.6) / ((COLOUR_NOISE * noise) ** 2 + EDGE**2 * edges)
    return np.sqrt(np.maximum(_worst(luma), _worst(colour)))


def plain_colour(photo: RgbImage) -> Floats:
    """Mean colour of a photo of one colour, float32 [3]; NaN where it shows anything."""
    flat = photo.reshape(-1, 3)
    if int((flat.max(axis=0) - flat.min(axis=0)).max()) > PLAIN:
        return np.full(3, np.nan, dtype=np.float32)
    return flat.mean(axis=0, dtype=np.float64).astype(np.float32)


def colours_apart(first: Floats, second: Floats) -> Floats:
    """As `closely`, of P plain pictures and P others by their colours, float32 [P, 3]; NaN where one is NaN."""
    grey = (first - second) @ LUMA
    rest = first - second - grey[:, None]
    hue = np.hypot(rest[:, 2] * np.float32(0.564), rest[:, 0] * np.float32(0.713))
    return np.maximum(np.maximum(np.abs(grey) - OFFSET, 0) / LUMA_NOISE, hue / COLOUR_NOISE)


def _steepness(picture: Floats) -> Floats:
    down, across = slopes(picture)
    return smooth(down**2 + across**2, 1.5)


def _worst(values: npt.NDArray[Any]) -> Floats:
    """Mean of the largest hundredth of each picture, float32 [P]."""
    flat = values.reshape(len(values), -1)
    count = flat.shape[1] // WORST
    return np.partition(flat, flat.shape[1] - count, axis=1)[:, -count:].mean(axis=1, dtype=np.float32)

"""From a model's outputs per photo to calibrated probabilities per product, one way for evaluation and serving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scores:
    """A bundle's outputs over M photos.

    `image_ids` and `product_ids` are M long, `logits` float32 [M, C], `embeddings` float32 [M, D], L2-normalised, and
    `attributes` the logits float32 [M, V] of each attribute, in the bundle's order.
    """

    image_ids: tuple[str, ...]
    product_ids: tuple[str, ...]
    logits: Floats
    embeddings: Floats
    attributes: tuple[Floats, ...] = ()


def softmax(logits: npt.NDArray[np.floating], temperature: float = 1.0) -> npt.NDArray[np.float64]:
    """float [N, C] -> float64 [N, C], rows sum to 1."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    np.exp(scaled, out=scaled)
    scaled /= scaled.sum(axis=1, keepdims=True)
    return scaled


def log_softmax(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """float [N, C] -> float64 [N, C], the logarithms of `softmax`."""
    shifted = np.asarray(logits, dtype=np.float64)
    shifted = shifted - shifted.max(axis=1, keepdims=True)
    sums: npt.NDArray[np.float64] = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted - sums


def product_logits(
    product_ids: Sequence[str], logits: npt.NDArray[np.floating]
) -> tuple[tuple[str, ...], npt.NDArray[np.float64]]:
    """Average the photos of each product: M photos -> (ids of the P products in first-seen order, float64 [P, C]).

    The mean of log-probabilities, renormalised, is the softmax of the mean logits: the photos' log-sums are constants
    that cancel.  So averaging logits is the geometric mean of the photos' probabilities, at any temperature.
    """
    ids, order, starts = by_product(product_ids)
    if len(order) != len(logits):
        raise ValueError(f"expected logits of shape [{len(order)}, C], got {list(logits.shape)}")
    sums = np.add.reduceat(logits[order], starts, axis=0, dtype=np.float64)
    return ids, sums / np.diff([*starts, len(order)])[:, None]


def product_embeddings(
    product_ids: Sequence[str], embeddings: npt.NDArray[np.floating]
) -> tuple[tuple[str, ...], Floats]:
    """M photo vectors -> (product ids, float32 [P, D]): the mean direction, L2-normalised."""
    ids, means = product_logits(product_ids, embeddings)
    norms = np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    return ids, (means / norms).astype(np.float32)


def by_product(
    product_ids: Sequence[str],
) -> tuple[tuple[str, ...], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The products of M photos: (P ids in first-seen order, `order` [M], `starts` [P]).

    Rows taken in `order` stand product by product, and those of product p begin at `starts[p]`: what `reduceat` wants.
    """
    place: dict[str, int] = {}
    rows = np.fromiter((place.setdefault(product, len(place)) for product in product_ids), np.int64, len(product_ids))
    counts = np.bincount(rows, minlength=len(place))
    return tuple(place), np.argsort(rows, kind="stable"), np.cumsum(counts) - counts

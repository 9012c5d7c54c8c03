"""Out-of-fold probabilities: what a model says of products that neither they nor their copies taught it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from hashlib import sha256

import numpy as np

from catalens.core.progress import Progress, silent
from catalens.curate.labels import stray
from catalens.curate.labels.confident import BLOCK_VALUES, Blocks
from catalens.curate.labels.discriminant import Discriminant, Floats, Ints, fit_without_each
from catalens.curate.parts.balance import balance

SAMPLE = 4_096  # rows by which the temperature is chosen


def deal(products: Sequence[str], leaves: Sequence[str], groups: Ints, *, folds: int, seed: int) -> Ints:
    """A fold for each product, int64 [M]: groups whole, every leaf spread as evenly as they allow.

    The order of products does not matter, nor does the version of any library.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for position, group in enumerate(groups.tolist()):
        members[group].append(position)

    def key(positions: list[int]) -> bytes:
        return sha256("\0".join([str(seed), *sorted(products[position] for position in positions)]).encode()).digest()

    ordered = sorted(members.values(), key=key)
    held = [Counter(leaves[position] for position in positions) for positions in ordered]
    fold = np.zeros(len(products), dtype=np.int64)
    for positions, place in zip(ordered, balance(held, [1 / folds] * folds), strict=True):
        fold[positions] = place
    return fold


def probabilities(vectors: Floats, labels: Ints, fold: Ints, *, classes: int, progress: Progress = silent) -> Blocks:
    """Vectors float32 [M, D], labels int64 [M] and folds int64 [M] -> out-of-fold probabilities float32 [M, C].

    They are computed anew on every reading, a block at a time: [M, C] is never held.
    """
    heads = fit_without_each(vectors, labels, fold, classes=classes, progress=progress)
    temperature = _temperature(vectors, labels, fold, heads)

    def read() -> Iterator[tuple[Ints, Floats]]:
        step = max(1, BLOCK_VALUES // classes)
        for number, head in enumerate(heads):
            inside = np.flatnonzero(fold == number)
            for start in range(0, len(inside), step):
                rows = inside[start : start + step]
                yield rows, _softmax(head.logits(vectors[rows]), temperature)

    return read


def _temperature(vectors: Floats, labels: Ints, fold: Ints, heads: Sequence[Discriminant]) -> float:
    """The temperature at which held-out labels are likeliest: a discriminant of many dimensions is far too sure.

    A share of the labels, whatever is likeliest, is taken to be stray: else a few wrong labels, of which the model is
    rightly sure, would make it unsure of all.
    """
    sample = np.unique(np.linspace(0, len(labels) - 1, min(SAMPLE, len(labels))).astype(np.int64))
    scores, given = [], []
    for number, head in enumerate(heads):
        rows = sample[fold[sample] == number]
        scores.append(head.logits(vectors[rows]))
        given.append(labels[rows])
    classes = len(heads[0].bias)
    logits, right = np.concatenate(scores), np.concatenate(given)
    logits -= logits.max(axis=1, keepdims=True)
    own = logits[np.arange(len(right)), right]

    def loss(log_temperature: float) -> float:
        scale = np.float32(np.exp(-log_temperature))
        confidence = np.exp(own * scale) / np.exp(logits * scale).sum(axis=1)
        return -stray.log_likelihood(confidence, stray.share(confidence, classes=classes), classes=classes)

    # golden-section search: the loss has one minimum over the logarithm
    low, high, ratio = np.log(0.1), np.log(1000.0), (5**0.5 - 1) / 2
    for _ in range(24):
        left, right_end = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right_end) if loss(left) < loss(right_end) else (left, high)
    return float(np.exp((low + high) / 2))


def _softmax(logits: Floats, temperature: float) -> Floats:
    """In place: a block is the largest thing there is."""
    logits /= np.float32(temperature)
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return logits

"""What happened to each product: the scores read once, a block of products at a time, into a few numbers a product."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from catalens.core.fusion import Fusion
from catalens.core.progress import Progress
from catalens.core.rules import Rules
from catalens.core.scores import Scores, product_embeddings, softmax
from catalens.core.taxonomy import Taxonomy
from catalens.evaluate import calibrate, metrics
from catalens.evaluate.coverage import judge
from catalens.evaluate.hierarchy import level_hits

Ints = npt.NDArray[np.int64]
TINY = 1e-300
BLOCK = 2048  # products at a time: beside the scores, nothing of their size is made


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What happened to each of the P products.

    `truth` int64 [P] leaf index, `top` int64 [P, 5] leaf indices best first, `confidence` float64 [P] of the first,
    `raw_confidence` the same before calibration, `level_hits` bool [levels, P], `photos` int64 [P] and `mean_top` int64
    [P], the first leaf by the mean of the photos, whatever the fusion.  Per promise, in the order given,
    `filed_level` int64 [promises, P] (-1: not filed) and `filed_right` bool [promises, P].  `strange` int64 [P]: taken
    for one of ours (0), of no known category (1) or far from all of them (2).
    """

    product_ids: tuple[str, ...]
    truth: Ints
    top: Ints
    confidence: npt.NDArray[np.float64]
    raw_confidence: npt.NDArray[np.float64]
    level_hits: npt.NDArray[np.bool_]
    filed_level: Ints
    filed_right: npt.NDArray[np.bool_]
    photos: Ints
    mean_top: Ints
    strange: Ints

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        """bool [P]: is the first leaf the true one?"""
        return np.equal(self.top[:, 0], self.truth)


def collect(
    scores: Scores,
    rows: Ints,
    labels: Ints,
    taxonomy: Taxonomy,
    rules: Rules,
    fusion: Fusion,
    progress: Progress,
) -> tuple[Outcomes, float, float]:
    """The outcomes, and the NLL with and without calibration."""
    ids: list[str] = []
    blocks: list[tuple[npt.NDArray[Any], ...]] = []
    nll = raw_nll = 0.0
    raw_count = 0
    for block, truth in _product_blocks(scores, rows, labels):
        owners = [scores.product_ids[row] for row in block.tolist()]
        photo_logits, embeddings = scores.logits[block], scores.embeddings[block]
        product_ids, logits = fusion.fuse(owners, photo_logits, embeddings)
        means = logits if fusion.kind == "mean" else Fusion().fuse(owners, photo_logits, embeddings)[1]
        photos = Counter(owners)
        ids += product_ids
        vectors = product_embeddings(owners, embeddings)[1]
        probabilities = rules.probabilities(logits, vectors)
        strange = rules.strange(logits, vectors)
        choices = [rules.choose(promise, taxonomy, probabilities, strange > 0) for promise in rules.promises]
        empty = np.zeros((0, len(truth)))
        blocks.append(
            (
                truth,
                metrics.best(probabilities),
                rules.calibrator.confidence(taxonomy.depth - 1, probabilities.max(axis=1)),
                softmax(logits).max(axis=1),
                level_hits(taxonomy, probabilities, truth).T,
                np.array([choice.level for choice in choices] or empty, dtype=np.int64).T,
                np.array([judge(taxonomy, choice, truth) for choice in choices] or empty, dtype=bool).T,
                np.array([photos[product] for product in product_ids], dtype=np.int64),
                means.argmax(axis=1),
                strange,
            )
        )
        nll += float(-np.log(np.maximum(probabilities[np.arange(len(truth)), truth], TINY)).mean()) * len(truth)
        trained = truth < logits.shape[1]  # the graph itself says nothing of categories that were added
        if trained.any():
            raw_nll += calibrate.nll(logits[trained], truth[trained]) * int(trained.sum())
            raw_count += int(trained.sum())
        progress(len(ids), None)
    columns = (np.concatenate(column) for column in zip(*blocks, strict=True))
    true, top, confidence, raw, hits, level, right, counts, mean_top, strange = columns
    outcomes = Outcomes(tuple(ids), true, top, confidence, raw, hits.T, level.T, right.T, counts, mean_top, strange)
    return outcomes, nll / len(ids), raw_nll / max(1, raw_count)


def _product_blocks(scores: Scores, rows: Ints, labels: Ints) -> Iterator[tuple[Ints, Ints]]:
    """(rows of their photos, truth int64 [B]) of a block of B products at a time, in the order of first photos."""
    place: dict[str, int] = {}
    codes = np.array([place.setdefault(scores.product_ids[row], len(place)) for row in rows.tolist()])
    order = np.argsort(codes, kind="stable")
    first = np.searchsorted(codes[order], np.arange(0, len(place), BLOCK))
    for start, end in zip(first, [*first[1:], len(order)], strict=True):
        block = rows[order[start:end]]
        truth = dict(zip((scores.product_ids[row] for row in block.tolist()), labels[block].tolist(), strict=True))
        yield block, np.array(list(truth.values()), dtype=np.int64)

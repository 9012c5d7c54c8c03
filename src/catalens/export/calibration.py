"""What a graph's scores mean: temperature and promises, from products it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from catalens.core.catalog import Catalog
from catalens.core.errors import CatalogError
from catalens.core.fusion import Fusion
from catalens.core.progress import Progress, silent
from catalens.core.promise import Promise
from catalens.core.scores import softmax
from catalens.core.taxonomy import Taxonomy
from catalens.evaluate import calibrate, promise
from catalens.predict.catalog import score
from catalens.predict.session import Session

FALLBACK = "val"


@dataclass(frozen=True, slots=True)
class Fit:
    """How well probabilities fit the truth: `nll` in nats, `ece` in [0, 1]; less is better."""

    nll: float
    ece: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """On what it was done, and what came out.

    `outside` products have no category, or none that the model knows; `unreadable` photos; `top1` in [0, 1] is that of
    `products`.  `note` says in words what a reader must know, such as that not the part asked for was used.
    """

    catalog: str
    catalog_digest: str
    part: str
    products: int
    images: int
    outside: int
    unreadable: int
    top1: float
    temperature: float
    before: Fit
    after: Fit
    note: str = ""
    promises: tuple[Promise, ...] = field(default=(), repr=False)

    def to_json(self) -> dict[str, Any]:
        """All but the promises, which have a place of their own in the manifest."""
        values = asdict(self)
        del values["promises"]
        return values


def calibrate_on(
    session: Session,
    catalog: Catalog,
    taxonomy: Taxonomy,
    *,
    part: str,
    precisions: Sequence[float],
    delta: float,
    fusion: Fusion | None = None,
    progress: Progress = silent,
) -> Calibration:
    """Score `part`, fit the temperature, then the promises, on products as `fusion` (None: the mean) puts their photos
    together.  Uses "val" where there is no such part, and notes it.

    Raises CatalogError if there is neither, or no product of a category the model knows.
    """
    used, note = _choose(catalog, part)
    scores, findings = score(session, catalog, part=used, progress=progress)
    ids, logits = (fusion or Fusion()).fuse(scores.product_ids, scores.logits, scores.embeddings)
    index, categories = taxonomy.leaf_index, catalog.categories_in(taxonomy)
    truth = np.array([index.get(categories[product] or "", -1) for product in ids], np.int64)
    known = truth >= 0
    if not known.any():
        raise CatalogError(f"no product of part {used!r} has a category that the model knows", source=str(catalog.path))
    logits, truth = logits[known], truth[known]
    temperature = calibrate.fit_temperature(logits, truth)
    probabilities = softmax(logits, temperature)
    return Calibration(
        catalog=catalog.info.name,
        catalog_digest=catalog.digest,
        part=used,
        products=len(truth),
        images=len(scores.image_ids),
        outside=int((~known).sum()),
        unreadable=len(findings),
        top1=float((probabilities.argmax(axis=1) == truth).mean()),
        temperature=temperature,
        before=_fit(logits, truth, 1.0),
        after=_fit(logits, truth, temperature),
        note=note,
        promises=tuple(
            promise.fit(taxonomy, probabilities, truth, precision=precision, delta=delta)
            for precision in sorted(precisions)
        ),
    )


def _choose(catalog: Catalog, part: str) -> tuple[str, str]:
    parts = set(catalog.split.values())
    if part in parts:
        return part, ""
    if FALLBACK not in parts:
        raise CatalogError(
            f"has neither part {part!r} nor {FALLBACK!r} to calibrate on, only {sorted(parts)}; "
            "`catalens split --carve calib=0.1` makes one",
            source=str(catalog.path),
        )
    return FALLBACK, (
        f"The catalog has no part {part!r}, so temperature and promises were fitted on {FALLBACK!r}, the part that "
        "training was watched on: they are likely to be somewhat too good."
    )


def _fit(logits: np.ndarray, truth: np.ndarray, temperature: float) -> Fit:
    probabilities = softmax(logits, temperature)
    right = probabilities.argmax(axis=1) == truth
    return Fit(nll=calibrate.nll(logits, truth, temperature), ece=calibrate.ece(probabilities.max(axis=1), right))

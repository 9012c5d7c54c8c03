"""A bundle told of another mix of categories: estimated without labels, and promises that hold for it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from catalens.core.catalog import Catalog
from catalens.core.errors import CatalogError
from catalens.core.fusion import Fusion
from catalens.core.progress import Progress, silent
from catalens.core.rules import Rules
from catalens.core.taxonomy import Taxonomy
from catalens.evaluate import prior, promise
from catalens.evaluate.prior_figures import before_after
from catalens.export.calibration import Calibration, CalibrationSettings, promises_on, sets_on
from catalens.export.openworld import outputs
from catalens.predict.catalog import score
from catalens.predict.session import Session

SEED = 0  # of the test and of the thinning


def mix_of(
    session: Session,
    catalog: Catalog,
    taxonomy: Taxonomy,
    calibration: Calibration,
    settings: CalibrationSettings,
    *,
    part: str | None,
    method: prior.Method,
    fusion: Fusion,
    progress: Progress = silent,
) -> dict[str, Any]:
    """The manifest's `mix` from the products of `catalog`, whose labels are not looked at but to tell the gain.

    Products that are taken for strangers say nothing about the mix.  Where it does not differ beyond chance, `shift`
    changes nothing and the promises stay.  Raises CatalogError where there is no product to look at.
    """
    scores, _ = score(session, catalog, part=part, progress=progress)
    ids, answers = outputs(scores, fusion)
    rules = Rules(calibration.calibrator, open_world=calibration.open_world)
    ours = np.flatnonzero(rules.strange(answers.logits, answers.embeddings) == 0)
    if not len(ours):
        raise CatalogError("has no product that the model takes for one of its shop", source=str(catalog.path))
    probabilities = rules.probabilities(answers.logits[ours])
    said = calibration.said[:]
    reference = prior.Reference.of(said, calibration.true, confusion=method == "bbse")
    found = prior.estimate(probabilities, reference, method=method, seed=SEED)
    rows = np.arange(len(calibration.true))
    if found.significant:
        rows = prior.thin(calibration.true, reference.trained, found.shares, seed=SEED)
    corrected = np.asarray(found.shift.apply(said[rows]), dtype=np.float64)
    promises = promises_on(taxonomy, promise.answers(taxonomy, corrected, calibration.true[rows]), settings)
    sets = sets_on(taxonomy, corrected, calibration.true[rows], settings) if len(rows) else None
    estimate = found.to_json(taxonomy.leaves)
    return {
        "catalog": catalog.info.name,
        "catalog_digest": catalog.digest,
        "shift": estimate.pop("shift"),
        "promises": [one.to_json() for one in promises],
        "promised_on": len(rows),
        "sets": sets and sets.to_json(),
        "estimate": estimate,
        "sentence": found.sentence(),
        "before_after": _gain(catalog, taxonomy, [ids[row] for row in ours], probabilities, found.shift),
    }


def _gain(
    catalog: Catalog, taxonomy: Taxonomy, ids: list[str], probabilities: np.ndarray, shift: Any
) -> dict[str, Any] | None:
    """What the correction does to the products that have a label; None where none has."""
    index, categories = taxonomy.leaf_index, catalog.categories_in(taxonomy)
    truth = np.array([index.get(categories[product] or "", -1) for product in ids], np.int64)
    known = truth >= 0
    if not known.any():
        return None
    found = before_after(probabilities[known], shift.apply(probabilities[known]), truth[known])
    return {"products": found.products, "before": asdict(found.before), "after": asdict(found.after)}

"""How a bundle puts the photos of a product together: as the run was told, or as the validation part shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from catalens.core.catalog import Catalog
from catalens.core.fusion import Fusion
from catalens.core.progress import Progress, silent
from catalens.core.taxonomy import Taxonomy
from catalens.predict.catalog import score
from catalens.predict.session import Session
from catalens.train.fusion import Choice, How, fit

PART = "val"  # the network has not learnt it, and it is not what the promises are counted on


def fusion_on(
    session: Session, catalog: Catalog, taxonomy: Taxonomy, *, how: How, seed: int, progress: Progress = silent
) -> tuple[Fusion, Choice]:
    """The fusion and how it was chosen; photos of `val` are scored only where there is something to choose or to fit.

    Without a part `val` it is the mean, and the choice's note says so.
    """
    if how in ("mean", "max"):
        return Fusion(how), Choice(asked=how, kind=how)
    if PART not in catalog.split.values():
        note = f"the catalog has no part {PART!r} to fit a gate on"
        return Fusion(), Choice(asked=how, kind="mean", note=note)
    scores, _ = score(session, catalog, part=PART, progress=progress)
    index, categories = taxonomy.leaf_index, catalog.categories_in(taxonomy)
    truth = [index.get(categories[product] or "", -1) for product in scores.product_ids]
    fusion, choice = fit(
        scores.logits, scores.embeddings, scores.product_ids, np.array(truth, np.int64), seed=seed, how=how
    )
    return fusion, replace(choice, part=PART)

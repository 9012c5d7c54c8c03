"""Promises for added categories: what a calibration says, tested anew on products of these categories too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from catalens.core.bundle import Bundle
from catalens.core.catalog import Catalog
from catalens.core.gallery import Gallery
from catalens.core.progress import Progress, silent
from catalens.core.rules import Rules
from catalens.evaluate import promise
from catalens.export.calibration import Calibration, CalibrationSettings, half, labelled, promises_on, sets_on
from catalens.predict.session import Session


def with_added(
    session: Session,
    catalog: Catalog,
    bundle: Bundle,
    gallery: Gallery,
    calibration: Calibration,
    settings: CalibrationSettings,
    *,
    progress: Progress = silent,
) -> tuple[Calibration, Gallery]:
    """A calibration on the trained categories -> its promises and sets on all products of the part, those of added
    categories among them, and the gallery, which now knows how many of each there were.

    The calibrator and the limits of strangers stay: they are the graph's, which knows nothing of what was added.
    """
    taxonomy = bundle.taxonomy
    products = labelled(session, catalog, taxonomy, part=calibration.part, fusion=bundle.fusion, progress=progress)
    rules = Rules(calibration.calibrator, open_world=calibration.open_world, gallery=gallery)
    said, truth = rules.probabilities(products.logits, products.embeddings), products.truth
    behind = rules.strange(products.logits, products.embeddings) == 0
    if calibration.kind == "vector":  # the other half of the trained ones is what the calibrator was fitted on
        behind &= half(products.ids) | (truth >= gallery.classes)
    counts = np.bincount(truth[behind], minlength=said.shape[1])[gallery.classes :].tolist()
    known = (replace(one, calibrated=count) for one, count in zip(gallery.categories, counts, strict=True))
    gallery = replace(gallery, categories=tuple(known))
    found = promise.answers(taxonomy, said[behind], truth[behind])
    filed = ~gallery.unpromised(said[behind])  # the others are suggested, so the promise is not one about them
    tested = replace(
        calibration,
        products=len(truth),
        promised_on=int(behind.sum()),
        outside=products.outside,
        top1=float((said.argmax(axis=1) == truth).mean()),
        promises=promises_on(taxonomy, [one.of(filed) for one in found], settings),
        sets=sets_on(taxonomy, said[behind], truth[behind], settings),
    )
    return tested, gallery

"""Are categories that were added by a few photos found, and what do the trained ones lose?

    python benchmarks/gallery_head.py BUNDLE CATALOG --held-train PART --held-val PART [--shots 5] [--draws 10]

The bundle was trained without some categories; their products stand in parts of their own.  Each draw takes so many
photos of each held-out category from the first part as its gallery, and measures on all other products of these
categories: `new_right` of both parts, `new_right_val` of the second alone, whose photos may be less like the gallery's.
The gate is fitted on one half of val and its cost to the trained categories measured on the other, both ways; `whole`
fits on all of val.  Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from catalens.core.bundle import Bundle
from catalens.core.catalog import Catalog
from catalens.core.gallery import Added, Gallery
from catalens.core.scores import Scores, product_embeddings
from catalens.evaluate import gallery
from catalens.export.calibration import labelled
from catalens.predict.catalog import score
from catalens.predict.session import Session


class Draw(NamedTuple):
    """What one gallery does on all photos that it does not hold, and on those of val alone."""

    unseen: gallery.Measured
    val: gallery.Measured


def products(scores: Scores, bundle: Bundle, catalog: Catalog, held: dict[str, int]) -> tuple[np.ndarray, ...]:
    """Probabilities, embeddings and truth of held-out products; theirs are counted on from the trained classes."""
    ids, logits = bundle.fusion.fuse(scores.product_ids, scores.logits, scores.embeddings)
    truth = np.array([bundle.manifest.classes + held[str(catalog.categories[product])] for product in ids])
    vectors = product_embeddings(scores.product_ids, scores.embeddings)[1]
    return bundle.calibrator.probabilities(logits), vectors, truth


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--held-train", default="held-train")
    parser.add_argument("--held-val", default="held-val")
    parser.add_argument("--shots", type=int, default=5)
    parser.add_argument("--draws", type=int, default=10)
    given = parser.parse_args()
    bundle, catalog = Bundle(given.bundle), Catalog(given.catalog)
    session, taxonomy = Session(bundle), bundle.taxonomy
    bank = labelled(session, catalog, taxonomy, part="train", fusion=bundle.fusion)
    val = labelled(session, catalog, taxonomy, part="val", fusion=bundle.fusion)
    said = bundle.calibrator.probabilities(val.logits)
    shown, fresh = (score(session, catalog, part=part)[0] for part in (given.held_train, given.held_val))
    names = sorted({str(catalog.categories[product]) for product in shown.product_ids})
    held = {name: number for number, name in enumerate(names)}
    owners = np.array([held[str(catalog.categories[product])] for product in shown.product_ids])
    known, new = (products(scores, bundle, catalog, held) for scores in (shown, fresh))
    if not np.array_equal(known[2], bundle.manifest.classes + owners):
        parser.error("expected one photo a product, so that none is measured that the gallery holds")
    categories = tuple(Added(name, name, "", given.shots) for name in names)

    found: dict[str, list[Draw]] = {"half": [], "whole": []}
    for draw in range(given.draws):
        rng = np.random.default_rng(draw)
        rows = np.concatenate(
            [rng.choice(np.flatnonzero(owners == one), given.shots, replace=False) for one in range(len(names))]
        )
        photos, whose = shown.embeddings[rows], np.repeat(np.arange(len(names)), given.shots).astype(np.int32)
        order = rng.permutation(len(val.truth))
        first, second = np.array_split(order, 2)
        for name, fit_rows, old_rows in (("half", first, second), ("half", second, first), ("whole", order, order)):
            fitted = gallery.fit(
                bank.embeddings,
                bank.truth,
                said[fit_rows],
                val.embeddings[fit_rows],
                val.truth[fit_rows],
                seed=draw,
                shots=given.shots,
                added=(photos, whose),
            )
            rule = Gallery(categories, photos, whose, fitted.space, fitted.base, fitted.gate)
            old = said[old_rows], val.embeddings[old_rows], val.truth[old_rows]
            unseen = joined([np.delete(values, rows, axis=0) for values in known], new)
            found[name].append(Draw(*(gallery.measure(rule, *joined(old, those)) for those in (unseen, new))))
    result = {
        "question": "categories added by a few photos",
        "bundle": bundle.name,
        "trained": len(taxonomy.leaves),
        "added": names,
        "shots": given.shots,
        "draws": given.draws,
        "old": len(val.truth),
        "new": len(known[2]) - len(names) * given.shots + len(new[2]),
        "new_val": len(new[2]),
        **{name: summary(values) for name, values in found.items()},
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }
    print(json.dumps(result, indent=1))


def joined(*worlds: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [np.concatenate(arrays) for arrays in zip(*worlds, strict=True)]


def summary(found: list[Draw]) -> dict[str, Any]:
    everywhere, val = (np.array([one[place].new_right for one in found], dtype=float) for place in (0, 1))
    lost = np.array([one.unseen.lost for one in found], dtype=float)
    return {
        "new_right": round(float(everywhere.mean()), 4),
        "new_right_least": round(float(everywhere.min()), 4),
        "new_right_val": round(float(val.mean()), 4),
        "new_right_val_least": round(float(val.min()), 4),
        "among_new": round(float(np.mean([one.unseen.among_new for one in found])), 4),
        "old_before": round(float(np.mean([one.unseen.old_before for one in found])), 4),
        "old_lost": round(float(lost.mean()), 4),
        "old_lost_most": round(float(lost.max()), 4),
    }


if __name__ == "__main__":
    main()

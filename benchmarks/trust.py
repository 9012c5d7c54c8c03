"""Do promises, sets and the correction of the mix hold on real predictions?  Everything is drawn again and again.

    python benchmarks/trust.py BUNDLE CATALOG --parts calib,test [--draws 200] [--sizes 50,200,1000]
        [--only promises,sets,mix] [--seed 0]

The products of the parts, none of which the model was trained on, are divided at random into a calibration half and a
test half; everything is fitted on the first (on so many of its products, too, as `--sizes` says) and judged on the
second.  A draw breaks a promise at a level where the precision of what was filed there lies below the promised one.
The two halves come from one pool, so that a half with fewer errors leaves the other with more: `broken` counts against
the precision in the whole pool, which is what a promise is about, `below` against that in the test half, which adds the
luck of its few products.  Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from catalens.core.bundle import Bundle
from catalens.core.calibrator import Calibrator
from catalens.core.catalog import Catalog
from catalens.core.promise import LevelRule, Promise
from catalens.core.taxonomy import Taxonomy
from catalens.evaluate import calibrate, prior, promise, sets
from catalens.evaluate.coverage import judge
from catalens.export.calibration import Products, labelled
from catalens.predict.session import Session

PROMISES = (0.90, 0.95, 0.98)
DELTA = 0.05
NOMINAL = 0.95
LOST = 0.003  # top-1 that a correction may cost where nothing shifted


def calibrated(products: Products, rows: np.ndarray) -> Calibrator:
    return Calibrator(calibrate.fit_temperature(products.logits[rows], products.truth[rows]))


def promises(products: Products, taxonomy: Taxonomy, halves: Iterable[tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    """Shares of draws that break each promise, and what is filed, by level and in all."""
    names = [taxonomy.level_name(level) for level in range(taxonomy.depth)]
    counts = {
        precision: {name: {"broken": 0, "below": 0, "draws": 0, "filed": 0.0} for name in (*names, "all", "leaf alone")}
        for precision in PROMISES
    }
    draws = 0
    for fit_rows, test_rows in halves:
        draws += 1
        calibrator = calibrated(products, fit_rows)
        pool = calibrator.probabilities(products.logits)
        for precision in PROMISES:
            found = promise.fit(taxonomy, pool[fit_rows], products.truth[fit_rows], precision=precision, delta=DELTA)
            table = counts[precision]
            choice = found.choose(taxonomy, pool)
            right = judge(taxonomy, choice, products.truth)
            places = [(name, choice.level == level) for level, name in enumerate(names)]
            count_in(table, [*places, ("all", choice.filed)], right, test_rows, precision)
            leaf: LevelRule = found.at(taxonomy.depth - 1)[0]
            alone = Promise(precision, DELTA, (leaf,)).choose(taxonomy, pool)
            count_in(table, [("leaf alone", alone.filed)], judge(taxonomy, alone, products.truth), test_rows, precision)
    for table in counts.values():
        for row in table.values():
            row["filed"] = round(row["filed"] / draws, 4)
    return {f"{precision:g}": table for precision, table in counts.items()}


def count_in(
    table: dict[str, dict[str, float]],
    places: list[tuple[str, np.ndarray]],
    right: np.ndarray,
    test_rows: np.ndarray,
    precision: float,
) -> None:
    for name, here in places:
        tested = test_rows[here[test_rows]]
        row = table[name]
        row["filed"] += len(tested) / len(test_rows)
        if here.any():
            row["draws"] += 1
            row["broken"] += int(right[here].mean() < precision)
        if len(tested):
            row["below"] += int(right[tested].mean() < precision)


def suggestion_sets(
    products: Products, taxonomy: Taxonomy, halves: Iterable[tuple[np.ndarray, np.ndarray]]
) -> dict[str, Any]:
    """Coverage and mean size of APS and RAPS sets, in all and by class, over the draws."""
    kinds = {"aps": False, "raps": False, "aps by class": True, "raps by class": True}
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    for fit_rows, test_rows in halves:
        said = calibrated(products, fit_rows).probabilities(products.logits)
        for name, conditional in kinds.items():
            rule = sets.fit(
                said[fit_rows],
                products.truth[fit_rows],
                taxonomy.leaves,
                coverage=NOMINAL,
                kind=name.split()[0],  # type: ignore[arg-type]
                conditional=conditional,
            )
            told = sets.measure(rule, said[test_rows], products.truth[test_rows], taxonomy.leaves)
            figures[name].append((told.coverage, told.mean_size))
    means = {name: np.mean(values, axis=0) for name, values in figures.items()}
    return {name: {"coverage": round(mean[0], 4), "mean_size": round(mean[1], 3)} for name, mean in means.items()}


def mix(
    products: Products, taxonomy: Taxonomy, halves: Iterable[tuple[np.ndarray, np.ndarray]], seed: int
) -> dict[str, Any]:
    """Top-1 before and after the correction, on test halves as they are and resampled to another mix."""
    rng = np.random.default_rng(seed)
    classes = len(taxonomy.leaves)
    gains: dict[str, list[float]] = {}
    for fit_rows, test_rows in halves:
        said = calibrated(products, fit_rows).probabilities(products.logits)
        reference = prior.Reference.of(said[fit_rows], products.truth[fit_rows], confusion=True)
        weights = rng.dirichlet(np.full(classes, 0.5))[products.truth[test_rows]]
        shifted = rng.choice(test_rows, len(test_rows), p=weights / weights.sum())
        for name, rows in (("as it is", test_rows), ("another mix", shifted)):
            for method in ("em", "bbse"):
                found = prior.estimate(said[rows], reference, method=method)
                truth = products.truth[rows]
                after = np.asarray(found.shift.apply(said[rows])).argmax(axis=1) == truth
                before = said[rows].argmax(axis=1) == truth
                gains.setdefault(f"{name}, {method}", []).append(100 * float(after.mean() - before.mean()))
    return {
        name: {"points": round(float(np.mean(values)), 2), "worst": round(min(values), 2), "draws": len(values)}
        for name, values in gains.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--parts", default="calib,test")
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--sizes", default="50,200,1000")
    parser.add_argument("--only", default="promises,sets,mix")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    bundle, catalog = Bundle(given.bundle), Catalog(given.catalog)
    session = Session(bundle)
    each = [
        labelled(session, catalog, bundle.taxonomy, part=part, fusion=bundle.fusion) for part in given.parts.split(",")
    ]
    logits = np.concatenate([one.logits for one in each])
    embeddings = np.concatenate([one.embeddings for one in each])
    truth = np.concatenate([one.truth for one in each])
    ids = tuple(name for one in each for name in one.ids)
    products = Products(ids, logits, embeddings, truth, each[0].unknown, len(ids), 0, 0)
    print(f"{len(truth)} products scored", file=sys.stderr)

    def halves(size: int = 0) -> Iterable[tuple[np.ndarray, np.ndarray]]:
        rng = np.random.default_rng(given.seed)
        for _ in range(given.draws):
            order = rng.permutation(len(truth))
            half = len(order) // 2
            yield order[: size or half], order[half:]

    only = given.only.split(",")
    result: dict[str, Any] = {
        "question": "do promises, sets and the correction of the mix hold?",
        "bundle": bundle.name,
        "parts": given.parts,
        "products": len(truth),
        "top1": round(float((logits.argmax(axis=1) == truth).mean()), 4),
        "draws": given.draws,
        "allowed": round(100 * (DELTA + 3 * math.sqrt(DELTA * (1 - DELTA) / given.draws)), 1),
    }
    if "promises" in only:
        result["halves"] = promises(products, bundle.taxonomy, halves())
        for size in (int(text) for text in given.sizes.split(",") if text):
            if size <= len(truth) // 2:
                result[f"{size} products"] = promises(products, bundle.taxonomy, halves(size))
                print(f"{size} products done", file=sys.stderr)
    if "sets" in only:
        result["sets"] = suggestion_sets(products, bundle.taxonomy, halves())
    if "mix" in only:
        result["mix"] = mix(products, bundle.taxonomy, halves(), given.seed)
    result["machine"] = f"{platform.machine()}, Python {platform.python_version()}"
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

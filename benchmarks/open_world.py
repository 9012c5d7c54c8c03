"""Are strangers told from products?  Every scorer on real photos, chosen on one half and measured on the other.

    python benchmarks/open_world.py BUNDLE CATALOG --part val [--measure test] [--far PATH ...] [--seeds 5]

Known products are those of the parts whose category the model was trained on; products of other categories in the same
parts are the near ones.  `--far` are folders or catalogs of what the shop does not sell.  With one part only, its
products are divided in two.  `unseen` is the far scorer taught and chosen on all other far sets than the one it is
measured on.  AUROC and the share of strangers that pass where 95 % of the products do, means over the seeds.  Prints
JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from catalens.core.bundle import Bundle
from catalens.core.catalog import Catalog
from catalens.core.openworld import SCORERS, Bank, score
from catalens.evaluate import openworld
from catalens.evaluate.openworld import Outputs, auroc, fpr_at_tpr
from catalens.export.calibration import Products, labelled
from catalens.export.openworld import make_bank, strangers_in
from catalens.predict.session import Session

Table = dict[str, dict[str, list[float]]]
MOST = 1000  # photos of one far set


def take(outputs: Outputs, rows: np.ndarray) -> Outputs:
    return Outputs(outputs.logits[rows], outputs.embeddings[rows])


def halves(outputs: Outputs, seed: int) -> tuple[Outputs, Outputs]:
    order = np.random.default_rng(seed).permutation(len(outputs.logits))
    middle = len(order) // 2
    return take(outputs, order[:middle]), take(outputs, order[middle:])


def together(parts: list[Outputs]) -> Outputs:
    return Outputs(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def compared(bank: Bank, known: Outputs, strangers: Outputs, table: Table) -> None:
    """Adds each scorer's AUROC and FPR at 95 % TPR."""
    for name in SCORERS:
        if name == "trash" and bank.trash is None:
            continue
        ours, theirs = score(name, *known, bank), score(name, *strangers, bank)
        row = table.setdefault(name, {"auroc": [], "fpr95": []})
        row["auroc"].append(auroc(ours, theirs))
        row["fpr95"].append(fpr_at_tpr(ours, theirs))


def summary(table: Table, chosen: list[str]) -> dict[str, Any]:
    means = {
        name: {key: round(float(np.mean(values)), 4) for key, values in row.items()} for name, row in table.items()
    }
    picked = [(means[name]["auroc"], means[name]["fpr95"]) for name in chosen]
    return {
        "scorers": means,
        "chosen": {name: chosen.count(name) for name in sorted(set(chosen))},
        "auroc": round(float(np.mean([area for area, _ in picked])), 4),
        "fpr95": round(float(np.mean([rate for _, rate in picked])), 4),
        "over_msp": round(float(np.mean([area for area, _ in picked])) - means["msp"]["auroc"], 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--part", default="calib", help="whose products choose the scorer")
    parser.add_argument("--measure", default=None, help="whose products it is measured on; the other half of PART")
    parser.add_argument("--far", type=Path, nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    bundle, catalog = Bundle(given.bundle), Catalog(given.catalog)
    session, taxonomy = Session(bundle), bundle.taxonomy
    bank = make_bank(session, catalog, taxonomy, fusion=bundle.fusion)
    if bank is None:
        sys.exit("the catalog has no training products")

    def products_of(part: str) -> Products:
        return labelled(session, catalog, taxonomy, part=part, fusion=bundle.fusion)

    first = products_of(given.part)
    second = products_of(given.measure) if given.measure else None
    far = {path.name: strangers_in(session, path, fusion=bundle.fusion) for path in given.far}
    print(f"scored: {len(first.truth)} products, {len(first.unknown.logits)} near, {list(far)}", file=sys.stderr)

    tables: dict[str, Table] = {}
    chosen: dict[str, list[str]] = {}
    for seed in range(given.seeds):
        order = np.random.default_rng(seed).permutation(len(first.truth))
        half = order[: len(order) // 2] if second is None else order
        choosing, truth = take(Outputs(first.logits, first.embeddings), half), first.truth[half]
        measuring = (
            take(Outputs(first.logits, first.embeddings), order[len(order) // 2 :])
            if second is None
            else Outputs(second.logits, second.embeddings)
        )
        if len(first.unknown.logits):
            near_choosing, near_measuring = (
                halves(first.unknown, seed) if second is None else (first.unknown, second.unknown)
            )
            for name, unknown in (("near", near_choosing), ("near, chosen by masking", None)):
                found = openworld.fit(bank, choosing, truth, unknown=unknown, seed=seed)
                compared(bank, measuring, near_measuring, tables.setdefault(name, {}))
                chosen.setdefault(name, []).append(found.near.scorer)
        cut = {name: halves(take(one, np.arange(len(one.logits))[:MOST]), seed) for name, one in far.items()}
        for name, (_, fresh) in cut.items():
            ways = {f"far, {name}": [part for part, _ in cut.values()]}
            if len(cut) > 1:
                ways[f"far, {name} unseen"] = [part for other, (part, _) in cut.items() if other != name]
            for way, taught in ways.items():
                found = openworld.fit(bank, choosing, truth, strangers=together(taught), seed=seed)
                if found.far is None:
                    continue
                rule = found.open_world
                taught_bank = rule.bank if rule.bank is not None and rule.bank.trash is not None else replace(bank)
                compared(taught_bank, measuring, fresh, tables.setdefault(way, {}))
                chosen.setdefault(way, []).append(found.far.scorer)
    result = {
        "question": "are strangers told from products?",
        "bundle": bundle.name,
        "catalog": catalog.info.name,
        "products": len(first.truth),
        "near": len(first.unknown.logits),
        **{name: summary(table, chosen[name]) for name, table in tables.items()},
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

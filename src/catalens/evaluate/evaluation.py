"""Measure a model's scores against the truth: the whole of `catalens evaluate` but for reading and printing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from catalens.core.config import Settings
from catalens.core.errors import CatalogError
from catalens.core.fusion import Fusion
from catalens.core.progress import Progress, silent
from catalens.core.rules import Rules
from catalens.core.scores import Scores
from catalens.core.taxonomy import Taxonomy
from catalens.evaluate import calibrate, metrics
from catalens.evaluate.coverage import Coverage, coverage
from catalens.evaluate.outcomes import BLOCK, Outcomes, collect

Ints = npt.NDArray[np.int64]


class EvaluateSettings(Settings):
    """What to measure on, and what must hold: {"top1": 0.9, "precision@0.98": 0.97} (see `gate.check`).

    `language`: of the names in the answer.
    """

    split: str = "test"
    require: dict[str, float] = Field(default_factory=dict)
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures per product unless said otherwise; shares are in [0, 1].  `to_json` is the form of `evaluate --json`.

    `several` is of the products with more than one photo: how many, their top-1, and that which the plain mean of their
    photos would give (`mean_top1`); `fusion` is what put the photos together.
    `strangers` are the shares of these products that were taken for strangers, and so not filed.
    `outside` products have no category, or none that the model knows: they are in no other figure.  `many`, `medium`
    and `few` are None where the training counts are not known.
    """

    products: int
    images: int
    outside: int
    top1: float
    top5: float
    macro_recall: float
    levels: list[dict[str, Any]]
    per_image: dict[str, float]
    several: dict[str, Any]
    fusion: str
    temperature: float
    calibration: str
    strangers: dict[str, float]
    ece: float
    nll: float
    before_temperature: dict[str, float]
    coverage: tuple[Coverage, ...]
    many: metrics.Shots | None
    medium: metrics.Shots | None
    few: metrics.Shots | None
    per_class: list[dict[str, Any]]
    confusions: list[dict[str, Any]]
    digests: dict[str, str]
    outcomes: Outcomes = field(repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Plain values; `coverage` is keyed by the promise, "0.98"."""
        values = {name: getattr(self, name) for name in self.__slots__ if name != "outcomes"}
        for name in ("many", "medium", "few"):
            values[name] = values[name] and asdict(values[name])
        values["reliability"] = {
            when: calibrate.reliability(confidence, self.outcomes.correct)
            for when, confidence in (("before", self.outcomes.raw_confidence), ("after", self.outcomes.confidence))
        }
        values["coverage"] = {f"{one.promise:g}": _without_promise(one) for one in self.coverage}
        return values


def run(
    scores: Scores,
    truth: Mapping[str, str | None],
    taxonomy: Taxonomy,
    *,
    rules: Rules,
    fusion: Fusion | None = None,
    train_counts: Mapping[str, int] | None = None,
    digests: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Measure scores over photos of products whose category is known: `truth` maps product id -> leaf id.

    `rules` are the bundle's; `train_counts` maps leaf id -> products trained on; `digests` names what was measured and
    on what; `fusion` puts a product's photos together, the mean where it is None.
    Raises CatalogError if no product is of a category that the model knows.
    """
    leaf_index = taxonomy.leaf_index
    labels = np.array([leaf_index.get(truth.get(product) or "", -1) for product in scores.product_ids], dtype=np.int64)
    rows = np.flatnonzero(labels >= 0)
    outside = len({scores.product_ids[row] for row in np.flatnonzero(labels < 0).tolist()})
    if not len(rows):
        raise CatalogError(
            f"none of the {outside:,} products is of a category that the model knows; "
            f"its categories are like {', '.join(taxonomy.leaves[:3])}"
        )
    image_top = _image_top(scores.logits, rows)
    fusion = fusion or Fusion()
    outcomes, nll, raw_nll = collect(scores, rows, labels, taxonomy, rules, fusion, progress)

    counts = metrics.class_counts(outcomes.top[:, 0], outcomes.truth, len(taxonomy.leaves))
    sizes = metrics.shots(counts, taxonomy.leaves, train_counts) if train_counts is not None else {}
    hits = outcomes.level_hits.mean(axis=1)
    return Evaluation(
        products=len(outcomes.truth),
        images=len(rows),
        outside=outside,
        top1=metrics.hit_rate(outcomes.top, outcomes.truth, 1),
        top5=metrics.hit_rate(outcomes.top, outcomes.truth, 5),
        macro_recall=counts.macro_recall,
        levels=[{"level": taxonomy.level_name(level), "top1": float(hit)} for level, hit in enumerate(hits)],
        per_image={f"top{k}": metrics.hit_rate(image_top, labels[rows], k) for k in (1, 5)},
        several=_several(outcomes),
        fusion=fusion.kind,
        temperature=rules.calibrator.temperature,
        calibration=rules.calibrator.kind,
        strangers={word: float((outcomes.strange == code).mean()) for code, word in ((1, "near"), (2, "far"))},
        ece=calibrate.ece(outcomes.confidence, outcomes.correct),
        nll=nll,
        before_temperature={"ece": calibrate.ece(outcomes.raw_confidence, outcomes.correct), "nll": raw_nll},
        coverage=tuple(
            coverage(taxonomy, promise, outcomes.filed_level[index], outcomes.filed_right[index])
            for index, promise in enumerate(rules.promises)
        ),
        many=sizes.get("many"),
        medium=sizes.get("medium"),
        few=sizes.get("few"),
        per_class=_per_class(taxonomy, counts, train_counts),
        confusions=_confusions(taxonomy, outcomes),
        digests=dict(digests or {}),
        outcomes=outcomes,
    )


def _image_top(logits: npt.NDArray[np.floating], rows: Ints) -> Ints:
    """int64 [len(rows), 5]: the best leaves of each photo by itself."""
    return np.concatenate([metrics.best(logits[rows[at : at + BLOCK]]) for at in range(0, len(rows), BLOCK)])


def _several(outcomes: Outcomes) -> dict[str, Any]:
    """Shares are None where no product has more than one photo."""
    several = outcomes.photos > 1
    right, mean_right = outcomes.correct[several], (outcomes.mean_top == outcomes.truth)[several]
    shares = {"top1": float(right.mean()), "mean_top1": float(mean_right.mean())} if several.any() else {}
    return {"products": int(several.sum()), "top1": None, "mean_top1": None, **shares}


def _per_class(
    taxonomy: Taxonomy, counts: metrics.ClassCounts, train_counts: Mapping[str, int] | None
) -> list[dict[str, Any]]:
    """One row for each leaf that occurs, as truth or as answer; the worst recall first."""
    recall, precision = counts.recall, counts.precision
    rows = [
        {
            "id": leaf,
            "path": list(taxonomy.path_names(leaf)),
            "support": int(counts.support[index]),
            "predicted": int(counts.predicted[index]),
            "recall": _number(recall[index]),
            "precision": _number(precision[index]),
            "train": train_counts.get(leaf, 0) if train_counts is not None else None,
        }
        for index, leaf in enumerate(taxonomy.leaves)
        if counts.support[index] or counts.predicted[index]
    ]
    return sorted(rows, key=lambda row: (row["recall"] is None, row["recall"] or 0.0, -row["support"]))


def _confusions(taxonomy: Taxonomy, outcomes: Outcomes) -> list[dict[str, Any]]:
    leaves = taxonomy.leaves
    return [
        {
            "truth": leaves[true],
            "predicted": leaves[guess],
            "truth_path": list(taxonomy.path_names(leaves[true])),
            "predicted_path": list(taxonomy.path_names(leaves[guess])),
            "count": count,
        }
        for true, guess, count in metrics.confusions(outcomes.top[:, 0], outcomes.truth, len(leaves))
    ]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _without_promise(one: Coverage) -> dict[str, Any]:
    values = asdict(one)
    del values["promise"]
    return values

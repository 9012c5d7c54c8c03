"""What is left of a model, and of its promises, when uploads are worse than the catalog's photos.

A promise holds for photos like those it was fitted on.  Bad uploads should cost coverage and not precision, for a model
that is less sure files less.  Where precision falls below the promise all the same, a shop should know it first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from catalens.core.progress import Progress, silent
from catalens.core.promise import Promise
from catalens.core.rules import Rules
from catalens.core.taxonomy import Taxonomy
from catalens.evaluate.binomial import at_most
from catalens.evaluate.calibrate import ece
from catalens.evaluate.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from catalens.evaluate.coverage import judge

Floats = npt.NDArray[np.floating]
Run = Callable[[npt.NDArray[np.uint8]], Sequence[Floats]]  # `Session.run`: the logits first
CLEAN = "clean"
ALPHA = 0.01  # a promise that just holds is called broken once in a hundred conditions
BATCH = 64  # photos


@dataclass(frozen=True, slots=True)
class PromiseUnder:
    """One promise in one condition: `filed` is a share of products, `precision` of those filed (None: none filed).

    `p_value`: how often a promise that holds would have as many errors or more among as many filed, by the exact
    binomial; `kept` is False where that is below alpha, so few products can hardly show that a promise is broken.
    """

    promise: float
    filed: float
    precision: float | None
    p_value: float
    kept: bool


@dataclass(frozen=True, slots=True)
class Condition:
    """All photos, corrupted in one way; "clean" has severity 0.  `top1` is a share in [0, 1]."""

    corruption: str
    severity: int
    top1: float
    ece: float
    promises: tuple[PromiseUnder, ...]


@dataclass(frozen=True, slots=True)
class Robustness:
    """The conditions, clean first, each of the same `products`, one photo a product."""

    products: int
    seed: int
    conditions: tuple[Condition, ...]

    @property
    def clean(self) -> Condition:
        return self.conditions[0]

    @property
    def mean_top1(self) -> dict[str, float]:
        """Corruption -> top-1, the mean over its severities; the one that hurts most comes first."""
        values: dict[str, list[float]] = {}
        for condition in self.conditions[1:]:
            values.setdefault(condition.corruption, []).append(condition.top1)
        means = {name: float(np.mean(tops)) for name, tops in values.items()}
        return dict(sorted(means.items(), key=lambda item: item[1]))

    def broken(self) -> list[tuple[float, str, int]]:
        """(promise, corruption, least severity) of each promise that a corruption breaks, the clean photos first."""
        found: dict[tuple[float, str], int] = {}
        for condition in self.conditions:
            for one in condition.promises:
                if not one.kept:
                    key = one.promise, condition.corruption
                    found[key] = min(condition.severity, found.get(key, condition.severity))
        return [(promise, corruption, severity) for (promise, corruption), severity in found.items()]

    def sentence(self) -> str:
        """For a person: what hurts most, and which promises do not hold."""
        means = self.mean_top1
        text = f"On clean photos {_percent(self.clean.top1)} of answers are right"
        if means:
            worst = next(iter(means))
            text += f"; {worst} hurts most, with {_percent(means[worst])} over its severities"
        broken = self.broken()
        if not broken:
            held = "All promises hold" if self.clean.promises else "No promise was tested"
            return f"{text}. {held}."
        parts = []
        for promise in dict.fromkeys(promise for promise, _, _ in broken):
            where = [
                corruption if corruption == CLEAN else f"{corruption} (from severity {severity})"
                for each, corruption, severity in broken
                if each == promise
            ]
            parts.append(f"{100 * promise:g} % under {', '.join(where)}")
        return f"{text}. Promises broken: {'; '.join(parts)}."

    def table(self) -> list[dict[str, Any]]:
        """One row a condition; of each promise `filed@0.98`, `precision@0.98` (None: none filed) and `kept@0.98`."""
        rows = []
        for one in self.conditions:
            row: dict[str, Any] = {
                "corruption": one.corruption,
                "severity": one.severity,
                "top1": one.top1,
                "change": one.top1 - self.clean.top1,
                "ece": one.ece,
            }
            for each in one.promises:
                for name in ("filed", "precision", "kept"):
                    row[f"{name}@{each.promise:g}"] = getattr(each, name)
            rows.append(row)
        return rows

    def to_json(self) -> dict[str, Any]:
        broken = [dict(zip(("promise", "corruption", "severity"), one, strict=True)) for one in self.broken()]
        return {**asdict(self), "mean_top1": self.mean_top1, "broken": broken, "sentence": self.sentence()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Robustness:
        conditions = tuple(
            Condition(**{**one, "promises": tuple(PromiseUnder(**each) for each in one["promises"])})
            for one in values["conditions"]
        )
        return cls(int(values["products"]), int(values["seed"]), conditions)


def measure(
    run: Run,
    squares: npt.NDArray[np.uint8],
    truth: npt.NDArray[np.integer],
    rules: Rules,
    taxonomy: Taxonomy,
    *,
    corruptions: Sequence[str] = tuple(CORRUPTIONS),
    severities: Sequence[int] = SEVERITIES,
    seed: int = 0,
    alpha: float = ALPHA,
    batch: int = BATCH,
    progress: Progress = silent,
) -> Robustness:
    """Run the model on photos, clean and under each corruption at each severity.

    `run` maps uint8 [B, S, S, 3] to (logits [B, C], embeddings [B, D], ...); `squares` is uint8 [N, S, S, 3], one photo
    a product, and may be memory-mapped; `truth` int [N] leaf indices; `rules` are the bundle's.
    Raises ValueError where these do not fit, or before anything is run where there is no such corruption or severity.
    """
    if squares.ndim != 4 or len(squares) != len(truth) or not len(truth):
        shape = f"{list(squares.shape)} and {len(truth):,} labels"
        raise ValueError(f"expected photos uint8 [N, S, S, 3], one or more, and a label for each, got {shape}")
    todo = [(CLEAN, 0), *((name, severity) for name in corruptions for severity in severities)]
    for name, severity in todo[1:]:
        corrupt(squares[:1], name, severity)
    labels = np.asarray(truth, dtype=np.int64)
    conditions = []
    for place, (name, severity) in enumerate(todo):
        parts = []
        for start in range(0, len(labels), batch):
            photos = np.asarray(squares[start : start + batch])
            if severity:
                photos = corrupt(photos, name, severity, seed=seed, numbers=range(start, start + len(photos)))
            here = labels[start : start + len(photos)]
            logits, embeddings = run(photos)[:2]
            parts.append(_outcomes(logits, embeddings, here, rules, taxonomy))
            progress(
                place * len(labels) + start + len(photos),
                len(todo) * len(labels),
                name if not severity else f"{name} {severity}",
            )
        confidence, correct, filed, right = (np.concatenate(column, axis=-1) for column in zip(*parts, strict=True))
        kept = tuple(_promise(promise, filed[row], right[row], alpha) for row, promise in enumerate(rules.promises))
        conditions.append(Condition(name, severity, float(correct.mean()), ece(confidence, correct), kept))
    return Robustness(len(labels), seed, tuple(conditions))


def _outcomes(
    logits: Floats, embeddings: Floats, truth: npt.NDArray[np.int64], rules: Rules, taxonomy: Taxonomy
) -> tuple[npt.NDArray[Any], ...]:
    """Of a batch: confidence float [B], correct bool [B], and bool [promises, B]: filed, and filed right."""
    probabilities = rules.probabilities(logits, embeddings)
    strange = rules.strange(logits, embeddings) > 0
    choices = [rules.choose(promise, taxonomy, probabilities, strange) for promise in rules.promises]
    empty = np.zeros((0, len(truth)), dtype=bool)
    return (
        rules.calibrator.confidence(taxonomy.depth - 1, probabilities.max(axis=1)),
        probabilities.argmax(axis=1) == truth,
        np.array([choice.filed for choice in choices] or empty, dtype=bool),
        np.array([judge(taxonomy, choice, truth) for choice in choices] or empty, dtype=bool),
    )


def _promise(
    promise: Promise, filed: npt.NDArray[np.bool_], right: npt.NDArray[np.bool_], alpha: float
) -> PromiseUnder:
    count, good = int(filed.sum()), int(right.sum())
    # P(so many errors or more) where the precision is the one promised; the right ones are then at most so many
    p_value = at_most(good, count, promise.precision) if count else 1.0
    return PromiseUnder(
        promise.precision, count / len(filed), good / count if count else None, p_value, kept=p_value >= alpha
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"

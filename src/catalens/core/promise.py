"""A promise of precision and the rule that keeps it: decide at the deepest level that may be trusted, or climb.

`evaluate/promise.py` finds the thresholds on calibration data; here is the rule itself, one for reports and serving.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from catalens.core.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class LevelRule:
    """Accept at `level` when the top node's probability is at least `threshold`; None: no promise at this level.

    A rule with a `branch`, the id of a node at the top level, is of the nodes below it only; one without is of those
    whose branch has no rule of its own.  `accepted` and `correct` are the calibration products that the threshold was
    tested on, `lower_bound` the exact binomial lower bound of their precision.
    """

    level: int
    threshold: float | None
    accepted: int = 0
    correct: int = 0
    lower_bound: float = 0.0
    branch: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The rule's answer for N products.

    `level` int64 [N], -1 where no level is trusted; `node` int64 [N], index into `taxonomy.level_nodes[level]` (of the
    top level where -1); `confidence` float64 [N], that node's probability.
    """

    level: npt.NDArray[np.int64]
    node: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float64]

    @property
    def filed(self) -> npt.NDArray[np.bool_]:
        return self.level >= 0


@dataclass(frozen=True, slots=True)
class Promise:
    """`precision` promised with confidence `1 - delta`; the rules of each level, deepest level first.

    One rule a level, or one for each branch that had the data for it and one for all others: then it is promised in
    each of them.
    """

    precision: float
    delta: float
    rules: tuple[LevelRule, ...]

    def choose(self, taxonomy: Taxonomy, probabilities: npt.NDArray[np.floating]) -> Choice:
        """float [N, C] calibrated leaf probabilities -> for each product the deepest trusted node."""
        count = len(probabilities)
        top = taxonomy.level_probabilities(probabilities, 0)
        chosen = Choice(np.full(count, -1), top.argmax(axis=1), top.max(axis=1, initial=0.0))
        for level, rules in groupby(self.rules, key=lambda rule: rule.level):
            nodes = taxonomy.level_probabilities(probabilities, level)
            node, confidence = nodes.argmax(axis=1), nodes.max(axis=1, initial=0.0)
            thresholds = _thresholds(taxonomy, level, list(rules))
            accept = (chosen.level < 0) & (confidence >= thresholds[node])
            chosen.level[accept] = level
            chosen.node[accept] = node[accept]
            chosen.confidence[accept] = confidence[accept]
        return chosen

    def at(self, level: int) -> tuple[LevelRule, ...]:
        """The rules of one level."""
        return tuple(rule for rule in self.rules if rule.level == level)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Promise:
        rules = tuple(LevelRule(**rule) for rule in values["rules"])
        return cls(float(values["precision"]), float(values["delta"]), rules)


def _thresholds(taxonomy: Taxonomy, level: int, rules: Sequence[LevelRule]) -> npt.NDArray[np.float64]:
    """float64 [nodes at the level]: from which probability each is accepted; infinite where it never is."""
    branches = taxonomy.level_nodes[0]
    by_branch = dict.fromkeys(branches, next((rule.threshold for rule in rules if rule.branch is None), None))
    by_branch |= {rule.branch: rule.threshold for rule in rules if rule.branch is not None}
    limits = [by_branch[branch] for branch in branches]
    of_branch = np.array([np.inf if limit is None else limit for limit in limits])
    return of_branch[taxonomy.branches(level)]

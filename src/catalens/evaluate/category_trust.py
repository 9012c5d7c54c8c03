"""Does what the model says hold for each category?  A mean over all may hide one that is sold too boldly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from catalens.core.taxonomy import Taxonomy
from catalens.evaluate.binomial import at_most
from catalens.evaluate.chance import ALPHA, holm
from catalens.evaluate.outcomes import Outcomes

LEAST = 20  # answers that a category needs before it is judged
SUREST = 1 - 1e-6  # nothing is believed to be surer: a softmax in doubles reaches 1


def by_category(outcomes: Outcomes, taxonomy: Taxonomy, *, least: int = LEAST) -> list[dict[str, Any]]:
    """One row for each leaf that was the answer for `least` products or more; the boldest against chance first.

    `stated` is the mean confidence of those answers, `precision` the share of them that is right, `z` how many standard
    deviations that lies below (above 0: over-confident).  `p` is the chance of so few right answers where each is right
    as often as stated: the binomial at the mean, never too small for unequal confidences (Hoeffding, 1956).
    `over_confident` says whether it is below 0.05 with all categories taken together (Holm).
    """
    answer, correct = outcomes.top[:, 0], outcomes.correct
    rows: list[dict[str, Any]] = []
    for leaf in np.flatnonzero(np.bincount(answer, minlength=len(taxonomy.leaves)) >= least).tolist():
        here = answer == leaf
        said, right, count = outcomes.confidence[here], int(correct[here].sum()), int(here.sum())
        mean, spread = float(said.mean()), math.sqrt(float((said * (1 - said)).sum()))
        rows.append(
            {
                "id": taxonomy.leaves[leaf],
                "path": list(taxonomy.path_names(taxonomy.leaves[leaf])),
                "answers": count,
                "right": right,
                "stated": mean,
                "precision": right / count,
                "z": (float(said.sum()) - right) / spread if spread else 0.0,
                "p": at_most(right, count, min(mean, SUREST)),
            }
        )
    for row, adjusted in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"], row["over_confident"] = adjusted, adjusted < ALPHA
    return sorted(rows, key=lambda row: (row["p"], -row["z"]))

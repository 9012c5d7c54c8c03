"""Outcomes made directly: what a model answered to products, without a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from catalens.evaluate.outcomes import Outcomes


def outcomes_of(
    truth: Any, answer: Any, confidence: Any, *, ids: Sequence[str] | None = None, filed: Sequence[Any] = ()
) -> Outcomes:
    """Leaf indices [P] and confidences [P]; `filed` has a bool [P] for each promise: filed in that leaf."""
    true, said, sure = (
        np.asarray(truth, dtype=np.int64),
        np.asarray(answer, dtype=np.int64),
        np.asarray(confidence, float),
    )
    count = len(true)
    filed_mask = np.array(filed, dtype=bool).reshape(-1, count)
    return Outcomes(
        product_ids=tuple(ids or (f"p{number}" for number in range(count))),
        truth=true,
        top=said[:, None],
        confidence=sure,
        raw_confidence=sure,
        level_hits=(said == true)[None],
        filed_level=np.where(filed_mask, 0, -1),
        filed_right=filed_mask & (said == true),
        photos=np.ones(count, dtype=np.int64),
        mean_top=said,
        strange=np.zeros(count, dtype=np.int64),
    )

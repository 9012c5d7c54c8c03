"""Is it more than chance?  Exact tests of counts, and what many of them are worth together; numpy only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from catalens.evaluate.binomial import at_most

ALPHA = 0.05  # what is called "beyond chance" happens by chance once in twenty times


def mcnemar(won: int, lost: int) -> float:
    """Of the pairs whose outcome changed, `won` to one side and `lost` to the other: the exact two-sided p-value.

    Where nothing differs, each change is a fair coin (McNemar, 1947; the exact binomial form).
    """
    return min(1.0, 2 * at_most(min(won, lost), won + lost, 0.5)) if won + lost else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """The same tests as a family: with all of them below alpha believed, none is false with chance 1 - alpha.

    Adjusted p-values in the order given (Holm, 1979); no independence is asked for.
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    raised = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(raised, 1.0)
    return [float(value) for value in adjusted]

"""Which categories have many examples, which a medium number, which few: one limit for audit, training and evaluation.

Source: Liu et al., Large-Scale Long-Tailed Recognition in an Open World, CVPR 2019: few < 20, many > 100.
"""

from __future__ import annotations

from typing import Literal

FEW_BELOW, MANY_ABOVE = 20, 100

Band = Literal["many", "medium", "few"]


def band(count: int) -> Band:
    """The band of a category with `count` examples."""
    return "few" if count < FEW_BELOW else "many" if count > MANY_ABOVE else "medium"

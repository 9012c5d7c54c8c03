"""The shop's mix of categories is not the training mix: by how much each leaf's probability changes for that.

`evaluate/prior.py` estimates the ratios from unlabelled products; here is the rule itself, one for reports and serving.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PriorShift:
    """Bayes' rule for another mix, where what a category looks like stays the same (Saerens et al., 2002, eq. 2.4).

    `ratio` float64 [C] is, for each leaf, its wanted share over the share it was trained with; only proportions count.
    All 1 is no correction.  `method` says where it came from, `products` how many unlabelled products it was seen on.
    Raises ValueError where a ratio is not a finite number above 0: a 0 would rule a category out for good.
    """

    ratio: Doubles = field(repr=False)
    method: str = "given"
    products: int = 0

    def __post_init__(self) -> None:
        ratio = np.array(self.ratio, dtype=np.float64)
        if ratio.ndim != 1 or not len(ratio):
            raise ValueError(f"expected ratios of shape [C], got {list(ratio.shape)}")
        wrong = np.flatnonzero(~(np.isfinite(ratio) & (ratio > 0)))
        if len(wrong):
            raise ValueError(f"expected finite ratios above 0, got {ratio[wrong[0]]} for leaf number {wrong[0]:,}")
        if self.products < 0:
            raise ValueError(f"expected 0 products or more, got {self.products}")
        ratio.setflags(write=False)
        object.__setattr__(self, "ratio", ratio)

    @classmethod
    def none(cls, classes: int, *, method: str = "none", products: int = 0) -> PriorShift:
        """No correction of `classes` leaves."""
        return cls(np.ones(classes), method, products)

    @classmethod
    def between(
        cls, wanted: npt.NDArray[np.floating], trained: npt.NDArray[np.floating], *, method: str = "given"
    ) -> PriorShift:
        """Two mixes, float [C] each adding up to 1 -> the shift from `trained` to `wanted`.

        A leaf without a trained share keeps its probability: there is nothing to compare with.  Raises ValueError where
        these are not mixes of the same leaves, or a trained leaf is wanted at 0.
        """
        new, old = checked_shares(wanted, "wanted"), checked_shares(trained, "trained")
        if len(new) != len(old):
            raise ValueError(f"expected as many wanted shares as trained ones, got {len(new):,} and {len(old):,}")
        return cls(np.where(old > 0, new / np.where(old > 0, old, 1.0), 1.0), method)

    @property
    def changes(self) -> bool:
        """Is any probability changed?"""
        return bool((self.ratio != self.ratio[0]).any())

    def apply(self, probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """float [N, C] calibrated -> the same type, corrected; rows add up to 1.  Without a correction: as they came.

        Raises ValueError if there are not C columns.
        """
        given = np.asarray(probabilities)
        if given.ndim != 2 or given.shape[1] != len(self.ratio):
            raise ValueError(f"expected probabilities of shape [N, {len(self.ratio)}], got {list(given.shape)}")
        if not self.changes:
            return given
        corrected = given * self.ratio  # in float64: in float32, a rare leaf's row may come down to 0
        corrected /= corrected.sum(axis=1, keepdims=True)
        return corrected.astype(given.dtype, copy=False)

    def to_json(self, leaves: Sequence[str]) -> dict[str, Any]:
        """By leaf id, so that it holds whatever the order of the leaves.  Raises ValueError unless there are C ids."""
        if len(leaves) != len(self.ratio) or len(set(leaves)) != len(leaves):
            raise ValueError(f"expected {len(self.ratio):,} different leaf ids, got {len(set(leaves)):,}")
        ratio = dict(zip(leaves, self.ratio.tolist(), strict=True))
        return {"method": self.method, "products": self.products, "ratio": ratio}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], leaves: Sequence[str]) -> PriorShift:
        """Raises ValueError naming what is unknown, missing or of another kind."""
        wrong = set(values) ^ {"method", "products", "ratio"}
        if wrong:
            raise ValueError(f"expected a prior shift of method, products and ratio; see {sorted(wrong)}")
        ratio = values["ratio"]
        if not isinstance(ratio, Mapping):
            raise ValueError(f"expected a ratio for each leaf id, got {type(ratio).__name__}")
        for strange, words in ((set(ratio) - set(leaves), "of no leaf"), (set(leaves) - set(ratio), "missing")):
            if strange:
                raise ValueError(f"expected the ratio of each leaf, {len(strange):,} {words}, like {min(strange)!r}")
        try:
            numbers = np.array([float(ratio[leaf]) for leaf in leaves])
            products = int(values["products"])
        except (TypeError, ValueError) as error:
            raise ValueError(f"expected numbers in a prior shift ({error})") from None
        return cls(numbers, str(values["method"]), products)


def checked_shares(shares: npt.NDArray[np.floating], what: str) -> Doubles:
    """float [C] -> float64 [C] that adds up to 1 exactly.  Raises ValueError where it is not a mix of categories."""
    mix = np.asarray(shares, dtype=np.float64)
    if mix.ndim != 1 or not len(mix):
        raise ValueError(f"expected {what} shares of shape [C], got {list(mix.shape)}")
    if not np.isfinite(mix).all() or mix.min() < 0:
        raise ValueError(f"expected {what} shares of 0 or more, got {mix[~(mix >= 0)][:1].tolist() or 'infinity'}")
    total = float(mix.sum())
    if abs(total - 1) > 1e-3:
        raise ValueError(f"expected {what} shares that add up to 1, got {total:.4g}")
    scaled: Doubles = mix / total
    return scaled

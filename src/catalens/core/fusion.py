"""How the photos of a product are put together: one rule, carried by the bundle, for evaluation and serving alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from catalens.core.errors import BundleCorrupt
from catalens.core.scores import Floats, by_product, log_softmax, product_logits

Kind = Literal["mean", "max", "gated"]
KINDS: tuple[Kind, ...] = ("mean", "max", "gated")
FILE = "fusion.npz"  # in a bundle whose kind is "gated"
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Fusion:
    """M photos -> P products.  With one photo, every kind gives that photo's own probabilities; order never counts.

    mean: of the log-probabilities.  max: the largest log-probability of each class, renormalised.  gated: the mean
    again, where a photo weighs softmax(embedding . gate) among the photos of its product: attention over a set (Ilse
    et al., 2018) with a linear gate.  A gate has no constant, for the softmax would cancel it.

    `gate` is float32 [D] where the kind is "gated", else None.  Raises ValueError where these do not fit.
    """

    kind: Kind = "mean"
    gate: Floats | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"expected a fusion of {', '.join(KINDS)}, got {self.kind!r}")
        if (self.gate is not None) != (self.kind == "gated"):
            raise ValueError(f"expected a gate with fusion 'gated' and no other, got {self.kind!r}")
        if self.gate is not None and not (self.gate.ndim == 1 and np.isfinite(self.gate).all()):
            raise ValueError(f"expected a finite gate of shape [D], got {list(self.gate.shape)}")

    def fuse(
        self, product_ids: Sequence[str], logits: npt.NDArray[np.floating], embeddings: npt.NDArray[np.floating]
    ) -> tuple[tuple[str, ...], Doubles]:
        """ids [M], [M, C], [M, D] -> (ids of the P products in first-seen order, logits float64 [P, C]).

        Logits are known up to a constant a product, so `softmax` at any temperature makes probabilities of them.
        Photos' log-sums need no care where weights add up to 1 (they are constants again); the maximum does need them
        taken off first, else the photo with the largest logits wins and not the one that is most sure.
        """
        if self.kind == "mean":
            return product_logits(product_ids, logits)
        ids, order, starts = by_product(product_ids)
        if self.kind == "max":
            return ids, log_softmax(np.maximum.reduceat(log_softmax(logits)[order], starts, axis=0))
        weights = self.weights(product_ids, embeddings)[order]
        return ids, np.add.reduceat(weights[:, None] * logits[order], starts, axis=0)

    def weights(self, product_ids: Sequence[str], embeddings: npt.NDArray[np.floating]) -> Doubles:
        """How much each photo counts in the mean of its product: float64 [M], in (0, 1], adding up to 1 a product.

        For "max" there are no weights, and equal ones are given.
        """
        _, order, starts = by_product(product_ids)
        sizes = np.diff([*starts, len(order)])
        weights = np.empty(len(order))
        if self.gate is None:
            weights[order] = np.repeat(1 / sizes, sizes)
            return weights
        scores = embeddings[order].astype(np.float64) @ self.gate.astype(np.float64)
        scores = np.exp(scores - np.repeat(np.maximum.reduceat(scores, starts), sizes))
        weights[order] = scores / np.repeat(np.add.reduceat(scores, starts), sizes)
        return weights

    def write(self, folder: Path) -> None:
        """fusion.npz in `folder`, where there is anything to write; the same gate gives the same bytes."""
        if self.gate is not None:
            np.savez(folder / FILE, gate=self.gate.astype(np.float32))


def read_fusion(kind: Kind, folder: Path, *, dim: int) -> Fusion:
    """The fusion of a bundle with embeddings of `dim` numbers.  Raises BundleCorrupt naming the file."""
    if kind != "gated":
        return Fusion(kind)
    path = folder / FILE
    try:
        with np.load(path, allow_pickle=False) as values:
            gate = values["gate"].astype(np.float32)
        fusion = Fusion("gated", gate)
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise BundleCorrupt(f"does not hold a gate ({error})", source=str(path), key=FILE) from None
    if len(gate) != dim:
        message = f"expected a gate over embeddings of {dim} numbers, got {len(gate)}"
        raise BundleCorrupt(message, source=str(path), key=FILE)
    return fusion

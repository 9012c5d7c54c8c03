"""What a bundle makes of a product's outputs: the one chain from logits to a decision, for reports and serving."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from catalens.core.calibrator import Calibrator
from catalens.core.openworld import OpenWorld
from catalens.core.prior import PriorShift
from catalens.core.promise import Choice, Promise
from catalens.core.scores import Floats
from catalens.core.sets import SetRule
from catalens.core.taxonomy import Taxonomy

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """`shift` corrects for a mix of categories other than the trained one; promises and sets are then of that mix."""

    calibrator: Calibrator = field(default_factory=Calibrator)
    promises: tuple[Promise, ...] = ()
    sets: SetRule | None = None
    open_world: OpenWorld | None = None
    shift: PriorShift | None = None

    def probabilities(self, logits: npt.NDArray[np.floating]) -> Doubles:
        """float [P, C] of products -> calibrated float64 [P, C], rows sum to 1."""
        said = self.calibrator.probabilities(logits)
        return said if self.shift is None else np.asarray(self.shift.apply(said), dtype=np.float64)

    def verdicts(self, logits: npt.NDArray[np.floating], embeddings: Floats) -> list[str | None]:
        """[P, C], [P, D] -> "far", "near" or None for each product; all None where the bundle tells no strangers."""
        if self.open_world is None:
            return [None] * len(logits)
        return self.open_world.verdicts(logits, embeddings)

    def strange(self, logits: npt.NDArray[np.floating], embeddings: Floats) -> npt.NDArray[np.int64]:
        """The same as numbers, int64 [P]: 0 one of ours, 1 near, 2 far."""
        codes = {None: 0, "near": 1, "far": 2}
        return np.array([codes[verdict] for verdict in self.verdicts(logits, embeddings)], dtype=np.int64)

    def choose(
        self, promise: Promise, taxonomy: Taxonomy, probabilities: Doubles, strange: npt.NDArray[np.bool_]
    ) -> Choice:
        """The promise's answer; a product that is `strange` (bool [P]) is not filed."""
        choice = promise.choose(taxonomy, probabilities)
        choice.level[strange] = -1
        return choice

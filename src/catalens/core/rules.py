"""What a bundle makes of a product's outputs: the one chain from logits to a decision, for reports and serving."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from catalens.core.calibrator import Calibrator
from catalens.core.gallery import Gallery
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
    gallery: Gallery | None = None

    def probabilities(self, logits: npt.NDArray[np.floating], embeddings: Floats | None = None) -> Doubles:
        """float [P, C] of products -> calibrated float64 [P, C + G], rows sum to 1.

        Where G categories were added, their embeddings float32 [P, D] are needed too.
        """
        said = self.calibrator.probabilities(logits)
        if self.shift is not None:
            said = np.asarray(self.shift.apply(said), dtype=np.float64)
        if self.gallery is None:
            return said
        if embeddings is None:
            raise ValueError("expected embeddings beside the logits, for categories were added by photos")
        return self.gallery.extend(said, embeddings)

    def verdicts(self, logits: npt.NDArray[np.floating], embeddings: Floats) -> list[str | None]:
        """[P, C], [P, D] -> "far", "near" or None for each product; all None where the bundle tells no strangers."""
        if self.open_world is None:
            return [None] * len(logits)
        found = self.open_world.verdicts(logits, embeddings)
        if self.gallery is None:
            return found
        added = self.probabilities(logits, embeddings).argmax(axis=1) >= self.gallery.classes
        return [None if known and verdict == "near" else verdict for verdict, known in zip(found, added, strict=True)]

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
        if self.gallery is not None:
            choice.level[self.gallery.unpromised(probabilities)] = -1
        return choice

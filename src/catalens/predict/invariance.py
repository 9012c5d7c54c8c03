"""Two ways to ask a graph the same thing have to give the same answer.  Used by the export gate and by `doctor`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from catalens.core.scores import Floats
from catalens.predict.session import CHUNK, Session

BATCH_TOLERANCE = 1e-4  # of a logit
LOGIT_TOLERANCE = 1e-3


def batch_delta(session: Session, pixels: npt.NDArray[np.uint8]) -> float:
    """uint8 [N, S, S, 3] -> the largest difference of a logit between photos run one by one and 32 at a time."""
    alone = np.concatenate([session.run(photo[None])[0] for photo in pixels])
    rows = np.resize(np.arange(len(pixels)), -(-len(pixels) // CHUNK) * CHUNK)  # full batches: photos come round again
    together = session.run(pixels[rows])[0]
    return float(np.abs(together - alone[rows]).max(initial=0.0))


def other_answers(expected: Floats, got: Floats, tolerance: float) -> npt.NDArray[np.int64]:
    """Rows of float [N, C] whose best class differs, those aside where `expected` ties the two within `tolerance`."""
    rows = np.arange(len(expected))
    lead = expected.max(axis=1) - expected[rows, got.argmax(axis=1)]
    return np.flatnonzero(~(lead <= tolerance))

"""The gate between a checkpoint and a bundle: on hostile photos both have to give the same answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from catalens.core.errors import ParityError
from catalens.core.scores import Floats
from catalens.predict.invariance import BATCH_TOLERANCE, LOGIT_TOLERANCE, batch_delta, other_answers
from catalens.predict.session import Session


@dataclass(frozen=True, slots=True)
class ParityReport:
    """Largest differences over `images` photos: of a logit and of an embedding's element between checkpoint and graph,
    and of a logit between a photo alone and among 32."""

    images: int
    logit_delta: float
    embedding_delta: float
    batch_delta: float


def check_parity(
    model: nn.Module, session: Session, names: Sequence[str], pixels: npt.NDArray[np.uint8]
) -> ParityReport:
    """uint8 [N, S, S, 3] through both.  Raises ParityError naming the photo that differs most, and by how much."""
    with torch.inference_mode():
        expected = [output.float().numpy() for output in model.eval()(torch.from_numpy(pixels))]
    got = session.run(pixels)
    deltas = []
    names_of = ("logits", "embeddings", *(f"values of {name!r}" for name in session.attributes))
    for what, reference, outputs in zip(names_of, expected, got, strict=True):
        deltas.append(_largest(what, names, np.abs(reference - outputs)))
    logits = expected[0]
    for row in other_answers(logits, got[0], LOGIT_TOLERANCE):
        raise ParityError(
            f"expected class {logits[row].argmax()}, the graph says {got[0][row].argmax()}",
            source=names[row],
            key="top1",
        )
    alone = batch_delta(session, pixels)
    if not alone <= BATCH_TOLERANCE:
        raise ParityError(
            f"the graph answers differently to a photo alone and among 32: a logit by {alone:.2e}, "
            f"{BATCH_TOLERANCE:g} allowed",
            key="batch",
        )
    return ParityReport(len(names), deltas[0], deltas[1], alone)


def _largest(what: str, names: Sequence[str], delta: Floats) -> float:
    worst_of = np.nan_to_num(delta.max(axis=1), nan=np.inf)
    worst = int(worst_of.argmax())
    if worst_of[worst] > LOGIT_TOLERANCE:
        failing = int((worst_of > LOGIT_TOLERANCE).sum())
        raise ParityError(
            f"the graph's {what} differ from the checkpoint's by {worst_of[worst]:.4g}, {LOGIT_TOLERANCE:g} allowed "
            f"({failing} of {len(names)} photos fail); nothing was written",
            source=names[worst],
            key=what,
        )
    return float(worst_of[worst])

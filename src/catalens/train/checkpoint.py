"""How a trained model comes back out of a run folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from catalens.core.preprocess import Preprocess
from catalens.core.taxonomy import Taxonomy
from catalens.train.attributes import Vocabulary
from catalens.train.backbones import SCRATCH, create
from catalens.train.epochs import TAXONOMY, read_epoch, read_info, settings_of
from catalens.train.model import Classifier, build
from catalens.train.tail import apply


@dataclass(frozen=True)
class TrainedRun:
    """`model` in eval mode, the preprocessing and classes it was trained with, and what run.json says."""

    model: Classifier
    preprocess: Preprocess
    taxonomy: Taxonomy
    info: dict[str, Any]


def load_run(folder: Path, weights: Literal["best", "last"] | None = None, *, tail: bool = True) -> TrainedRun:
    """Rebuild the model of a run.

    `weights` picks the epoch; None takes the one that the run was told to keep.  The classifier is the one that was
    changed for the long tail, where it was changed for this epoch's, unless `tail` is false.
    Raises ConfigError if there is no such epoch.
    """
    info = read_info(folder)
    settings = settings_of(info, folder)
    state = read_epoch(folder, settings, weights)
    preprocess = Preprocess.from_json(info["preprocess"])
    taxonomy = Taxonomy.read(folder / TAXONOMY)
    backbone = create(settings.model, weights=SCRATCH, size=preprocess.size, options=info["backbone"])
    attributes = Vocabulary.from_json(info.get("attributes", {}))
    model = build(
        backbone,
        preprocess,
        classes=len(taxonomy.leaves),
        dropout=settings.dropout,
        attributes=attributes.sizes,
    )
    model.load_state_dict(state)
    if tail:
        apply(model, folder)
    return TrainedRun(model.eval(), preprocess, taxonomy, info)

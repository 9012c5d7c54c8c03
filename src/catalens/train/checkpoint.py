"""A run folder: what it holds, and how a trained model comes back out of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from catalens.core.catalog import write_json
from catalens.core.errors import ConfigError
from catalens.core.preprocess import Preprocess
from catalens.core.taxonomy import Taxonomy
from catalens.train.attributes import Vocabulary
from catalens.train.backbones import SCRATCH, create
from catalens.train.model import Classifier, build
from catalens.train.settings import TrainSettings
from catalens.train.tail import apply

INFO, TAXONOMY, CHECKPOINTS = "run.json", "taxonomy.parquet", "checkpoints"


@dataclass(frozen=True)
class TrainedRun:
    """`model` in eval mode, the preprocessing and classes it was trained with, and what run.json says."""

    model: Classifier
    preprocess: Preprocess
    taxonomy: Taxonomy
    info: dict[str, Any]


def read_info(folder: Path) -> dict[str, Any]:
    """run.json.  Raises ConfigError if the folder is not a run."""
    try:
        info: dict[str, Any] = json.loads((folder / INFO).read_text(encoding="utf-8"))
    except OSError:
        raise ConfigError("is not a training run: it has no run.json", source=str(folder)) from None
    except ValueError as error:
        raise ConfigError(f"is not JSON ({error})", source=str(folder / INFO)) from None
    return info


def write_info(folder: Path, info: dict[str, Any]) -> None:
    write_json(info, folder / INFO)


def load_run(folder: Path, weights: Literal["best", "last"] | None = None, *, tail: bool = True) -> TrainedRun:
    """Rebuild the model of a run.

    `weights` picks the epoch; None takes the one that the run was told to keep.  The classifier is the one that was
    changed for the long tail, where it was changed for this epoch's, unless `tail` is false.
    Raises ConfigError if there is no such epoch.
    """
    info = read_info(folder)
    settings = TrainSettings.model_validate(info["settings"])
    path = folder / CHECKPOINTS / f"{weights or settings.keep}.ckpt"
    if not path.exists():
        raise ConfigError(f"has no checkpoint {path.name}; was an epoch finished?", source=str(folder))
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
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    prefix = "averaged.module." if settings.ema else "model."
    model.load_state_dict({key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)})
    if tail:
        apply(model, folder)
    return TrainedRun(model.eval(), preprocess, taxonomy, info)

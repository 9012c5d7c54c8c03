"""What a run folder keeps: run.json, and the weights of its best and its last epoch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from catalens.core.catalog import write_json
from catalens.core.errors import ConfigError
from catalens.train.settings import TrainSettings

INFO, TAXONOMY, CHECKPOINTS = "run.json", "taxonomy.parquet", "checkpoints"


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


def read_epoch(
    folder: Path, settings: TrainSettings, weights: Literal["best", "last"] | None = None
) -> dict[str, Tensor]:
    """The state dict of the whole classifier after an epoch, averaged where `settings.ema` is on.

    None takes the epoch that the run was told to keep.  Raises ConfigError if there is no such epoch.
    """
    path = folder / CHECKPOINTS / f"{weights or settings.keep}.ckpt"
    if not path.exists():
        raise ConfigError(f"has no checkpoint {path.name}; was an epoch finished?", source=str(folder))
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    prefix = "averaged.module." if settings.ema else "model."
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}

"""What a run folder keeps: run.json, and the weights of its best and its last epoch."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from catalens.core.catalog import write_json
from catalens.core.errors import ConfigError
from catalens.train.settings import TrainSettings

INFO, TAXONOMY, CHECKPOINTS, LAST = "run.json", "taxonomy.parquet", "checkpoints", "last.ckpt"


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


def settings_of(info: dict[str, Any], folder: Path) -> TrainSettings:
    """The settings in run.json.  Raises ConfigError where this version does not know them."""
    try:
        return TrainSettings.model_validate(info["settings"])
    except (KeyError, ValueError) as error:
        cause = str(error).splitlines()[0]
        raise ConfigError(f"holds no settings of this version ({cause})", source=str(folder / INFO)) from None


def epoch_path(folder: Path, settings: TrainSettings, weights: Literal["best", "last"] | None = None) -> Path:
    """The checkpoint of an epoch, or of that which the run was told to keep.  Raises ConfigError if there is none."""
    path = folder / CHECKPOINTS / f"{weights or settings.keep}.ckpt"
    if not path.exists():
        raise ConfigError(f"has no checkpoint {path.name}; was an epoch finished?", source=str(folder))
    return path


def read_epoch(
    folder: Path, settings: TrainSettings, weights: Literal["best", "last"] | None = None
) -> dict[str, Tensor]:
    """The state dict of the whole classifier after an epoch, averaged where `settings.ema` is on.

    Raises ConfigError if there is no such epoch, or it is damaged.
    """
    path = epoch_path(folder, settings, weights)
    try:
        state = load_torch(path)["state_dict"]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"is no whole checkpoint ({error}); train again", source=str(path)) from None
    prefix = "averaged.module." if settings.ema else "model."
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def load_torch(path: Path) -> Any:
    """What a file of torch holds; no code in it is run.  Raises ValueError in one line."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        cause = str(error).strip().splitlines()[0][:160]
        raise ValueError(f"more than weights, or damaged: {cause}") from None
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError((str(error).splitlines() or [type(error).__name__])[0][:200]) from None

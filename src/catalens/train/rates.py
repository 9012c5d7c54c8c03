"""How fast each parameter learns: by where it stands in the network, and by the step."""

from __future__ import annotations

import math
from typing import Any

from timm.models import group_parameters
from torch import nn

from catalens.train.model import Classifier
from catalens.train.settings import TrainSettings


def parameter_groups(model: Classifier, settings: TrainSettings) -> list[dict[str, Any]]:
    """Groups for the optimiser: heads at `lr`, the backbone at `backbone_lr` times that, biases and norms undecayed.

    With `layer_decay` below 1 each stage of the backbone, as timm groups them, learns at that multiple of the next
    one's rate (Clark et al. 2020; Bao et al. 2022): the early, general layers change least.
    """
    depth = _depths(model.backbone) if settings.layer_decay < 1 else {}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = settings.lr
        if name.startswith("backbone."):
            below_last = depth.get(name.removeprefix("backbone."), 0)
            rate *= settings.backbone_lr * settings.layer_decay**below_last
        decay = settings.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": params, "lr": rate, "weight_decay": decay} for (rate, decay), params in groups.items()]


def _depths(network: nn.Module) -> dict[str, int]:
    """Name of a parameter -> how many stages stand between it and the classifier; 0 for the last stage."""
    groups = group_parameters(network, network.group_matcher(coarse=True))  # type: ignore[operator]
    return {name: len(groups) - 1 - place for place, group in enumerate(sorted(groups)) for name in groups[group]}


def warmup_cosine(step: int, warmup: int, steps: int) -> float:
    """Factor of the peak rate: linear up over `warmup` steps, then a half cosine down to 0."""
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def warmup_constant(step: int, warmup: int, steps: int) -> float:
    """Factor of the peak rate: linear up over `warmup` steps, then 1."""
    return (step + 1) / warmup if step < warmup else 1.0

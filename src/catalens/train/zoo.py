"""What can be trained: parameters, input size and cost of a network, counted without computing anything."""

from __future__ import annotations

from dataclasses import dataclass

import timm
import torch
from torch.utils.flop_counter import FlopCounterMode

from catalens.train.backbones import create
from catalens.train.cnn import OWN_MODELS

# the field's classics, small to large; every other timm name works as well
CLASSICS = (
    "mobilenetv2_100",
    "mobilenetv3_large_100",
    "efficientnet_b0",
    "resnet18",
    "resnet50",
    "tf_efficientnetv2_s",
    "convnext_tiny",
    "inception_v3",
    "vgg16",
    "vit_tiny_patch16_224",
    "vit_base_patch16_224",
)
OWN_SIZE = 128


@dataclass(frozen=True, slots=True)
class ModelCost:
    """`params` of the backbone, `size` of its usual square in pixels, `gmacs`: 10^9 multiply-adds for one."""

    name: str
    params: int
    size: int
    gmacs: float


def listed() -> tuple[str, ...]:
    """The names that `catalens train --models` shows."""
    return (*OWN_MODELS, *CLASSICS)


def cost(name: str) -> ModelCost:
    """Count parameters and multiply-adds on torch's meta device: no memory, no arithmetic.  Raises ConfigError."""
    config = timm.models.get_pretrained_cfg(name)
    size = config.input_size[-1] if config is not None else OWN_SIZE
    with torch.device("meta"):
        network = create(name, size=size).network.eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(torch.empty(1, 3, size, size))
    params = sum(parameter.numel() for parameter in network.parameters())
    return ModelCost(name, params, size, round(counter.get_total_flops() / 2e9, 3))

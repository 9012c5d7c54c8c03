"""What can be trained, and what it costs: counted without computing anything, and measured on this machine if asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Literal

import timm
import torch
from huggingface_hub import try_to_load_from_cache
from timm.models import PretrainedCfg
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from catalens.core.progress import Progress, silent
from catalens.train.backbones import create
from catalens.train.cnn import OWN_MODELS

# the field's classics, by family and small to large; every other timm name works as well
CLASSICS = (
    "mobilenetv2_100",
    "mobilenetv3_large_100",
    "mobilenetv4_conv_small",
    "mobilenetv4_conv_medium",
    "efficientnet_b0",
    "tf_efficientnetv2_s",
    "tf_efficientnetv2_m",
    "tf_efficientnetv2_l",
    "resnet18",
    "resnet50",
    "inception_v3",
    "vgg16",
    "vgg19",
    "convnext_tiny",
    "vit_tiny_patch16_224",
    "vit_small_patch16_224",
    "vit_base_patch16_224",
)
OWN_SIZE = 128
HUB_FILES = ("model.safetensors", "pytorch_model.bin")  # in the order in which timm asks for them
LONG_MS = 500.0  # a forward pass that takes so long is not measured as often
Weights = Literal["cached", "download", "none"]


@dataclass(frozen=True, slots=True)
class ModelCost:
    """`params` of the backbone, `size` of its usual square in pixels, `gmacs`: 10^9 multiply-adds for one.

    `ms` a photo takes here, None where it was not measured.  `weights`: pretrained ones are in timm's "cache" on this
    machine, would have to be downloaded, or there are none.
    """

    name: str
    params: int
    size: int
    gmacs: float
    weights: Weights
    ms: float | None = None


def listed() -> tuple[str, ...]:
    """The names that `catalens train --models` shows."""
    return (*OWN_MODELS, *CLASSICS)


def table(
    names: Sequence[str] = (),
    *,
    measured: bool,
    progress: Progress = silent,
) -> list[ModelCost]:
    """The cost of each name, of all that are listed where none is given.  Raises ConfigError for an unknown name."""
    names = names or listed()
    costs = []
    for done, name in enumerate(names):
        progress(done, len(names))
        costs.append(cost(name, measured=measured))
    progress(len(names), len(names))
    return costs


def cost(name: str, *, measured: bool = False) -> ModelCost:
    """Count parameters and multiply-adds on torch's meta device: no memory, no arithmetic.  Raises ConfigError.

    With `measured`, a photo is run as well, at the usual size.
    """
    config = timm.models.get_pretrained_cfg(name)
    size = config.input_size[-1] if config is not None else OWN_SIZE
    with torch.device("meta"):
        network = create(name, size=size).network.eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(torch.empty(1, 3, size, size))
    params = sum(parameter.numel() for parameter in network.parameters())
    gmacs = round(counter.get_total_flops() / 2e9, 3)
    ms = milliseconds(network, size) if measured else None
    return ModelCost(name, params, size, gmacs, weights_of(config), ms)


def milliseconds(network: nn.Module, size: int) -> float:
    """The median time of one photo through a network on the meta device, in eval mode, by torch on the CPU.

    It is filled with one value instead of weights: time does not depend on them, and filling is ten times as fast as
    drawing a VGG's.  The first pass is not counted.
    """
    network = network.to_empty(device="cpu")
    with torch.inference_mode():
        for tensor in (*network.parameters(), *network.buffers()):
            tensor.fill_(0.01 if tensor.is_floating_point() else 0)
        pixels = torch.zeros(1, 3, size, size).contiguous(memory_format=torch.channels_last)
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        first = _once(network, pixels)
        return round(median(_once(network, pixels) for _ in range(2 if first > LONG_MS else 5)), 2)


def weights_of(config: PretrainedCfg | None) -> Weights:
    """Where pretrained weights would come from; looks into the caches of this machine and never at the network."""
    if config is None or not config.has_weights:
        return "none"
    if config.hf_hub_id:
        hub_id, _, revision = config.hf_hub_id.partition("@")
        files = (config.hf_hub_filename,) if config.hf_hub_filename else HUB_FILES
        found: Any = [try_to_load_from_cache(hub_id, file, revision=revision or None) for file in files]
        return "cached" if any(isinstance(path, str) for path in found) else "download"
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(str(config.url)).name
    return "cached" if path.is_file() else "download"


def _once(network: nn.Module, pixels: torch.Tensor) -> float:
    start = perf_counter()
    network(pixels)
    return (perf_counter() - start) * 1000

"""One factory for every network: ours and timm's, with weights from nowhere, from timm, or from a local file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError, safe_open
from timm.models import group_parameters
from torch import nn

from catalens.core.errors import ConfigError
from catalens.core.preprocess import IMAGENET_MEAN, IMAGENET_STD, Rgb
from catalens.core.registry import hint
from catalens.train.cnn import OWN_MODELS  # importing it registers our networks

SCRATCH, TIMM = "scratch", "timm"
Options = dict[str, Any]


class Backbone:
    """A network without its classifier, and the pixel statistics its weights expect.

    `network` maps float [N, 3, S, S] to features [N, `features`]; `options` are the keyword arguments it was built
    with.
    """

    def __init__(self, network: nn.Module, options: Options, *, mean: Rgb, std: Rgb) -> None:
        self.network = network
        self.options = options
        self.features: int = getattr(network, "head_hidden_size", None) or network.num_features  # type: ignore[assignment]
        self.mean = mean
        self.std = std


def create(name: str, *, weights: str = SCRATCH, size: int, options: Options | None = None) -> Backbone:
    """Build the network `name`.

    `weights` is "scratch", "timm" (fetched and cached by timm), or the path of a safetensors file of a timm state dict.
    `size` is the side of the photos in pixels, which some transformers have to be told.  `options` go to timm.
    Raises ConfigError if the name is unknown, the weights cannot be had, or keys are missing.
    """
    options = dict(options or {})
    if not timm.is_model(name):
        near = hint(name, [*OWN_MODELS, *timm.list_models()])
        message = f"unknown model {name!r}{near}; `catalens train --models` lists ours and the classics"
        raise ConfigError(message, key="model")
    if weights == SCRATCH:
        return Backbone(_build(name, size, options), options, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    if weights == TIMM:
        return _from_timm(name, size, options)
    return _from_file(name, Path(weights), size, options)


def last_stages(network: nn.Module, count: int) -> set[str]:
    """Names of the parameters in the last `count` stages, as timm groups them, plus any head after them."""
    groups = group_parameters(network, network.group_matcher(coarse=True))  # type: ignore[operator]
    wanted = sorted(groups)[-count:]
    return {name for group in wanted for name in groups[group]}


def _build(name: str, size: int, options: Options, *, pretrained: bool = False) -> nn.Module:
    config = timm.models.get_pretrained_cfg(name)
    sized: dict[str, Any] = {"img_size": size} if config is not None and config.fixed_input_size else {}
    try:
        network: nn.Module = timm.create_model(name, pretrained=pretrained, num_classes=0, **sized, **options)
    except TypeError as error:
        raise ConfigError(
            f"model {name!r} does not take {sorted({**sized, **options})} ({error})", key="model"
        ) from None
    return network


def _from_timm(name: str, size: int, options: Options) -> Backbone:
    config = timm.models.get_pretrained_cfg(name)
    if config is None or not config.has_weights:
        raise ConfigError(
            f"timm has no pretrained weights for {name!r}; use --weights scratch or a file", key="weights"
        )
    try:
        network = _build(name, size, options, pretrained=True)
    except (OSError, RuntimeError) as error:  # huggingface_hub and urllib errors are OSErrors
        cause = str(error).splitlines()[0][:200]
        message = f"the weights of {name!r} could not be fetched ({cause}); give a local file with --weights FILE"
        raise ConfigError(message, key="weights") from None
    return Backbone(network, options, mean=_rgb(config.mean), std=_rgb(config.std))


def _from_file(name: str, path: Path, size: int, options: Options) -> Backbone:
    state, metadata = _read(path)
    arch = metadata.get("arch", name)
    if arch != name:
        raise ConfigError(f"holds weights of {arch!r}, not of {name!r}", source=str(path), key="weights")
    built_with = {key: value for key, value in json.loads(metadata.get("kw", "{}")).items() if key != "num_classes"}
    options = {**built_with, **options}
    network = _build(name, size, options)
    expected = network.state_dict()
    classifier = getattr(network, "pretrained_cfg", {}).get("classifier", "fc")
    given = {key: value for key, value in state.items() if not key.startswith(f"{classifier}.")}
    missing, surplus = sorted(set(expected) - set(given)), sorted(set(given) - set(expected))
    unequal = sorted(key for key in set(expected) & set(given) if expected[key].shape != given[key].shape)
    for what, keys in (("lacks", missing), ("has unknown", surplus), ("has another shape of", unequal)):
        if keys:
            shown = ", ".join(keys[:5]) + (", ..." if len(keys) > 5 else "")
            raise ConfigError(f"{what} {len(keys)} keys of {name!r}: {shown}", source=str(path), key="weights")
    network.load_state_dict({key: value.to(expected[key].dtype) for key, value in given.items()})
    mean, std = (json.loads(metadata[key]) if key in metadata else None for key in ("mean", "std"))
    return Backbone(network, options, mean=_rgb(mean or IMAGENET_MEAN), std=_rgb(std or IMAGENET_STD))


def _read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    try:
        with safe_open(path, "pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"cannot be read as safetensors ({error})", source=str(path), key="weights") from None


def _rgb(values: Sequence[float]) -> Rgb:
    red, green, blue = values
    return (red, green, blue)

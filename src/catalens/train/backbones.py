"""One factory for every network: ours and timm's, with weights from nowhere, timm, a local file or an earlier run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timm
from timm.models import group_parameters
from torch import nn

from catalens.core.errors import ConfigError
from catalens.core.preprocess import IMAGENET_MEAN, IMAGENET_STD, Rgb
from catalens.core.registry import hint
from catalens.train.cnn import OWN_MODELS  # importing it registers our networks
from catalens.train.input_size import accept_small_squares, check_size
from catalens.train.weights import WeightsFile, load_state, read_run_weights, read_weights

SCRATCH, TIMM = "scratch", "timm"
IDENTITY = "identity"  # the one option that is not timm's: modules that are replaced by doing nothing
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

    `weights` is "scratch", "timm" (fetched and cached by timm), the path of a file (a timm state dict in safetensors or
    in torch's own format), or the folder of an earlier run of the same network.  `size` is the side of the photos in
    pixels, which some transformers have to be told.  `options` go to timm; but for "identity": names of modules that
    are left out, such as an activation the weights do without.
    Raises ConfigError if the name is unknown, the weights cannot be had, keys are missing, or the size does not suit.
    """
    options = dict(options or {})
    if not timm.is_model(name):
        near = hint(name, [*OWN_MODELS, *timm.list_models()])
        message = f"unknown model {name!r}{near}; `catalens train --models` lists ours and the classics"
        raise ConfigError(message, key="model")
    if weights == SCRATCH:
        backbone = Backbone(_build(name, size, options), options, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    elif weights == TIMM:
        backbone = _from_timm(name, size, options)
    elif (path := Path(weights)).is_dir():
        backbone = _from_file(name, read_run_weights(path), size, options)
    else:
        backbone = _from_file(name, read_weights(path), size, options)
    check_size(name, backbone.network, size, features=backbone.features)
    return backbone


def last_stages(network: nn.Module, count: int) -> set[str]:
    """Names of the parameters in the last `count` stages, as timm groups them, plus any head after them.

    What no pattern of timm's matches stands behind the stages (the norm of ConvNeXt and Swin, a last convolution of
    MobileNetV3): timm makes a group of its own of it, which is a head and no stage.
    """
    matcher = network.group_matcher(coarse=True)  # type: ignore[operator]
    found = group_parameters(network, matcher)
    groups = [found[key] for key in sorted(found)]
    if len(groups) > 1 and isinstance(matcher, dict) and not any(_matched(name, matcher) for name in groups[-1]):
        head = groups.pop()
        groups[-1] = [*groups[-1], *head]
    return {name for group in groups[-count:] for name in group}


def _matched(name: str, matcher: dict[str, Any]) -> bool:
    """Is it in a group by a pattern?  A value is a pattern, or a list of (pattern, place)."""
    patterns = [[value] if isinstance(value, str) else [one[0] for one in value or ()] for value in matcher.values()]
    return any(re.match(pattern, name) for several in patterns for pattern in several)


def _build(name: str, size: int, options: Options, *, pretrained: bool = False) -> nn.Module:
    config = timm.models.get_pretrained_cfg(name)
    sized: dict[str, Any] = {"img_size": size} if config is not None and config.fixed_input_size else {}
    given = {key: value for key, value in options.items() if key != IDENTITY}
    try:
        network: nn.Module = timm.create_model(name, pretrained=pretrained, num_classes=0, **sized, **given)
    except TypeError as error:
        raise ConfigError(f"model {name!r} does not take {sorted({**sized, **given})} ({error})", key="model") from None
    except (AssertionError, ValueError) as error:  # how timm refuses a size or an option
        raise ConfigError(f"model {name!r} cannot be built at {size} pixels ({error})", key="size") from None
    for module in options.get(IDENTITY, ()):
        try:
            network.set_submodule(module, nn.Identity(), strict=True)
        except (AttributeError, ValueError):
            raise ConfigError(f"model {name!r} has no module {module!r} to leave out", key=IDENTITY) from None
    return accept_small_squares(network)


def _from_timm(name: str, size: int, options: Options) -> Backbone:
    config = timm.models.get_pretrained_cfg(name)
    if config is None or not config.has_weights:
        raise ConfigError(
            f"timm has no pretrained weights for {name!r}; use --weights scratch or a file", key="weights"
        )
    try:
        network = _build(name, size, options, pretrained=True)
    except (OSError, RuntimeError) as error:  # huggingface_hub and urllib errors are OSErrors
        cause = (str(error).splitlines() or [type(error).__name__])[0][:200]
        message = f"the weights of {name!r} could not be fetched ({cause}); give a local file with --weights FILE"
        raise ConfigError(message, key="weights") from None
    return Backbone(network, options, mean=_rgb(config.mean), std=_rgb(config.std))


def _from_file(name: str, file: WeightsFile, size: int, options: Options) -> Backbone:
    if file.arch not in (None, name):
        raise ConfigError(f"holds weights of {file.arch!r}, not of {name!r}", source=str(file.path), key="weights")
    left_out = {IDENTITY: list(file.identity)} if file.identity else {}
    options = {**file.options, **left_out, **options}
    network = _build(name, size, options)
    load_state(network, file, name)
    config = timm.models.get_pretrained_cfg(name)
    mean, std = (config.mean, config.std) if config is not None else (IMAGENET_MEAN, IMAGENET_STD)
    return Backbone(network, options, mean=_rgb(file.mean or mean), std=_rgb(file.std or std))


def _rgb(values: Sequence[float]) -> Rgb:
    red, green, blue = values
    return (red, green, blue)

"""Which squares a network takes: said in words before training, not by torch in the middle of a layer."""

from __future__ import annotations

import torch
from timm.models.vgg import ConvMlp
from torch import Tensor, nn
from torch.func import functional_call

from catalens.core.errors import ConfigError

LARGEST = 1024  # where the search for the least size ends


def check_size(name: str, network: nn.Module, size: int, *, features: int) -> None:
    """Raises ConfigError if `network` does not turn [N, 3, size, size] into one vector [N, `features`] a photo.

    Only shapes are computed, on torch's meta device.
    """
    patch = _patch(network)
    if patch and size % patch:
        below, above = size // patch * patch, (size // patch + 1) * patch
        nearest = f"{below} or {above}" if below else f"{above}"
        message = f"model {name!r} cuts photos into patches of {patch} pixels, and {size} is no multiple; try {nearest}"
        raise ConfigError(message, key="size")
    shape = _shape(network, size)
    if shape is None:
        least = _least(network, size) if not patch else None
        advice = f"it takes {least} pixels and more" if least else "choose another size or another model"
        raise ConfigError(f"model {name!r} does not take photos of {size} pixels; {advice}", key="size")
    if shape != () and shape[1:] != (features,):
        raise ConfigError(
            f"model {name!r} gives {list(shape[1:])} for a photo, expected one vector of {features}; "
            "it is no classification network",
            key="model",
        )


def accept_small_squares(network: nn.Module) -> nn.Module:
    """VGG's head is a 7x7 convolution: below 224 pixels its input is spread to 7x7, in a way that can be exported.

    timm spreads it by adaptive pooling, which ONNX has no operator for; the sums are the same.
    """
    for part in network.modules():
        if isinstance(part, ConvMlp):
            part.register_forward_pre_hook(_spread)
    return network


def _spread(part: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """[N, D, h, w] -> [N, D, max(h, kernel), max(w, kernel)] as adaptive average pooling does."""
    (x,) = inputs
    kernel: int = part.input_kernel_size  # type: ignore[assignment]
    height, width = int(x.shape[-2]), int(x.shape[-1])
    if height >= kernel and width >= kernel:
        return inputs
    rows, columns = (_pooling(side, max(side, kernel)).to(x) for side in (height, width))
    return (rows @ x @ columns.T,)


def _pooling(inputs: int, outputs: int) -> Tensor:
    """float32 [outputs, inputs]: row i averages the inputs from floor(i n / m) to ceil((i + 1) n / m)."""
    table = [[0.0] * inputs for _ in range(outputs)]
    for row in range(outputs):
        start, end = row * inputs // outputs, -(-(row + 1) * inputs // outputs)
        table[row][start:end] = [1 / (end - start)] * (end - start)
    return torch.tensor(table)  # of a list: tracing takes it for a constant


def _patch(network: nn.Module) -> int:
    """The side of a transformer's patches in pixels; 0 where photos are not cut into patches of a fixed grid."""
    patches = getattr(network, "patch_embed", None)
    side = getattr(patches, "patch_size", None)
    if getattr(patches, "grid_size", None) is None or side is None:
        return 0
    return int(side[0] if isinstance(side, (tuple, list)) else side)


def _shape(network: nn.Module, size: int) -> tuple[int, ...] | None:
    """The shape of what comes out for two photos; None if they are refused, () if it cannot be told without data."""
    tensors = [*network.named_parameters(), *network.named_buffers()]
    state = {key: value.detach().to("meta") for key, value in tensors}
    training = network.training
    try:
        with torch.no_grad():
            out = functional_call(network.eval(), state, (torch.empty(2, 3, size, size, device="meta"),))
    except NotImplementedError:  # an operator without shape arithmetic
        return ()
    except (RuntimeError, AssertionError, ValueError) as error:
        # tensors that are neither parameters nor buffers stay on the CPU: then nothing is known
        return () if "meta" in str(error) else None
    finally:
        network.train(training)
    return tuple(out.shape) if isinstance(out, Tensor) else (2, 0, 0)


def _least(network: nn.Module, refused: int) -> int | None:
    """The least size above `refused` that is taken, found by halving."""
    low, high = refused, LARGEST
    if _shape(network, high) is None:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _shape(network, middle) is None else (low, middle)
    return high

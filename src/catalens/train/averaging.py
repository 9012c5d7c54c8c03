"""An exponential moving average of the weights, as timm keeps it, over the tensors that training changes."""

from __future__ import annotations

from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn


class Averaged(ModelEmaV3):
    """`module` is a copy of the model whose weights are averages.  The decay grows over the first steps.

    timm's own goes through every tensor by name at each step; where a trunk is frozen, that took longer than averaging.
    """

    def __init__(self, model: nn.Module, *, decay: float) -> None:
        super().__init__(model, decay=decay, use_warmup=True)
        self.requires_grad_(False)  # several processes would wait for its gradients
        self._averages: list[Tensor] = []
        self._weights: list[Tensor] = []  # of the model, one for each average
        self._counts: list[tuple[Tensor, Tensor]] = []  # how many batches a norm has seen

    def look_again(self) -> None:
        """Forget which tensors change: after a move to another device they are other ones."""
        self._averages = []

    def apply_update_(self, model: nn.Module, decay: float) -> None:
        if not self._averages:
            pairs = changing(self.module, model)
            self._averages = [average for average, _ in pairs if average.is_floating_point()]
            self._weights = [value for average, value in pairs if average.is_floating_point()]
            self._counts = [pair for pair in pairs if not pair[0].is_floating_point()]
        self._foreach_lerp_(self._averages, self._weights, weight=1 - decay)
        for average, value in self._counts:
            average.copy_(value)


def changing(averaged: nn.Module, model: nn.Module) -> list[tuple[Tensor, Tensor]]:
    """(average, own) of each parameter of `model` that is trained, and of each buffer of a part in training mode."""
    pairs: list[tuple[Tensor, Tensor]] = []
    for average, own in zip(averaged.modules(), model.modules(), strict=True):
        for name, parameter in own.named_parameters(recurse=False):
            if parameter.requires_grad:
                pairs.append((average.get_parameter(name).data, parameter.data))
        if own.training:
            pairs += [(average.get_buffer(name), buffer) for name, buffer in own.named_buffers(recurse=False)]
    return pairs

"""The network that is trained and exported: arithmetic, backbone, classifier."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from catalens.core.preprocess import Preprocess
from catalens.train.backbones import Backbone
from catalens.train.layout import keep_channels_last


class Normalise(nn.Module):
    """uint8 [N, S, S, 3] -> float32 [N, 3, S, S].  The only reader of `Preprocess.mean` and `.std`."""

    scale: Tensor
    shift: Tensor

    def __init__(self, preprocess: Preprocess, *, channels_last: bool = True) -> None:
        super().__init__()
        self._channels_last = channels_last
        std = torch.tensor(preprocess.std)
        self.register_buffer("scale", (1 / (255 * std)).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", (-torch.tensor(preprocess.mean) / std).view(1, 3, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        channels_first = pixels.permute(0, 3, 1, 2)  # a view: in memory the channels are still last
        if not self._channels_last:
            channels_first = channels_first.contiguous()
        return channels_first.to(self.scale.dtype) * self.scale + self.shift


class Classifier(nn.Module):
    """uint8 [N, S, S, 3] -> (logits float32 [N, C], embedding float32 [N, D], L2-normalised).

    Behind them come the logits float32 [N, V] of each attribute in `attributes`, a map of names to numbers of values.
    """

    def __init__(
        self,
        preprocess: Preprocess,
        backbone: nn.Module,
        *,
        features: int,
        classes: int,
        dropout: float = 0.0,
        attributes: Mapping[str, int] | None = None,
        channels_last: bool = True,
    ) -> None:
        super().__init__()
        self.normalise = Normalise(preprocess, channels_last=channels_last)
        self.backbone = backbone
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(features, classes)
        self.attributes = tuple(attributes or ())
        # a list: names may hold dots, which a ModuleDict does not take
        self.attribute_heads = nn.ModuleList(nn.Linear(features, width) for width in (attributes or {}).values())
        for head in (self.head, *self.attribute_heads):
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        features = self.backbone(self.normalise(pixels))
        kept = self.dropout(features)
        return self.head(kept), F.normalize(features, dim=1), *(head(kept) for head in self.attribute_heads)


def build(
    backbone: Backbone,
    preprocess: Preprocess,
    *,
    classes: int,
    dropout: float,
    attributes: Mapping[str, int] | None = None,
    channels_last: bool = True,
) -> Classifier:
    """A new classifier on a backbone, with a head for each attribute (name -> number of values).

    `channels_last` is the memory layout that convolutions run fastest in.
    """
    model = Classifier(
        preprocess,
        backbone.network,
        features=backbone.features,
        classes=classes,
        dropout=dropout,
        attributes=attributes,
        channels_last=channels_last,
    )
    if not channels_last:
        return model
    keep_channels_last(model.backbone)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

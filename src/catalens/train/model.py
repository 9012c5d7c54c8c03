"""The network that is trained and exported: arithmetic, backbone, classifier."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from catalens.core.preprocess import Preprocess
from catalens.train.backbones import Backbone


class Normalise(nn.Module):
    """uint8 [N, S, S, 3] -> float32 [N, 3, S, S].  The only reader of `Preprocess.mean` and `.std`."""

    scale: Tensor
    shift: Tensor

    def __init__(self, preprocess: Preprocess) -> None:
        super().__init__()
        std = torch.tensor(preprocess.std)
        self.register_buffer("scale", (1 / (255 * std)).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", (-torch.tensor(preprocess.mean) / std).view(1, 3, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.permute(0, 3, 1, 2).to(self.scale.dtype) * self.scale + self.shift


class Classifier(nn.Module):
    """uint8 [N, S, S, 3] -> (logits float32 [N, C], embedding float32 [N, D], L2-normalised)."""

    def __init__(
        self, preprocess: Preprocess, backbone: nn.Module, *, features: int, classes: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.normalise = Normalise(preprocess)
        self.backbone = backbone
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(features, classes)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        features = self.backbone(self.normalise(pixels))
        return self.head(self.dropout(features)), F.normalize(features, dim=1)


def build(backbone: Backbone, preprocess: Preprocess, *, classes: int, dropout: float) -> Classifier:
    """A new classifier on a backbone, in the memory layout that convolutions run fastest in."""
    model = Classifier(preprocess, backbone.network, features=backbone.features, classes=classes, dropout=dropout)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

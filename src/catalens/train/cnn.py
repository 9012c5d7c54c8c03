"""The small networks that are ours, registered with timm, so that one factory makes these and every timm name.

`lightweight_cnn` is three convolutions and a classifier; `basic_cnn` is VGG in small; `residual_cnn` is a small
ResNet for catalogs that have to start without pretrained weights; `attention_cnn` is a smaller one whose blocks weigh
channels and places (CBAM).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from timm.layers.adaptive_avgmax_pool import SelectAdaptivePool2d
from timm.layers.cbam import CbamModule
from timm.models import register_model
from torch import Tensor, nn

from catalens.core.errors import ConfigError


def conv(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, ReLU: [N, inputs, H, W] -> [N, outputs, H / stride, W / stride]."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def plain_stage(inputs: int, outputs: int, *, convolutions: int = 1) -> nn.Sequential:
    """`convolutions` 3x3 convolutions, then the size is halved by max pooling."""
    layers = [conv(inputs if place == 0 else outputs, outputs) for place in range(convolutions)]
    return nn.Sequential(*layers, nn.MaxPool2d(2))


OWN_MODELS = ("lightweight_cnn", "basic_cnn", "attention_cnn", "residual_cnn")


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut (He et al., 2016); a projection where the form changes.

    `attention` weighs what the convolutions found before the shortcut is added.
    """

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, attention: nn.Module | None = None) -> None:
        super().__init__()
        self.attention = attention if attention is not None else nn.Identity()
        self.first = conv(inputs, outputs, stride=stride)
        self.second = nn.Sequential(nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs))
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.attention(self.second(self.first(x))) + self.shortcut(x))


class SmallCnn(nn.Module):
    """Stem, stages, global average pooling, dropout, classifier: as much of timm's interface as Catalens uses."""

    def __init__(
        self,
        stages: Sequence[nn.Module],
        *,
        num_features: int,
        stem: nn.Module | None = None,
        num_classes: int = 1000,
        in_chans: int = 3,
        drop_rate: float = 0.0,
    ) -> None:
        super().__init__()
        if in_chans != 3:
            raise ValueError(f"expected 3 input channels, got {in_chans}")
        self.num_features = self.head_hidden_size = num_features
        self.num_classes = num_classes
        self.stem = stem if stem is not None else nn.Identity()
        self.stages = nn.Sequential(*stages)
        self.global_pool = SelectAdaptivePool2d(flatten=True)
        self.drop = nn.Dropout(drop_rate)
        self.fc = nn.Linear(num_features, num_classes) if num_classes else nn.Identity()

    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        return {"stem": r"^stem", "blocks": r"^stages\.(\d+)"}

    def get_classifier(self) -> nn.Module:
        return self.fc

    def reset_classifier(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.fc = nn.Linear(self.num_features, num_classes) if num_classes else nn.Identity()

    def forward_features(self, x: Tensor) -> Tensor:
        return self.stages(self.stem(x))

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        x = self.drop(self.global_pool(x))
        return x if pre_logits else self.fc(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))


@register_model
def lightweight_cnn(pretrained: bool = False, **kwargs: Any) -> SmallCnn:
    """Three convolutions of 32, 64, 128 channels: 0.1 million parameters."""
    widths = (3, 32, 64, 128)
    return _build([plain_stage(a, b) for a, b in pairwise(widths)], 128, pretrained, drop_rate=0.3, **kwargs)


@register_model
def basic_cnn(pretrained: bool = False, **kwargs: Any) -> SmallCnn:
    """Four pairs of convolutions, 32 to 256 channels: 1.2 million parameters."""
    widths = (3, 32, 64, 128, 256)
    stages = [plain_stage(a, b, convolutions=2) for a, b in pairwise(widths)]
    return _build(stages, 256, pretrained, drop_rate=0.3, **kwargs)


@register_model
def attention_cnn(pretrained: bool = False, **kwargs: Any) -> SmallCnn:
    """Four residual blocks of 48 to 256 channels, each with channel and spatial attention: 1.8 million parameters.

    CBAM: Woo et al., "Convolutional Block Attention Module", ECCV 2018; it adds 1 % to the multiply-adds.
    """
    widths = (32, 48, 96, 192, 256)
    stages = [ResidualBlock(a, b, stride=2, attention=CbamModule(b, rd_ratio=1 / 8)) for a, b in pairwise(widths)]
    return _build(stages, 256, pretrained, stem=conv(3, 32, stride=2), drop_rate=0.2, **kwargs)


@register_model
def residual_cnn(pretrained: bool = False, **kwargs: Any) -> SmallCnn:
    """Four stages of two residual blocks, 48 to 256 channels: 3.7 million parameters."""
    widths = (32, 48, 96, 192, 256)
    stages = [nn.Sequential(ResidualBlock(a, b, stride=2), ResidualBlock(b, b)) for a, b in pairwise(widths)]
    return _build(stages, 256, pretrained, stem=conv(3, 32, stride=2), drop_rate=0.2, **kwargs)


def _build(
    stages: Sequence[nn.Module],
    num_features: int,
    pretrained: bool,
    *,
    drop_rate: float,
    stem: nn.Module | None = None,
    num_classes: int = 1000,
    in_chans: int = 3,
    pretrained_cfg: Any = None,  # timm's factory always passes these three
    pretrained_cfg_overlay: Any = None,
    cache_dir: Any = None,
) -> SmallCnn:
    if pretrained:
        raise ConfigError("there are no pretrained weights of this network; train it from scratch", key="weights")
    return SmallCnn(
        stages, num_features=num_features, stem=stem, num_classes=num_classes, in_chans=in_chans, drop_rate=drop_rate
    )

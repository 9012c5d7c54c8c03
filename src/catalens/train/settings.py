"""What can be set about a training run.  The only place of the defaults."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from catalens.core.config import Settings
from catalens.core.preprocess import Interpolation, Resize
from catalens.core.quality import FLAGS
from catalens.core.registry import hint


class TrainSettings(Settings):
    """`[train]` of a TOML file, or `--set train.KEY=VALUE`."""

    model: str = Field("residual_cnn", description="ours or any timm name; `catalens train --models` lists them")
    weights: str = Field("scratch", description="scratch, timm, or the path of a safetensors file")
    mode: Literal["probe", "last", "full"] = Field(
        "full", description="what is trained: the classifier, the last stages too, or everything"
    )
    last_stages: int = Field(1, ge=1, description="how many stages mode `last` trains")
    size: int = Field(128, description="side of the square the model sees, in pixels")
    resize: Resize = "pad"
    interpolation: Interpolation = "bicubic"
    augment: Literal["none", "mild", "light", "strong"] = "light"
    epochs: int = Field(20, ge=1)
    batch: int = Field(32, ge=2)
    optimizer: Literal["adamw", "adam"] = "adamw"
    lr: float = Field(1e-3, gt=0, description="peak learning rate, after warm-up")
    backbone_lr: float = Field(1.0, gt=0, description="the backbone's learning rate as a multiple of `lr`")
    weight_decay: float = Field(0.02, ge=0)
    warmup_epochs: float = Field(1.0, ge=0)
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    freeze_norm: bool = Field(False, description="keep batch norm's pretrained statistics")
    ema: float = Field(0.99, ge=0, lt=1, description="decay of the averaged weights; 0 is off")
    patience: int = Field(0, ge=0, description="stop after so many epochs without a better val top-1; 0 never")
    keep: Literal["best", "last"] = Field("best", description="the epoch that is exported")
    min_products: int = Field(1, ge=1, description="leaves with fewer products in train are left out, and counted")
    skip_flags: tuple[str, ...] = Field((), description="quality flags whose photos are not trained on, but counted")
    seed: int = 0
    workers: int = Field(1, ge=0, description="processes that decode photos")

    @field_validator("skip_flags")
    @classmethod
    def _known_flags(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for flag in value:
            if flag not in FLAGS:
                raise ValueError(f"no quality flag {flag!r}{hint(flag, FLAGS)}")
        return value

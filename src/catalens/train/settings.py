"""What can be set about a training run.  The only place of the defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from catalens.core.config import Settings
from catalens.core.preprocess import Interpolation, Resize
from catalens.core.quality import FLAGS
from catalens.core.registry import hint
from catalens.train.augment import AUGMENTS


class TrainSettings(Settings):
    """`[train]` of a TOML file, or `--set train.KEY=VALUE`.  A recipe is a set of these; what is set beside it wins."""

    recipe: str | None = Field(None, description="a named recipe or the path of a TOML file: `--recipe`")
    # the network
    model: str = Field("residual_cnn", description="ours or any timm name; `catalens train --models` lists them")
    weights: str = Field(
        "scratch", description="scratch, timm, a file of a timm state dict, or the folder of an earlier run"
    )
    mode: Literal["probe", "last", "full"] = Field(
        "full", description="what is trained: the classifier, the last stages too, or everything"
    )
    last_stages: int = Field(1, ge=1, description="how many stages mode `last` trains")
    freeze_norm: bool = Field(False, description="keep batch norm's pretrained statistics")
    dropout: float = Field(0.1, ge=0, lt=1)
    # the photos
    size: int = Field(128, description="side of the square the model sees, in pixels")
    sizes: tuple[int, ...] = Field(
        (), description="sides to train at, one after the other for equal shares of the epochs; `size` where empty"
    )
    resize: Resize = "pad"
    interpolation: Interpolation = "bicubic"
    augment: str = Field("light", description="how the square is changed; `--preview` shows it")
    erasing: float = Field(0.0, ge=0, le=1, description="share of photos with a random box of noise (random erasing)")
    mixup: float = Field(0.0, ge=0, description="Beta(a, a) of mixup; 0 is off")
    cutmix: float = Field(0.0, ge=0, description="Beta(a, a) of cutmix; 0 is off")
    mix_share: float = Field(1.0, ge=0, le=1, description="share of the batches that are mixed, where one is on")
    # the optimiser
    epochs: int = Field(20, ge=1)
    batch: int | Literal["auto"] = Field(32, description='photos a step, or "auto": the most that memory holds')
    accumulate: int = Field(1, ge=1, description="batches whose gradients are added up before a step")
    optimizer: Literal["adamw", "adam"] = "adamw"
    lr: float = Field(1e-3, gt=0, description="peak learning rate, after warm-up")
    schedule: Literal["cosine", "constant"] = "cosine"
    backbone_lr: float = Field(1.0, gt=0, description="the backbone's learning rate as a multiple of `lr`")
    layer_decay: float = Field(1.0, gt=0, le=1, description="each stage's rate as a multiple of the next one's")
    weight_decay: float = Field(0.02, ge=0)
    warmup_epochs: float = Field(1.0, ge=0)
    clip: float = Field(0.0, ge=0, description="largest norm of a step's gradient; 0 is off")
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    ema: float = Field(0.99, ge=0, lt=1, description="decay of the averaged weights; 0 is off")
    patience: int = Field(0, ge=0, description="stop after so many epochs without a better val top-1; 0 never")
    keep: Literal["best", "last"] = Field("best", description="the epoch that is exported")
    # the long tail
    loss: Literal["cross_entropy", "focal", "logit_adjusted"] = "cross_entropy"
    focal_gamma: float = Field(2.0, ge=0, description="of the focal loss; 0 is cross-entropy")
    adjust_tau: float = Field(1.0, gt=0, description="of the logit-adjusted loss")
    class_weights: Literal["none", "balanced", "effective"] = Field("none", description="weights of the loss")
    weight_clamp: float = Field(10.0, ge=1, description="no class counts so many times more or less than the mean")
    sampling: Literal["natural", "sqrt", "balanced"] = Field("natural", description="how often a category is drawn")
    tail: Literal["none", "auto", "adjust", "tau_norm", "crt"] = Field(
        "none", description="what is done to the classifier after training; `auto` picks by validation"
    )
    tail_cost: float = Field(0.003, ge=0, lt=1, description="the most val top-1 that `tail` may cost")
    # the categories
    level: str | None = Field(None, description="train at this level: its name or number, 0 the top; leaves if not set")
    hierarchy: float = Field(0.0, ge=0, le=1, description="share of the loss that is taken at the levels above")
    attributes: tuple[str, ...] = Field((), description="attributes that get heads of their own, trained together")
    attribute_weight: float = Field(0.3, gt=0, description="of each attribute's loss beside the category's 1")
    min_products: int = Field(
        1, ge=1, description="fewer products in train, and a leaf or an attribute's value is left out"
    )
    skip_flags: tuple[str, ...] = Field((), description="quality flags whose photos are not trained on, but counted")
    fusion: Literal["mean", "max", "gated", "auto"] = Field(
        "mean", description="how a product's photos are put together; `auto` picks by validation"
    )
    # the machine
    seed: int = 0
    workers: int = Field(1, ge=0, description="processes that decode and augment photos")
    views: int = Field(0, ge=0, description="probe and last: augmented views computed once; 0 computes anew each epoch")
    cache: Literal["auto", "memory", "disk", "none"] = Field("auto", description="where decoded squares are kept")
    cache_gb: float = Field(4.0, gt=0, description="the most memory for squares; beyond it they are on disk")
    cache_dir: Path | None = Field(None, description="where caches lie; the user's cache folder where not set")
    window: int = Field(16384, ge=1, description="photos that are shuffled among each other where none are cached")
    precision: Literal["auto", "32", "bf16", "16"] = Field(
        "auto", description="auto: bf16 on a GPU that has it, else 32"
    )
    compile: bool = Field(False, description="torch.compile the network")
    channels_last: bool = Field(True, description="the memory layout that convolutions run fastest in")
    devices: int = Field(1, ge=1, description="processes that train together, one a GPU or a share of the CPU (DDP)")
    checkpoint_s: float = Field(300.0, gt=0, description="seconds between checkpoints inside an epoch")
    tracking: Literal["auto", "mlflow", "none"] = Field("auto", description="auto: MLflow where it is installed")
    experiment: str | None = Field(None, description="MLflow's experiment; the catalog's name where not set")

    @field_validator("attributes", mode="before")
    @classmethod
    def _names_from_text(cls, value: Any) -> Any:
        return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value

    @field_validator("level", mode="before")
    @classmethod
    def _level_by_number(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("skip_flags")
    @classmethod
    def _known_flags(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for flag in value:
            if flag not in FLAGS:
                raise ValueError(f"no quality flag {flag!r}{hint(flag, FLAGS)}")
        return value

    @field_validator("augment")
    @classmethod
    def _known_augmentation(cls, value: str) -> str:
        if value not in AUGMENTS:
            raise ValueError(f"no augmentation {value!r}{hint(value, AUGMENTS)}")
        return value

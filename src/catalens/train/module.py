"""One step of training and one of validation, as Lightning calls them."""

from __future__ import annotations

import math
from typing import Any

import lightning as L
import torch
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn
from torch.nn import functional as F

from catalens.train.backbones import last_stages
from catalens.train.model import Classifier
from catalens.train.settings import TrainSettings

Batch = tuple[Tensor, Tensor]  # uint8 [N, S, S, 3], int64 [N]


class TrainModule(L.LightningModule):
    """Trains `model`; validates and keeps the averaged weights where `settings.ema` is on."""

    def __init__(self, model: Classifier, settings: TrainSettings) -> None:
        super().__init__()
        self.model = model
        self.settings = settings
        self.averaged = ModelEmaV3(model, decay=settings.ema, use_warmup=True) if settings.ema else None
        _freeze(model, settings)

    @property
    def result(self) -> Classifier:
        """The weights that count: the averaged ones where there are any."""
        return self.averaged.module if self.averaged is not None else self.model

    def train(self, mode: bool = True) -> TrainModule:
        super().train(mode)
        for part in self.model.modules():
            still = isinstance(part, nn.modules.batchnorm._NormBase) and (
                self.settings.freeze_norm or not any(p.requires_grad for p in part.parameters())
            )
            if still:
                part.eval()
        if self.averaged is not None:
            self.averaged.eval()
        return self

    def on_train_epoch_start(self) -> None:
        # dropout draws from torch's generator: seeded by the epoch, so that a resumed run draws the same
        torch.manual_seed(self.settings.seed * 100_003 + self.current_epoch)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        pixels, labels = batch
        logits, _ = self.model(pixels)
        loss = F.cross_entropy(logits, labels, label_smoothing=self.settings.label_smoothing)
        self._note("train", loss, logits, labels)
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.averaged is not None:
            self.averaged.update(self.model, step=self.global_step)

    def validation_step(self, batch: Batch, index: int) -> None:
        pixels, labels = batch
        logits, _ = self.result(pixels)
        self._note("val", F.cross_entropy(logits, labels), logits, labels)

    def configure_optimizers(self) -> Any:
        settings = self.settings
        kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
        optimizer = kind(self._groups(), lr=settings.lr)
        steps = int(self.trainer.estimated_stepping_batches)
        warmup = round(settings.warmup_epochs * steps / settings.epochs)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warmup_cosine(step, warmup, steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _groups(self) -> list[dict[str, Any]]:
        """Head and backbone have their own rate; biases and norms (one dimension) no decay."""
        settings = self.settings
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                rate = settings.lr * (settings.backbone_lr if name.startswith("backbone.") else 1.0)
                decay = settings.weight_decay if parameter.ndim > 1 else 0.0
                groups.setdefault((rate, decay), []).append(parameter)
        return [{"params": params, "lr": rate, "weight_decay": decay} for (rate, decay), params in groups.items()]

    def _note(self, part: str, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        top1 = (logits.argmax(dim=1) == labels).float().mean()
        values = {f"{part}_loss": loss.detach(), f"{part}_top1": top1}
        self.log_dict(values, on_step=False, on_epoch=True, batch_size=len(labels))


def warmup_cosine(step: int, warmup: int, steps: int) -> float:
    """Factor of the peak rate: linear up over `warmup` steps, then a half cosine down to 0."""
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def _freeze(model: Classifier, settings: TrainSettings) -> None:
    if settings.mode == "full":
        return
    trained = last_stages(model.backbone, settings.last_stages) if settings.mode == "last" else set()
    for name, parameter in model.backbone.named_parameters():
        parameter.requires_grad_(name in trained)

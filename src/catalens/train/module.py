"""One step of training and one of validation, as Lightning calls them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from catalens.core.errors import TrainingError
from catalens.train import attributes
from catalens.train.averaging import Averaged
from catalens.train.backbones import last_stages
from catalens.train.batches import Plan
from catalens.train.dataset import Batch
from catalens.train.mixing import Mixer
from catalens.train.model import Classifier
from catalens.train.rates import parameter_groups, warmup_constant, warmup_cosine
from catalens.train.settings import TrainSettings

Outputs = tuple[Tensor, ...]
Forward = Callable[[Tensor], Outputs]
LOOKED_AT = 25  # steps between two looks at the loss on a GPU, each of which waits for it


@dataclass(frozen=True)
class Objective:
    """What is trained for: the category's loss, what is mixed, and the names of the attributes with heads."""

    loss: nn.Module
    mixer: Mixer
    attributes: tuple[str, ...] = ()


class TrainModule(L.LightningModule):
    """Trains `model`; validates and keeps the averaged weights where `settings.ema` is on.

    `entry` gives the part of a model that takes what the loader gives; the model itself where it is None.  Sums over
    the epoch and the place in it are kept in the checkpoint: a run that is resumed in mid-epoch reports whole epochs.
    """

    def __init__(
        self,
        model: Classifier,
        settings: TrainSettings,
        plan: Plan,
        objective: Objective,
        *,
        entry: Callable[[Classifier], Forward] | None = None,
        after_step: Callable[[L.Trainer], None] = lambda trainer: None,
    ) -> None:
        super().__init__()
        self.model = model
        self.settings = settings
        self.plan = plan
        self.objective = objective
        self.loss = objective.loss
        self.averaged = Averaged(model, decay=settings.ema) if settings.ema else None
        self._entry = entry
        self._after_step = after_step
        self._mixing = objective.mixer.on and entry is None
        self._sums = torch.zeros(3, dtype=torch.float64)  # loss, right answers, photos
        self._place = (0, 0)  # epoch, batches done in it
        self._forwards: dict[int, Forward] = {}
        freeze(model, settings)

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

    def on_fit_start(self) -> None:
        self.train()  # Lightning leaves the modes as it finds them

    def on_train_epoch_start(self) -> None:
        self._sums.zero_()
        if self.averaged is not None:
            self.averaged.look_again()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        # dropout draws from torch's generator: seeded by the place, so that a resumed run draws the same
        self._seed = (self.settings.seed * 100_003 + self.current_epoch) * 1_000_003 + batch_idx
        seed = self._seed + self.global_rank * 7919
        if self.device.type == "cpu":  # for all devices it takes 1.5 ms, a tenth of a step of a small last stage
            torch.default_generator.manual_seed(seed)
        else:
            torch.manual_seed(seed)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        pixels, labels = batch
        category = labels if labels.ndim == 1 else labels[:, 0]
        target = category
        if self._mixing:
            pixels, target = self.objective.mixer(pixels, category, torch.Generator().manual_seed(self._seed + 1))
        outputs = self._run(self.model, pixels)
        loss = self.loss(outputs[0].float(), target)
        if labels.ndim == 2 and target is category:  # a mixed photo has no one colour
            loss = loss + self.settings.attribute_weight * attributes.loss(outputs[2:], labels[:, 1:])
        self._look_at(loss, index)
        right = (outputs[0].argmax(dim=1) == category).sum()
        with torch.no_grad():
            values = torch.stack([loss.detach().double() * len(category), right.double()])
            self._sums[:2] += values.to(self._sums.device)
            self._sums[2] += len(category)
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.averaged is not None and self._stepped(batch_idx):
            self.averaged.update(self.model, step=self.global_step)
        self._place = (self.current_epoch, batch_idx + 1)
        self._after_step(self.trainer)

    def validation_step(self, batch: Batch, index: int) -> dict[str, Tensor]:
        pixels, labels = batch
        category = labels if labels.ndim == 1 else labels[:, 0]
        outputs = self._run(self.result, pixels)
        logits = outputs[0].float()
        values = {"val_loss": F.cross_entropy(logits, category), "val_top1": _top1(logits, category)}
        self.log_dict(values, on_step=False, on_epoch=True, batch_size=len(category), sync_dist=True)
        for column, name in enumerate(self.objective.attributes):
            # logged where nothing is known, too, with no weight: each process has to log the same
            values_of, guesses = labels[:, 1 + column], outputs[2 + column].argmax(dim=1)
            known = int((values_of >= 0).sum())
            top1 = (guesses == values_of).sum() / max(1, known)
            self.log(f"val_{name}_top1", top1, on_epoch=True, batch_size=known, sync_dist=True)
        return {"truth": category, "predicted": logits.argmax(dim=1)}

    def epoch_sums(self) -> dict[str, float]:
        """Mean training loss and top-1 of the epoch so far, over all processes."""
        total = self.trainer.strategy.reduce(self._sums.clone(), reduce_op="sum")
        loss, right, photos = (float(value) for value in total)
        return {"train_loss": loss / max(1.0, photos), "train_top1": right / max(1.0, photos)}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        epoch, batches = self._place
        whole = batches >= self.plan.batches(epoch)
        checkpoint["place"] = [epoch + 1, 0] if whole else [epoch, batches]
        checkpoint["sums"] = self._sums.tolist()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._sums.copy_(torch.tensor(checkpoint["sums"], dtype=torch.float64))
        self._place = tuple(checkpoint["place"])

    def configure_optimizers(self) -> Any:
        settings, plan = self.settings, self.plan
        kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
        on_cpu = all(parameter.device.type == "cpu" for parameter in self.model.parameters())
        # one pass over all weights; on a GPU it would forbid `clip` together with 16-bit floats
        optimizer = kind(parameter_groups(self.model, settings), lr=settings.lr, fused=on_cpu or None)
        warmup = round(settings.warmup_epochs * plan.total_steps / settings.epochs)
        factor = warmup_cosine if settings.schedule == "cosine" else warmup_constant
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: factor(step, warmup, plan.total_steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _run(self, model: Classifier, pixels: Tensor) -> Outputs:
        if self._entry is None:
            return model(pixels)
        if id(model) not in self._forwards:
            self._forwards[id(model)] = self._entry(model)
        return self._forwards[id(model)](pixels)

    def _stepped(self, batch_idx: int) -> bool:
        """Was this the last of the batches whose gradients are added up?"""
        done = batch_idx + 1
        return done % self.plan.accumulate == 0 or done >= self.plan.batches(self.current_epoch)

    def _look_at(self, loss: Tensor, index: int) -> None:
        if loss.device.type != "cpu" and index % LOOKED_AT:
            return
        if not math.isfinite(loss.item()):
            raise TrainingError(
                f"the loss became {loss.item():g} in epoch {self.current_epoch + 1}, batch {index + 1}; its weights "
                f"are not kept. Start again with a lower rate (train.lr={self.settings.lr / 10:g}), train.clip=1.0"
                + (" or train.precision=32" if self.settings.precision in ("16", "auto") else ""),
                key="lr",
            )


def freeze(model: Classifier, settings: TrainSettings) -> None:
    """Leave to the optimiser only what `settings.mode` trains."""
    if settings.mode == "full":
        return
    trained = last_stages(model.backbone, settings.last_stages) if settings.mode == "last" else set()
    for name, parameter in model.backbone.named_parameters():
        parameter.requires_grad_(name in trained)


def _top1(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits.argmax(dim=1) == labels).float().mean()

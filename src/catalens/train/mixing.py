"""Batches whose photos are mixed with each other, and their labels likewise: mixup and cutmix."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class Mix:
    """How one batch is mixed: photo i with photo `partner[i]`, of which it keeps `kept` of itself.

    `box` is (top, left, bottom, right) in pixels where a piece is pasted in (cutmix); None: the two are blended.
    """

    partner: tuple[int, ...]
    kept: float
    box: tuple[int, int, int, int] | None = None

    def pixels(self, pixels: Tensor) -> Tensor:
        """uint8 [N, S, S, 3] -> the same with boxes pasted in, or float32 in 0 to 255 where blended; a new tensor."""
        others = pixels[torch.tensor(self.partner, device=pixels.device)]
        if self.box is None:
            return torch.lerp(others.float(), pixels.float(), self.kept)
        top, left, bottom, right = self.box
        mixed = pixels.clone()
        mixed[:, top:bottom, left:right] = others[:, top:bottom, left:right]
        return mixed

    def target(self, labels: Tensor, classes: int) -> Tensor:
        """int64 [N] -> float32 [N, C], each row the shares of its two categories, 1 together."""
        own = F.one_hot(labels, classes).float()
        return torch.lerp(own[torch.tensor(self.partner, device=labels.device)], own, self.kept)


class Mixer:
    """Mixes `share` of the batches: by mixup (Zhang et al. 2018), cutmix (Yun et al. 2019), or either, by a coin.

    `mixup` and `cutmix` are the a of Beta(a, a) that the share is drawn from, 0 is off.  One draw counts for a batch.
    """

    def __init__(self, mixup: float, cutmix: float, share: float, classes: int) -> None:
        self.mixup = mixup
        self.cutmix = cutmix
        self.share = share
        self.classes = classes

    @property
    def on(self) -> bool:
        return self.share > 0 and (self.mixup > 0 or self.cutmix > 0)

    def __call__(self, pixels: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """uint8 [N, S, S, 3], int64 [N] -> pixels, and float32 [N, C] where they were mixed, else the labels."""
        mix = self.draw(len(labels), pixels.shape[1], generator)
        if mix is None:
            return pixels, labels
        return mix.pixels(pixels), mix.target(labels, self.classes)

    def draw(self, photos: int, side: int, generator: torch.Generator) -> Mix | None:
        """What is done to the next batch of N photos of `side` pixels; None: nothing.  Only `generator` decides."""
        if not self.on:
            return None
        # torch's Beta takes no generator: one number of it seeds numpy's
        seed = int(torch.randint(2**63 - 1, (), generator=generator, device=generator.device))
        rng = np.random.default_rng(seed)
        if rng.random() >= self.share or photos < 2:
            return None
        cut = self.cutmix > 0 and (self.mixup == 0 or rng.random() < 0.5)
        alpha = self.cutmix if cut else self.mixup
        kept = float(rng.beta(alpha, alpha))
        order = rng.permutation(photos)
        partner_of = np.empty(photos, dtype=np.int64)
        partner_of[order] = np.roll(order, 1)  # a ring, so that no photo is mixed with itself
        partner = tuple(partner_of.tolist())
        if not cut:
            return Mix(partner, kept)
        box = _box(side, 1 - kept, rng)
        # the box is cut off at the border: what counts is the area that is really pasted
        pasted = (box[2] - box[0]) * (box[3] - box[1]) / side**2
        return Mix(partner, 1 - pasted, box)


def _box(side: int, area: float, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """A square of `area` (a share) around a point anywhere, as far as it lies inside: (top, left, bottom, right)."""
    half = math.sqrt(area) * side / 2
    middle = rng.uniform(0, side, 2)
    top, left = (max(0, round(value - half)) for value in middle)
    bottom, right = (min(side, round(value + half)) for value in middle)
    return top, left, bottom, right

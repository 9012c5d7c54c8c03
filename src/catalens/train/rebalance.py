"""What can be done to a trained linear classifier so that rare categories get their due, the features as they are.

A network that saw a category ten times learns to bet against it: in its bias, in the length of its weights, and in
where its border lies.  Each remedy takes one of the three, and is a change of weight [C, D] and bias [C] alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from catalens.core.tail import MANY_ABOVE
from catalens.train.sampling import epoch_order

Ints = npt.NDArray[np.int64]

ADJUSTS = (*(round(0.1 * step, 1) for step in range(1, 21)), 2.3, 2.6, 3.0)  # 1 is the textbook's
CAPS = (MANY_ABOVE, None)
NORMS = SHARES = (0.25, 0.5, 0.75, 1.0)
CRT_EPOCHS, CRT_BATCH, CRT_LR = 10, 64, 1e-3
CRT_STEPS = 1000  # in an epoch, at most: the batches of a large catalog are larger


@dataclass(frozen=True)
class Linear:
    """logits = features @ weight.T + bias; weight float32 [C, D], bias float32 [C]."""

    weight: Tensor
    bias: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        return F.linear(features, self.weight, self.bias)


@dataclass(frozen=True, order=True)
class Change:
    """What is done to a classifier, in this order; where all is 0, nothing.

    `crt`: share in [0, 1] of the classifier that was re-trained with balanced sampling.  `tau_norm`: power by which the
    lengths of weights are evened out.  `adjust`: how much of the prior's logarithm is taken off the bias, where `cap`
    is the number of photos from which on categories count as equally common, None for no such number.
    """

    crt: float = 0.0
    tau_norm: float = 0.0
    adjust: float = 0.0
    cap: int | None = None

    @property
    def name(self) -> str:
        """ "plain", "adjust", or "crt + adjust"."""
        return " + ".join(part for part in ("crt", "tau_norm", "adjust") if getattr(self, part)) or "plain"

    @property
    def strength(self) -> str:
        """ "0.4", or "0.25 + 0.7 below 100 photos"; "" of plain."""
        values = [f"{value:.3g}" for value in (self.crt, self.tau_norm, self.adjust) if value]
        return " + ".join(values) + (f" below {self.cap} photos" if self.adjust and self.cap else "")

    def __call__(self, plain: Linear, retrained: Linear | None, counts: Ints) -> Linear:
        """`retrained` is needed where `crt` is not 0; `counts` int64 [C] are photos in train."""
        changed = plain
        if self.crt:
            assert retrained is not None
            changed = between(plain, retrained, self.crt)
        if self.tau_norm:
            changed = tau_normalised(changed, self.tau_norm)
        if self.adjust:
            changed = adjusted(changed, counts, self.adjust, self.cap)
        return changed


PLAIN = Change()


def changes(family: str, unit: float = 1.0) -> tuple[Change, ...]:
    """All that `train.tail` FAMILY tries, plain first; "auto" tries each and an adjustment after each.

    `unit` is the temperature of the plain classifier: logits are so many times larger than log-probabilities that can
    be believed, and so must be what is taken off them.
    """
    adjusts = [Change(adjust=round(unit * strength, 3), cap=cap) for cap in CAPS for strength in ADJUSTS]
    norms = [Change(tau_norm=strength) for strength in NORMS]
    shares = [Change(crt=share) for share in SHARES]
    if family == "auto":
        both = [Change(c.crt, c.tau_norm, a.adjust, a.cap) for c in (*shares, *norms) for a in adjusts]
        return (PLAIN, *adjusts, *norms, *shares, *both)
    return (PLAIN, *{"adjust": adjusts, "tau_norm": norms, "crt": shares}[family])


def adjusted(plain: Linear, counts: Ints, strength: float, cap: int | None) -> Linear:
    """Take `strength` of the log prior off the bias; the most common categories keep theirs.

    With a `cap` the balance among categories that have so many photos stays as it was learnt: little is wrong with it,
    and most of what an adjustment costs is lost there.  Source: Menon et al., ICLR 2021; the cap is ours.
    """
    seen = np.maximum(counts, 1)
    seen = np.minimum(seen, cap) if cap is not None else seen
    offset = torch.from_numpy(strength * np.log(seen.max() / seen)).to(plain.bias)
    return Linear(plain.weight, plain.bias + offset)


def tau_normalised(plain: Linear, strength: float) -> Linear:
    """Divide each category's weights by a power of their length, and drop the bias; the mean length stays.

    Source: Kang et al., Decoupling Representation and Classifier for Long-Tailed Recognition, ICLR 2020.
    """
    length = plain.weight.norm(dim=1, keepdim=True).clamp(min=1e-12)
    scale = (length.log().mean().exp() / length) ** strength
    return Linear(plain.weight * scale, torch.zeros_like(plain.bias))


def between(plain: Linear, other: Linear, share: float) -> Linear:
    """The classifier `share` of the way to the other: its logits are so far between theirs."""
    return Linear(torch.lerp(plain.weight, other.weight, share), torch.lerp(plain.bias, other.bias, share))


def retrained(plain: Linear, features: Tensor, labels: Ints, *, smoothing: float, seed: int) -> Linear:
    """cRT: the classifier, trained on with categories drawn equally often; features float16 [M, D], labels int64 [M].

    It starts from where it is and not anew (Kang et al. do): that takes fewer epochs and costs common categories less.
    It follows from `seed`.
    """
    weight, bias = (value.detach().clone().requires_grad_() for value in (plain.weight, plain.bias))
    optimizer = torch.optim.AdamW([{"params": [weight], "weight_decay": 0.02}, {"params": [bias], "weight_decay": 0.0}])
    targets = torch.from_numpy(labels)
    batch = max(CRT_BATCH, -(-len(labels) // CRT_STEPS))
    steps = CRT_EPOCHS * -(-len(labels) // batch)
    done = 0
    for epoch in range(CRT_EPOCHS):
        for rows in torch.from_numpy(epoch_order(labels, "balanced", seed=seed, epoch=epoch)).split(batch):
            for group in optimizer.param_groups:
                group["lr"] = CRT_LR * 0.5 * (1 + np.cos(np.pi * done / steps))
            logits = F.linear(features[rows].to(weight), weight, bias)
            optimizer.zero_grad()
            F.cross_entropy(logits, targets[rows].to(weight.device), label_smoothing=smoothing).backward()
            optimizer.step()
            done += 1
    return Linear(weight.detach(), bias.detach())

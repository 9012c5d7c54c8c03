"""Several networks, and several views of each photo, as one network: what an exported graph averages inside itself.

The answers are put together by the mean of their log-probabilities, the geometric mean of their probabilities, which
in Kaggle's Cdiscount competition of 2017 beat the arithmetic one.  To serving it is one model like any other; it costs
one pass for each network and view.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from catalens.core.errors import ConfigError
from catalens.train.checkpoint import TrainedRun
from catalens.train.model import Classifier

FIXED_SIZE = ("pos_embed", "relative_position_bias_table")  # parts of networks that take one size of photo only


class Averaged(nn.Module):
    """uint8 [N, S, S, 3] -> (logits float32 [N, C], embedding float32 [N, D], ...), as a `Classifier` gives them.

    The logits are the mean of the networks' and views' logits: softmax makes of it the geometric mean of their
    probabilities, for what each is short of log-probabilities is a constant.  The embedding is the networks' embeddings
    one after the other, each the mean direction over its views, L2-normalised in all.  Attributes are averaged as the
    category is.
    """

    def __init__(self, members: Sequence[Classifier], *, flip: bool, scales: Sequence[float] = (1.0,)) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.attributes = members[0].attributes
        self._flip = flip
        self._scales = tuple(scales)

    @property
    def passes(self) -> int:
        """Passes of a network for one photo."""
        return len(self.members) * len(self._scales) * (1 + self._flip)

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        views = [_scaled(pixels, scale) for scale in self._scales]
        if self._flip:
            views += [view.flip(2) for view in views]
        said: list[list[Tensor]] = []
        directions = []
        for member in self.members:
            outputs = [member(view) for view in views]
            directions.append(F.normalize(torch.stack([output[1] for output in outputs]).mean(dim=0), dim=1))
            said += [[output[0], *output[2:]] for output in outputs]
        logits, *attributes = (torch.stack(answers).mean(dim=0) for answers in zip(*said, strict=True))
        return logits, F.normalize(torch.cat(directions, dim=1), dim=1), *attributes


def average(runs: Sequence[TrainedRun], *, flip: bool, scales: Sequence[float]) -> Classifier | Averaged:
    """One model of several runs, the first of which names it; the run's own model where there is nothing to average.

    Raises ConfigError where the runs do not know the same categories from the same photos, or a network takes one size.
    """
    first = runs[0]
    for other in runs[1:]:
        _fits(first, other)
    if len(runs) == 1 and not flip and tuple(scales) == (1.0,):
        return first.model
    for one in runs:
        fixed = next((name for name in FIXED_SIZE if any(name in key for key in one.model.state_dict())), None)
        if fixed and any(scale != 1 for scale in scales):
            message = f"{one.info['settings']['model']!r} takes photos of one size; leave export.scales at [1]"
            raise ConfigError(message, key="scales")
    return Averaged([one.model for one in runs], flip=flip, scales=scales).eval()


def _fits(first: TrainedRun, other: TrainedRun) -> None:
    if other.taxonomy.digest != first.taxonomy.digest:
        raise ConfigError("the runs know different categories, so their answers cannot be averaged", key="members")
    if other.info["train_digest"] != first.info["train_digest"]:
        raise ConfigError("the runs were trained on different products: one may know what another is tested on")
    geometry = [
        (one.preprocess.size, one.preprocess.resize, one.preprocess.interpolation, one.preprocess.fill)
        for one in (first, other)
    ]
    if geometry[0] != geometry[1]:
        raise ConfigError(
            f"the runs see photos differently: {geometry[0][0]} px, {geometry[0][1]!r} and {geometry[1][0]} px, "
            f"{geometry[1][1]!r}; train them with the same size and resize",
            key="members",
        )
    if other.info.get("attributes", {}) != first.info.get("attributes", {}):
        raise ConfigError("the runs have heads for different attributes", key="members")


def _scaled(pixels: Tensor, scale: float) -> Tensor:
    """[N, S, S, 3] -> the photo at another side, rounded to a multiple of 32 as networks halve it five times."""
    if scale == 1:
        return pixels
    side = max(32, round(int(pixels.shape[1]) * scale / 32) * 32)  # int: tracing gives a tensor
    channels_first = pixels.permute(0, 3, 1, 2).float()
    resized = F.interpolate(channels_first, size=(side, side), mode="bilinear", align_corners=False)
    return resized.permute(0, 2, 3, 1)

"""What training makes small: cross-entropy, and its forms for long tails and for trees of categories.

One rule holds for all of them: the loss of a batch is the mean over its photos, and class weights are 1 in the mean
over all training photos.  So it is one and the same step, however its photos are shared among batches and processes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from catalens.core.errors import ConfigError
from catalens.core.taxonomy import Taxonomy
from catalens.train.settings import TrainSettings

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class CategoryLoss(nn.Module):
    """(logits float [N, C], target int64 [N] or float [N, C]) -> float32 [], the mean over the N photos.

    Each class gets the loss that the photo would have if it were of that class; the target picks one, or weighs
    several where photos were mixed.  `offset` and `weights` are float32 [C], `nodes` int64 [L, C] (levels above the
    leaves); `gamma` 0 is plain cross-entropy (Lin et al., Focal Loss, ICCV 2017).
    """

    offset: Tensor | None
    weights: Tensor | None
    nodes: Tensor

    def __init__(
        self,
        *,
        smoothing: float = 0.0,
        gamma: float = 0.0,
        offset: Tensor | None = None,
        weights: Tensor | None = None,
        hierarchy: float = 0.0,
        nodes: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.smoothing = smoothing
        self.gamma = gamma
        self.hierarchy = hierarchy
        self._sizes = [int(level.max()) + 1 for level in nodes] if nodes is not None else []
        # not persistent: they follow from settings and counts, and a checkpoint need not know of them
        self.register_buffer("offset", offset, persistent=False)
        self.register_buffer("weights", weights, persistent=False)
        self.register_buffer("nodes", nodes, persistent=False)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        logits = logits.float()  # a sum over thousands of classes is too coarse in half precision
        if self.offset is not None:
            logits = logits + self.offset
        log_p = logits.log_softmax(dim=1)
        losses = self._leaves(log_p)
        if self.hierarchy:
            losses = (1 - self.hierarchy) * losses + self.hierarchy * self._above(log_p)
        if self.weights is not None:
            losses = losses * self.weights
        if target.is_floating_point():
            return (losses * target).sum(dim=1).mean()
        return losses.gather(1, target[:, None]).mean()

    def _leaves(self, log_p: Tensor) -> Tensor:
        losses = -log_p
        if self.gamma:
            # held away from 0, where a power below 1 has no gradient
            losses = losses * (-torch.expm1(log_p)).clamp(min=1e-7) ** self.gamma
        if self.smoothing:
            losses = (1 - self.smoothing) * losses + self.smoothing * losses.mean(dim=1, keepdim=True)
        return losses

    def _above(self, log_p: Tensor) -> Tensor:
        """float [N, C]: how unlikely each leaf's ancestors are, in the mean over the levels."""
        levels = [
            node_log_probabilities(log_p, nodes, size).index_select(1, nodes)
            for nodes, size in zip(self.nodes, self._sizes, strict=True)
        ]
        return -torch.stack(levels).mean(dim=0)


def make_loss(settings: TrainSettings, taxonomy: Taxonomy, counts: Ints) -> CategoryLoss:
    """The loss that the settings ask for; `counts` int64 [C] are the training photos of each leaf.

    Raises ConfigError if a share is asked for levels that the taxonomy does not have.
    """
    offset, weights, nodes = None, None, None
    if settings.loss == "logit_adjusted":
        offset = torch.from_numpy(settings.adjust_tau * log_prior(counts)).float()
    if settings.class_weights != "none":
        raw = balanced(counts) if settings.class_weights == "balanced" else effective(counts)
        weights = torch.from_numpy(clamped(raw, counts, settings.weight_clamp)).float()
    if settings.hierarchy:
        nodes = torch.from_numpy(upper_levels(taxonomy))
    return CategoryLoss(
        smoothing=settings.label_smoothing,
        gamma=settings.focal_gamma if settings.loss == "focal" else 0.0,
        offset=offset,
        weights=weights,
        hierarchy=settings.hierarchy,
        nodes=nodes,
    )


def log_prior(counts: Ints) -> Floats:
    """int64 [C] -> float64 [C]: log of each class's share of the photos; one without photos counts as if it had one.

    Added to the logits in training, the network learns what is left when the prior is taken away (Menon et al.,
    Long-Tail Learning via Logit Adjustment, ICLR 2021); subtracted afterwards, it does the same post hoc.
    """
    seen = np.maximum(counts, 1)
    return np.log(seen / seen.sum())


def balanced(counts: Ints) -> Floats:
    """int64 [C] -> float64 [C]: n / (C n_c), the naive weights: 50,000 for one photo beside 100,000; see `clamped`."""
    return counts.sum() / (len(counts) * np.maximum(counts, 1))


def effective(counts: Ints) -> Floats:
    """int64 [C] -> float64 [C]: 1 / effective number of photos, (1 - b) / (1 - b^n_c) with b = (n - 1) / n.

    Source: Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019.  Their n, how many photos
    of a class can differ at all, is taken to be the mean number a class has: it suits small catalogs and large ones.
    """
    mean = max(counts.sum() / max(1, np.count_nonzero(counts)), 2.0)
    beta = (mean - 1) / mean
    return (1 - beta) / (1 - beta ** np.maximum(counts, 1))


def clamped(raw: Floats, counts: Ints, limit: float) -> Floats:
    """float64 [C]: weights in proportion to `raw`, each in [1 / limit, limit], whose mean over the photos is 1.

    A class without photos gets 1.  Unclamped, the few photos of rare classes make steps that undo all that the others
    taught: a network so trained ends with 0 % on almost everything.
    """
    seen = counts > 0
    if not seen.any():
        return np.ones(len(counts))
    share, scale = counts[seen] / counts.sum(), raw[seen] / raw[seen].max()
    # the mean grows with the factor, from 1 / limit to limit: 1 is found between them, halving
    low, high = np.log(1 / limit), np.log(limit / scale.min())
    for _ in range(100):
        middle = (low + high) / 2
        too_much = share @ np.clip(np.exp(middle) * scale, 1 / limit, limit) > 1
        low, high = (low, middle) if too_much else (middle, high)
    weights = np.ones(len(counts))
    weights[seen] = np.clip(np.exp(low) * scale, 1 / limit, limit)
    return weights


def upper_levels(taxonomy: Taxonomy) -> Ints:
    """int64 [L, C]: the leaves' nodes at the levels above them that say something: not one node, nor a node a leaf.

    Raises ConfigError if there are none.
    """
    sizes = [len(nodes) for nodes in taxonomy.level_nodes]
    kept = [level for level, size in enumerate(sizes) if 1 < size < len(taxonomy.leaves)]
    if not kept:
        message = "the categories have no levels above to take a share of the loss at; set train.hierarchy=0"
        raise ConfigError(message, key="hierarchy")
    return taxonomy.ancestors[kept]


def node_log_probabilities(log_p: Tensor, nodes: Tensor, size: int) -> Tensor:
    """float [N, C] over leaves, int64 [C] with each one's node -> float [N, size]: log of the sum over its leaves."""
    peak = log_p.new_full((len(log_p), size), -torch.inf)
    peak = peak.scatter_reduce(1, nodes.expand_as(log_p), log_p.detach(), "amax")
    above = (log_p - peak.index_select(1, nodes)).exp()
    return log_p.new_zeros(peak.shape).index_add(1, nodes, above).log() + peak

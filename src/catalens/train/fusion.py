"""Which photos of a product to believe: a gate fitted on products that the network has not learnt, and whether it pays.

Only products with several photos say anything about it: all others get the same answer whatever the fusion.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from catalens.core.fusion import Fusion, Kind
from catalens.core.scores import Floats, by_product
from catalens.evaluate.calibrate import fit_temperature, nll

How = Literal["mean", "max", "gated", "auto"]
FOLDS = 5
FEWEST = 50  # products with several photos: with fewer, a gate over hundreds of numbers is a guess
DECAYS = (0.1, 1.0, 10.0, 100.0)  # weight decays to choose from
SURE = 2.0  # standard errors by which a kind has to beat the mean to be taken
MOST = 4000  # products that a gate is fitted on
SHORTLIST = 64  # likeliest classes of a product that the fit looks at
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Choice:
    """What was asked for, what was taken, and why.

    `products` had a known category, `several` of them more than one photo.  `table`: kind -> `top1` in [0, 1] and `nll`
    in nats of these, in cross-validation by product, each kind at a temperature of its own.  `won` and `lost` count the
    products that the gate gets right and the mean does not, and the other way round.  `decay` is the gate's.
    """

    asked: How
    kind: Kind
    part: str = ""
    products: int = 0
    several: int = 0
    table: dict[str, dict[str, float]] = field(default_factory=dict)
    won: int = 0
    lost: int = 0
    decay: float | None = None
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def fit(
    logits: npt.NDArray[np.floating],
    embeddings: npt.NDArray[np.floating],
    product_ids: tuple[str, ...],
    truth: Ints,
    *,
    seed: int,
    how: How = "auto",
) -> tuple[Fusion, Choice]:
    """Fit a gate and compare it with the mean and the maximum on products that it was not fitted on.

    `logits` [M, C], `embeddings` [M, D] and `truth` int64 [M] are of photos that the network was not trained on; the
    truth is the leaf index of the photo's product, -1 where it is not known.  "auto" takes what beats the mean in
    cross-validation: less NLL by `SURE` standard errors of the difference, and no fewer right answers; of several the
    one with the least NLL.  With fewer than `FEWEST` products of several photos it is the mean, as with "gated".
    """
    products = len({product for product, label in zip(product_ids, truth.tolist(), strict=True) if label >= 0})
    several = _Products.of(logits, embeddings, product_ids, truth)
    choice = {"asked": how, "products": products, "several": len(several)}
    if how in ("mean", "max"):
        return Fusion(how), Choice(**choice, kind=how)  # type: ignore[arg-type]
    if len(several) < FEWEST:
        note = f"{len(several):,} products with several photos are too few to fit a gate ({FEWEST} are needed)"
        return Fusion(), Choice(**choice, kind="mean", note=note)  # type: ignore[arg-type]
    folds = np.random.default_rng(seed).permutation(len(several)) % FOLDS
    losses, right, decays = _cross_validate(several, folds)
    better: dict[Kind, float] = {kind: losses[kind].mean() for kind in ("max", "gated") if _beats(kind, losses, right)}
    decay = float(np.median(decays))
    kind: Kind = "gated" if how == "gated" else min(better, key=lambda name: better[name], default="mean")
    note = ""
    if how == "gated" and "gated" not in better:
        note = "the gate does not surely beat the mean in cross-validation; it was asked for"
    elif kind == "mean":
        note = "nothing surely beats the mean in cross-validation"
    won, lost = right["gated"] & ~right["mean"], right["mean"] & ~right["gated"]
    return Fusion(kind, _gate(several, decay) if kind == "gated" else None), Choice(
        **choice,  # type: ignore[arg-type]
        kind=kind,
        table={name: {"top1": float(right[name].mean()), "nll": float(losses[name].mean())} for name in losses},
        won=int(won.sum()),
        lost=int(lost.sum()),
        decay=decay,
        note=note,
    )


@dataclass(frozen=True, slots=True)
class _Products:
    """P products with their photos, product by product: those of p are the next `sizes[p]` rows; `truth` int64 [P]."""

    logits: npt.NDArray[np.floating]
    embeddings: npt.NDArray[np.floating]
    sizes: Ints
    truth: Ints

    @classmethod
    def of(
        cls,
        logits: npt.NDArray[np.floating],
        embeddings: npt.NDArray[np.floating],
        product_ids: tuple[str, ...],
        truth: Ints,
    ) -> _Products:
        """The products of known category that have more than one photo."""
        _, order, starts = by_product(product_ids)
        sizes = np.diff([*starts, len(order)])
        kept = (sizes > 1) & (truth[order[starts]] >= 0)
        rows = order[np.repeat(kept, sizes)]
        return cls(logits[rows], embeddings[rows], sizes[kept], truth[order[starts]][kept])

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def owner(self) -> Ints:
        """int64 [M]: the product of each photo."""
        return np.repeat(np.arange(len(self)), self.sizes)

    def where(self, chosen: npt.NDArray[np.bool_]) -> _Products:
        rows = np.repeat(chosen, self.sizes)
        return _Products(self.logits[rows], self.embeddings[rows], self.sizes[chosen], self.truth[chosen])

    def fused(self, fusion: Fusion) -> npt.NDArray[np.float64]:
        """float64 [P, C]."""
        return fusion.fuse([str(product) for product in self.owner.tolist()], self.logits, self.embeddings)[1]


Figures = dict[str, npt.NDArray[Any]]


def _cross_validate(several: _Products, folds: Ints) -> tuple[Figures, Figures, list[float]]:
    """Per kind, NLL float64 [P] and right bool [P] of each product by what was fitted without it; decays a fold."""
    losses: Figures = {kind: np.empty(len(several)) for kind in ("mean", "max", "gated")}
    right: Figures = {kind: np.empty(len(several), np.bool_) for kind in losses}
    decays = []
    for fold in range(FOLDS):
        rest, held_out = several.where(folds != fold), several.where(folds == fold)
        # the decay is chosen inside what the fold may know, else the comparison would favour the gate
        inner = folds[folds != fold] == (fold + 1) % FOLDS
        decays.append(_best_decay(rest.where(~inner), rest.where(inner)))
        for fusion in (Fusion(), Fusion("max"), Fusion("gated", _gate(rest, decays[-1]))):
            temperature = fit_temperature(rest.fused(fusion), rest.truth)
            fused = held_out.fused(fusion)
            losses[fusion.kind][folds == fold] = [
                nll(row[None], label[None], temperature) for row, label in _pairs(fused, held_out.truth)
            ]
            right[fusion.kind][folds == fold] = fused.argmax(axis=1) == held_out.truth
    return losses, right, decays


def _pairs(rows: npt.NDArray[np.float64], labels: Ints) -> Iterator[tuple[npt.NDArray[np.float64], Ints]]:
    return zip(rows, labels, strict=True)


def _best_decay(rest: _Products, judge: _Products) -> float:
    def loss(decay: float) -> float:
        fusion = Fusion("gated", _gate(rest, decay))
        return nll(judge.fused(fusion), judge.truth, fit_temperature(rest.fused(fusion), rest.truth))

    return min(DECAYS, key=loss)


def _beats(kind: str, losses: Figures, right: Figures) -> bool:
    gain = losses["mean"] - losses[kind]
    error = gain.std() / np.sqrt(len(gain))
    return bool(gain.mean() > SURE * error and right[kind].sum() >= right["mean"].sum())


def _gate(products: _Products, decay: float) -> Floats:
    """float32 [D]: the gate of the least NLL and decay/2 |gate|^2, in units of the photos' spread within a product.

    From no gate at all (the mean) by L-BFGS, so that nothing is drawn at random.
    """
    products = products.where(np.arange(len(products)) % -(-len(products) // MOST) == 0)
    owner, count = torch.from_numpy(products.owner), len(products)
    inside = products.embeddings.astype(np.float64)
    inside = inside - (_sums(inside, products.sizes) / products.sizes[:, None])[products.owner]
    scale = max(float(np.sqrt((inside**2).sum(axis=1).mean())), 1e-9)
    photos, (short, truth) = torch.from_numpy(inside / scale), _shortlist(products)
    weight = torch.zeros(photos.shape[1], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        scores = photos @ weight
        top = torch.full((count,), -torch.inf, dtype=torch.float64).scatter_reduce(0, owner, scores.detach(), "amax")
        powers = torch.exp(scores - top[owner])
        shares = powers / torch.zeros(count, dtype=torch.float64).index_add(0, owner, powers)[owner]
        fused = torch.zeros(count, short.shape[1], dtype=torch.float64).index_add(0, owner, shares[:, None] * short)
        return torch.nn.functional.cross_entropy(fused, truth) + decay / (2 * count) * (weight @ weight)

    def step() -> float:
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return float(value.detach())

    optimiser.step(step)
    return (weight.detach().numpy() / scale).astype(np.float32)


def _shortlist(products: _Products) -> tuple[torch.Tensor, torch.Tensor]:
    """(float64 [M, K] calibrated logits of the likeliest classes of each product and of its true one, truth [P] in K).

    With thousands of classes the others hardly change the loss, and its cost no longer grows with them.
    """
    means = products.fused(Fusion())
    temperature = fit_temperature(means, products.truth)
    classes = means.shape[1]
    if classes <= SHORTLIST:
        return torch.from_numpy(products.logits.astype(np.float64) / temperature), torch.from_numpy(products.truth)
    likeliest = products.fused(Fusion("max"))
    columns = np.argpartition(-likeliest, SHORTLIST - 1, axis=1)[:, :SHORTLIST]
    absent = ~(columns == products.truth[:, None]).any(axis=1)
    columns[absent, -1] = products.truth[absent]  # the last is the least likely of them
    short = np.take_along_axis(products.logits, columns[products.owner], axis=1).astype(np.float64) / temperature
    return torch.from_numpy(short), torch.from_numpy((columns == products.truth[:, None]).argmax(axis=1))


def _sums(rows: npt.NDArray[np.float64], sizes: Ints) -> npt.NDArray[np.float64]:
    return np.add.reduceat(rows, np.cumsum(sizes) - sizes, axis=0)

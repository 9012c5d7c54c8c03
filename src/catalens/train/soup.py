"""Weights of several runs averaged into one network: accuracy of an ensemble's kind at the price of one member.

Model soups (Wortsman et al., 2022).  It works where all runs were fine-tuned from the same pretrained weights, and so
lie in one valley of the loss; runs from scratch do not, whatever their shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from catalens.core.catalog import Catalog
from catalens.core.errors import ConfigError
from catalens.core.scores import product_logits
from catalens.train.checkpoint import TrainedRun, load_run
from catalens.train.dataset import PhotoDataset, photos_of
from catalens.train.epochs import CHECKPOINTS, LAST, TAXONOMY, write_info

BATCH = 32
How = Literal["greedy", "uniform"]
State = dict[str, Tensor]
# what a run does after training, or without its network; the weights averaged have it in them, or it is not theirs
PLAIN: dict[str, Any] = {"keep": "last", "ema": 0.0, "tail": "none", "fusion": "mean"}


@dataclass(frozen=True, slots=True)
class Soup:
    """`ingredients`: places of the runs that went in, best first; `val_top1` in [0, 1] per product.

    Batch norm's statistics were recomputed on `norm_photos` photos of train, and averaged where that is 0.
    """

    ingredients: tuple[int, ...]
    val_top1: float
    norm_photos: int


def cook(
    runs: Sequence[Path],
    out: Path,
    catalog: Catalog,
    *,
    how: How = "greedy",
    photos: int = 2000,
    say: Callable[[str], None] = lambda line: None,
) -> Soup:
    """Average the runs into a run folder `out` that exports like any other.

    "greedy" begins with the run of the best val top-1, and takes each next one that does not lower it; "uniform"
    takes all.  `photos`: at most so many of val to choose by, and of train for batch norm.  With batch norm the
    statistics are recomputed, for averaged weights shrink what flows through them (REPAIR, Jordan et al., 2023);
    those that the runs had frozen are averaged with the weights.
    Raises ConfigError if the runs have other shapes.
    """
    trained = [load_run(folder) for folder in runs]
    # copies: a state shares its tensors with the model that other weights are put into
    states = [{name: tensor.clone() for name, tensor in run.model.state_dict().items()} for run in trained]
    for folder, state in zip(runs, states, strict=True):
        _check_shapes(state, states[0], folder, runs[0])
    first = trained[0]
    val = _squares(catalog, "val", first, photos)
    fresh = _norms(first.model) and not any(_frozen(run) for run in trained)
    train = _squares(catalog, "train", first, photos)[0] if fresh else ()

    def top1(places: Sequence[int]) -> float:
        first.model.load_state_dict(average([states[place] for place in places]))
        if fresh and len(places) > 1:
            refresh_norms(first.model, train)
        return _top1(first.model, *val)

    alone = [top1([place]) for place in range(len(runs))]
    order = sorted(range(len(runs)), key=lambda place: -alone[place])
    chosen = list(order) if how == "uniform" else order[:1]
    reached = top1(chosen) if how == "uniform" else alone[order[0]]
    for place in order[1:] if how == "greedy" else ():
        with_it = top1([*chosen, place])
        say(f"soup: {len(chosen) + 1} runs, val top-1 {with_it:.4f} after {reached:.4f}")
        if with_it >= reached:
            chosen.append(place)
            reached = with_it
    top1(chosen)
    _write(out, trained[chosen[0]], first.model.state_dict())
    return Soup(tuple(chosen), reached, len(train) if fresh and len(chosen) > 1 else 0)


def average(states: Sequence[Mapping[str, Tensor]]) -> State:
    """The mean of each tensor; counters (integers) are those of the first."""
    return {
        name: torch.stack([state[name].double() for state in states]).mean(dim=0).to(first.dtype)
        if first.is_floating_point()
        else first.clone()
        for name, first in states[0].items()
    }


def refresh_norms(model: nn.Module, squares: Sequence[Tensor]) -> None:
    """Batch norm's mean and variance computed anew over `squares`, uint8 [S, S, 3] each; the weights stay."""
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    model.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
        norm.train()
    with torch.inference_mode():
        for start in range(0, len(squares), BATCH):
            batch = squares[start : start + BATCH]
            if len(batch) > 1 or len(squares) == 1:
                model(torch.stack(list(batch)))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


def _check_shapes(state: Mapping[str, Tensor], other: Mapping[str, Tensor], folder: Path, first: Path) -> None:
    unequal = sorted(
        name
        for name in {*state, *other}
        if name not in state or name not in other or state[name].shape != other[name].shape
    )
    if unequal:
        message = f"cannot be averaged with {first}: {len(unequal)} tensors have other shapes, such as {unequal[0]}"
        raise ConfigError(message, source=str(folder))


def _norms(model: nn.Module) -> bool:
    return any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules())


def _frozen(run: TrainedRun) -> bool:
    """Whether the statistics are not the run's own."""
    return bool(run.info["settings"]["freeze_norm"]) or run.info["settings"]["mode"] != "full"


def _squares(
    catalog: Catalog, part: str, run: TrainedRun, most: int
) -> tuple[tuple[Tensor, ...], tuple[str, ...], np.ndarray]:
    """At most so many photos of a part, evenly through it, as the server sees them; their products; int64 labels."""
    photos = photos_of(catalog, part, run.taxonomy)
    images, labels = catalog.labelled(part, run.taxonomy)
    taken = np.unique(np.linspace(0, len(photos) - 1, min(most, len(photos))).astype(np.int64))
    dataset = PhotoDataset(photos, run.preprocess)
    products = images["product_id"].to_pylist()
    squares = tuple(dataset[0, int(place)][0] for place in taken)
    return squares, tuple(products[place] for place in taken), labels[taken]


def _top1(model: nn.Module, squares: Sequence[Tensor], products: Sequence[str], labels: np.ndarray) -> float:
    model.eval()
    with torch.inference_mode():
        logits = [
            model(torch.stack(list(squares[start : start + BATCH])))[0].float().numpy()
            for start in range(0, len(squares), BATCH)
        ]
    ids, means = product_logits(products, np.concatenate(logits))
    truth = dict(zip(products, labels.tolist(), strict=True))
    return float(np.mean([guess == truth[product] for product, guess in zip(ids, means.argmax(axis=1), strict=True)]))


def _write(out: Path, run: TrainedRun, state: State) -> None:
    """A run folder with these weights; its run.json is that of `run`, but for what no longer holds."""
    (out / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
    run.taxonomy.write(out / TAXONOMY)
    kept = {"model." + name: tensor.clone().contiguous() for name, tensor in state.items()}
    torch.save({"state_dict": kept}, out / CHECKPOINTS / LAST)
    info = {key: value for key, value in run.info.items() if key not in ("tail", "fusion", "best")}
    write_info(out, {**info, "settings": {**info["settings"], **PLAIN}, "best": None})

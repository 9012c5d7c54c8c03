"""`train.tail`: after training, give rare categories their due by changing the classifier, as far as val says it pays.

`improve` tries the changes of rebalance.py on features that are computed once, `save` writes the chosen one beside the
checkpoints, and `apply` puts it into a model that was loaded from them.  Only weight and bias of `model.head` change:
the exported graph has the same form, and the embedding the same values.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.torch
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from catalens.core.catalog import write_json
from catalens.core.durable import replacing
from catalens.core.errors import ConfigError
from catalens.core.progress import Progress, silent
from catalens.core.tail import Band, band
from catalens.evaluate.calibrate import fit_temperature
from catalens.evaluate.metrics import ClassCounts, class_counts, shots
from catalens.train.dataset import Batch, collate, start_worker
from catalens.train.model import Classifier
from catalens.train.rebalance import PLAIN, Change, Linear, changes, retrained
from catalens.train.settings import TrainSettings

Ints = npt.NDArray[np.int64]

TABLE, WEIGHTS = "tail.json", "tail.safetensors"
BATCH = 64
WITHOUT_VAL = Change(adjust=0.5, cap=changes("adjust")[1].cap)  # half of what fits, measured: it seldom costs anything


@dataclass(frozen=True)
class Candidate:
    """A change and what it does on val: shares in [0, 1], None where val has no photo of such a category.

    `many`, `medium` and `few` are mean recalls of the categories of a band (core/tail.py); `moved` is the share of
    photos that are answered otherwise than by the plain classifier.
    """

    change: Change
    top1: float
    macro_recall: float
    many: float | None
    medium: float | None
    few: float | None
    moved: float

    @property
    def name(self) -> str:
        return self.change.name

    @property
    def strength(self) -> str:
        return self.change.strength


@dataclass(frozen=True)
class Improvement:
    """What was tried (plain first; nothing without val), what was chosen, and the classifier that makes.

    `weight` float32 [C, D] and `bias` float32 [C] replace those of the model whose classifier has the digest `of`;
    `cost` is the most val top-1 that was allowed to be lost.
    """

    candidates: tuple[Candidate, ...]
    chosen: Change
    weight: Tensor
    bias: Tensor
    of: str
    cost: float = 0.0
    notes: tuple[str, ...] = ()


def improve(
    model: Classifier,
    train: Dataset[tuple[Tensor, Tensor]],
    val: Dataset[tuple[Tensor, Tensor]] | None,
    counts: Ints,
    settings: TrainSettings,
    *,
    products: Ints | None = None,
    device: torch.device | str = "cpu",
    progress: Progress = silent,
) -> Improvement:
    """Choose a change of the classifier by `val`; the model is left as it was.

    `train` and `val` are the photos as the server sees them (no augmentation); `counts` int64 [C] photos in train, the
    prior; `products` int64 [C] products in train, by which categories have few, medium or many: the photos where not
    given.  Without val, "adjust" has a mild strength of its own.  Raises ConfigError where val is needed.
    """
    check_val(settings, has_val=val is not None)
    plain = Linear(*(value.detach().float().clone() for value in (model.head.weight, model.head.bias)))
    of = digest(plain)
    if settings.tail == "none":
        return Improvement((), PLAIN, plain.weight, plain.bias, of)
    if val is None:
        new = WITHOUT_VAL(plain, None, counts)
        note = f"no part 'val' to choose by: adjusted by {WITHOUT_VAL.strength}, untested"
        return Improvement((), WITHOUT_VAL, new.weight, new.bias, of, notes=(note,))
    other = None
    if settings.tail in ("crt", "auto"):
        features, labels = features_of(model, train, settings, device=device, progress=progress)
        start = Linear(plain.weight.to(device), plain.bias.to(device))
        made = retrained(start, features, labels, smoothing=settings.label_smoothing, seed=settings.seed)
        other = Linear(made.weight.to(plain.weight), made.bias.to(plain.bias))
    features, labels = features_of(model, val, settings, device=device, progress=progress)
    bands = counts if products is None else products
    tried = changes(settings.tail, temperature(plain, features, labels))
    candidates = measured(tried, plain, other, features, labels, counts, bands)
    chosen = choose(candidates, settings.tail_cost)
    new = chosen.change(plain, other, counts)
    return Improvement(candidates, chosen.change, new.weight, new.bias, of, settings.tail_cost, _unseen(labels, bands))


def check_val(settings: TrainSettings, *, has_val: bool) -> None:
    """Raises ConfigError where `settings.tail` is to be chosen by a part that is not there."""
    if not has_val and settings.tail not in ("none", "adjust"):
        message = "the catalog has no part 'val' to choose by; set train.tail=adjust or train.tail=none"
        raise ConfigError(message, key="tail")


def features_of(
    model: Classifier,
    dataset: Dataset[tuple[Tensor, Tensor]],
    settings: TrainSettings,
    *,
    device: torch.device | str,
    progress: Progress = silent,
) -> tuple[Tensor, Ints]:
    """float16 [M, D], what the backbone gives for each photo, and int64 [M], their categories."""
    count = len(dataset)  # type: ignore[arg-type]  # of known length, as all of ours
    places = [[(0, photo) for photo in range(first, min(first + BATCH, count))] for first in range(0, count, BATCH)]
    loader: DataLoader[Batch] = DataLoader(
        dataset,
        batch_sampler=places,
        collate_fn=collate,  # type: ignore[arg-type]
        num_workers=settings.workers,
        worker_init_fn=start_worker if settings.workers else None,
        generator=torch.Generator(),  # torch's own stays as the seed left it
    )
    home, training = model.head.weight.device, model.training
    features, labels = [], []
    largest = torch.finfo(torch.float16).max
    model.eval().to(device)
    try:
        with torch.inference_mode():
            for number, (pixels, target) in enumerate(loader):
                found = model.backbone(model.normalise(pixels.to(device)))
                features.append(found.float().clamp(-largest, largest).half().cpu())
                labels.append(target if target.ndim == 1 else target[:, 0])
                progress(min(count, (number + 1) * BATCH), count, "features for the long tail")
    finally:
        model.train(training).to(home)
    return torch.cat(features).clone(), torch.cat(labels).numpy()


def temperature(head: Linear, features: Tensor, labels: Ints) -> float:
    """What a classifier's logits are to be divided by, by photos of val, at most 4,096 of them (Guo et al., 2017)."""
    rows = np.linspace(0, len(labels) - 1, min(len(labels), 4096)).astype(np.int64)
    logits = head(features[torch.from_numpy(rows)].to(head.weight))
    return fit_temperature(logits.cpu().numpy(), labels[rows])


def measured(
    tried: Sequence[Change],
    plain: Linear,
    other: Linear | None,
    features: Tensor,
    labels: Ints,
    counts: Ints,
    bands: Ints,
) -> tuple[Candidate, ...]:
    """Each change on val's features float16 [N, D] and labels int64 [N]; the first is what `moved` counts from."""
    features = features.to(plain.weight.device)
    heads = [change(plain, other, counts) for change in tried]
    answers = np.empty((len(tried), len(labels)), np.int64)
    logits, of = torch.empty(0), None
    for first in range(0, len(labels), 1024):
        rows = slice(first, first + 1024)
        for row, head in enumerate(heads):
            if head.weight is not of:  # an adjustment shares the weights of what it adjusts
                logits, of = features[rows].float() @ head.weight.T, head.weight
            answers[row, rows] = (logits + head.bias).argmax(dim=1).cpu().numpy()
        of = None
    return tuple(
        _candidate(change, answer, answers[0], labels, bands) for change, answer in zip(tried, answers, strict=True)
    )


def choose(candidates: Sequence[Candidate], cost: float) -> Candidate:
    """The best macro recall of those that lose at most `cost` of the plain one's top-1; of equals the mildest."""
    least = candidates[0].top1 - cost - 1e-9
    allowed = [candidate for candidate in candidates if candidate.top1 >= least]
    return max(allowed, key=lambda candidate: (round(candidate.macro_recall, 9), -candidate.moved))


def lines(improvement: Improvement) -> list[str]:
    """What the change bought, for the terminal: plain, the best of each kind, and which was chosen."""
    rows = [(f"{'after training':<50}  {'top-1':>6}  {'macro':>6}  {'many':>6}  {'medium':>6}  {'few':>6}")]
    for candidate in _shown(improvement):
        title = f"{candidate.name} {candidate.strength}".strip()
        values = (candidate.top1, candidate.macro_recall, candidate.many, candidate.medium, candidate.few)
        shown = "  ".join(f"{'-':>6}" if value is None else f"{value:6.1%}" for value in values)
        rows.append(f"{title:<50}  {shown}{'  chosen' if candidate.change == improvement.chosen else ''}")
    return [*(rows if improvement.candidates else []), *improvement.notes]


def save(improvement: Improvement, folder: Path) -> None:
    """Write tail.safetensors, then tail.json, which says what it is and to which classifier it belongs."""
    new = Linear(improvement.weight, improvement.bias)
    with replacing(folder / WEIGHTS) as partial:
        tensors = {"weight": new.weight.cpu().contiguous(), "bias": new.bias.cpu().contiguous()}
        safetensors.torch.save_file(tensors, partial)
    table = [
        {"name": candidate.name, "strength": candidate.strength, **asdict(candidate)}
        for candidate in improvement.candidates
    ]
    chosen = {"name": improvement.chosen.name, "strength": improvement.chosen.strength, **asdict(improvement.chosen)}
    values = {"chosen": chosen, "of": improvement.of, "gives": digest(new), "notes": improvement.notes, "tried": table}
    write_json(values, folder / TABLE)


def apply(model: Classifier, folder: Path) -> bool:
    """Put the chosen classifier of a run into its model; whether there was one for it.

    It belongs to the weights of one epoch: a model loaded from another keeps its own.  Raises ConfigError if the files
    are damaged.
    """
    if not (folder / TABLE).exists():
        return False
    again = "delete it to go without, or train again"
    try:
        said: dict[str, Any] = json.loads((folder / TABLE).read_text(encoding="utf-8"))
        if said["of"] != digest(Linear(model.head.weight.detach(), model.head.bias.detach())):
            return False
        tensors = safetensors.torch.load_file(folder / WEIGHTS)
        new = Linear(tensors["weight"], tensors["bias"])
        whole = digest(new) == said["gives"]
    except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
        raise ConfigError(f"cannot be read ({error}); {again}", source=str(folder / TABLE)) from None
    if not whole:
        raise ConfigError(f"does not belong to {WEIGHTS}; {again}", source=str(folder / TABLE))
    with torch.no_grad():
        model.head.weight.copy_(new.weight)
        model.head.bias.copy_(new.bias)
    return True


def digest(head: Linear) -> str:
    """sha256 of the values of a classifier in float32."""
    values = [value.detach().float().cpu().contiguous().numpy().tobytes() for value in (head.weight, head.bias)]
    return hashlib.sha256(b"".join(values)).hexdigest()


def _candidate(change: Change, answer: Ints, plain: Ints, labels: Ints, bands: Ints) -> Candidate:
    counts: ClassCounts = class_counts(answer, labels, len(bands))
    names = [str(label) for label in range(len(bands))]
    by_band = shots(counts, names, dict(zip(names, bands.tolist(), strict=True)))
    recalls = {name: by_band[name].macro_recall for name in get_args(Band)}
    top1, moved = float((answer == labels).mean()), float((answer != plain).mean())
    return Candidate(change, top1, counts.macro_recall, **recalls, moved=moved)


def _unseen(labels: Ints, bands: Ints) -> tuple[str, ...]:
    """A note where val has no photo of some of the categories that all this is about."""
    few = np.array([band(count) == "few" for count in bands.tolist()])
    missing = int((few & (np.bincount(labels, minlength=len(bands)) == 0)).sum())
    if not missing:
        return ()
    return (
        f"{missing:,} of {int(few.sum()):,} few-shot categories have no photo in val: what it does to them is untested",
    )


def _shown(improvement: Improvement) -> list[Candidate]:
    """Plain, and of each name the best that was allowed, in the order they were tried."""
    candidates = improvement.candidates
    names = dict.fromkeys(candidate.name for candidate in candidates)
    groups = [[candidates[0], *(one for one in candidates[1:] if one.name == name)] for name in names]
    return list(dict.fromkeys(choose(group, improvement.cost) for group in groups))

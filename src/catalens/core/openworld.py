"""Is it one of ours?  Two answers for a product that the model should not name: "far" is nothing that this shop sells,
"near" is a product of a category that the model does not know.  (A bad photo is the third, and core/quality.py's.)

`evaluate/openworld.py` makes the bank and finds the limits; here is the rule itself, one for reports and serving.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile
from zlib import error as ZlibError

import numpy as np
import numpy.typing as npt

from catalens.core.errors import BundleCorrupt
from catalens.core.scores import Floats, softmax

FILE = "openworld.npz"  # in a bundle whose limits look at embeddings
BLOCK = 512  # products scored at a time: 512 x 20,000 cosines are 41 MB
GEN_GAMMA, GEN_TOP = 0.1, 100  # as published
Doubles = npt.NDArray[np.float64]
Classes = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """What the model remembers of the products it was trained on.

    `basis` float32 [D, K]: orthonormal, the K <= 128 leading directions of the embeddings (not centred, so that cosines
    are kept).  `rows` float32 [R, K], R <= 20,000: embeddings in that basis, of float16's precision; `row_classes`
    int32 [R].  `neighbours`: the k of `knn`.
    `centre` float32 [K] and `whitening` float32 [K, K] make of a row z = (row - centre) @ whitening, where products
    spread by 1 around their class mean in every direction, and by `background` float32 [K] (variances) around 0 all
    together.  `means` float32 [P, K] are the class means there, of the classes `mean_classes` int32 [P].
    `trash` float32 [K + 2], or None where no strangers were supplied: weights of `features`, then a constant.

    Raises ValueError where these do not fit.
    """

    basis: Floats
    rows: Floats
    row_classes: npt.NDArray[np.int32]
    neighbours: int
    centre: Floats
    whitening: Floats
    background: Floats
    means: Floats
    mean_classes: npt.NDArray[np.int32]
    trash: Floats | None = None

    def __post_init__(self) -> None:
        if self.basis.ndim != 2:
            raise ValueError(f"expected basis of shape [D, K], got {list(self.basis.shape)}")
        directions, count, known = self.basis.shape[1], self.row_classes.size, self.mean_classes.size
        shapes = {
            "rows": (count, directions),
            "row_classes": (count,),
            "centre": (directions,),
            "whitening": (directions, directions),
            "background": (directions,),
            "means": (known, directions),
            "mean_classes": (known,),
            "trash": (directions + 2,),
        }
        for name, shape in shapes.items():
            if (values := getattr(self, name)) is not None and values.shape != shape:
                raise ValueError(f"expected {name} of shape {list(shape)}, got {list(values.shape)}")
        for name in ("basis", *shapes):
            if (values := getattr(self, name)) is not None and not np.isfinite(values).all():
                raise ValueError(f"expected finite {name}")
        if not 1 <= self.neighbours <= count or not known:
            raise ValueError(f"expected 1 to {count} neighbours and some classes, got {self.neighbours} and {known}")
        if self.background.min(initial=1) <= 0 or min(self.row_classes.min(), self.mean_classes.min()) < 0:
            raise ValueError("expected variances above 0 and classes from 0")

    def features(self, rows: Floats) -> Floats:
        """float32 [N, K] in the basis, of unit vectors -> [N, K + 1]: and the length of what the basis leaves out."""
        left = np.sqrt(np.maximum(1 - np.square(rows).sum(axis=1, keepdims=True), 0))
        return np.concatenate([rows, left], axis=1, dtype=np.float32)

    def white(self, embeddings: Floats) -> Floats:
        """float32 [N, D] -> float32 [N, K], where class means stand."""
        return ((embeddings @ self.basis - self.centre) @ self.whitening).astype(np.float32, copy=False)


def _msp(logits: Doubles) -> Doubles:
    """The largest probability (Hendrycks & Gimpel, 2017)."""
    return softmax(logits).max(axis=1)


def _max_logit(logits: Doubles) -> Doubles:
    """The largest logit (Hendrycks et al., 2022).  Says nothing after a fusion by "max", which keeps no scale."""
    return logits.max(axis=1)


def _energy(logits: Doubles) -> Doubles:
    """log sum exp of the logits (Liu et al., 2020).  Says nothing after a fusion by "max"."""
    largest = logits.max(axis=1, keepdims=True)
    total: Doubles = largest[:, 0] + np.log(np.exp(logits - largest).sum(axis=1))
    return total


def _gen(logits: Doubles) -> Doubles:
    """Minus the generalised entropy of the largest probabilities (Liu et al., 2023)."""
    probabilities = softmax(logits)
    if probabilities.shape[1] > GEN_TOP:
        probabilities = np.partition(probabilities, -GEN_TOP, axis=1)[:, -GEN_TOP:]
    entropy: Doubles = np.power(probabilities * (1 - probabilities), GEN_GAMMA).sum(axis=1)
    return -entropy


def _knn(embeddings: Floats, bank: Bank, without: Classes | None) -> Doubles:
    """The cosine of the k-th nearest row (Sun et al., 2022), in [-1, 1]; -1 where fewer than k are left.

    What of the product lies outside the basis counts as unlike every row.
    """
    cosines = (embeddings @ bank.basis) @ bank.rows.T
    if without is not None:
        cosines[without[:, None] == bank.row_classes] = -1
    place = cosines.shape[1] - bank.neighbours
    return np.partition(cosines, place, axis=1)[:, place].astype(np.float64)


def _distances(white: Floats, bank: Bank, without: Classes | None) -> Doubles:
    """float32 [N, K] -> squared distance to the nearest class mean; infinite where no class is left."""
    squares = np.square(bank.means).sum(axis=1) - 2 * (white @ bank.means.T)
    if without is not None:
        squares[without[:, None] == bank.mean_classes] = np.inf
    nearest: Doubles = squares.min(axis=1) + np.square(white, dtype=np.float64).sum(axis=1)
    return nearest


def _mahalanobis(embeddings: Floats, bank: Bank, without: Classes | None) -> Doubles:
    """Minus the squared Mahalanobis distance to the nearest class mean (Lee et al., 2018)."""
    return -_distances(bank.white(embeddings), bank, without)


def _relative_mahalanobis(embeddings: Floats, bank: Bank, without: Classes | None) -> Doubles:
    """The same, less the distance to all products together (Ren et al., 2021)."""
    white = bank.white(embeddings)
    background: Doubles = (np.square(white, dtype=np.float64) / bank.background).sum(axis=1)
    return background - _distances(white, bank, without)


def _trash(embeddings: Floats, bank: Bank, _: Classes | None) -> Doubles:
    """Minus the log-odds of a stranger, by logistic regression on supplied ones."""
    if bank.trash is None:
        raise ValueError("expected a bank with the weights of strangers; none were supplied")
    odds = bank.features(embeddings @ bank.basis) @ bank.trash[:-1] + bank.trash[-1]
    return -odds.astype(np.float64)


# higher = more like a product.  float64 [N, C] -> float64 [N]
OF_LOGITS: dict[str, Callable[[Doubles], Doubles]] = {
    "msp": _msp,
    "max_logit": _max_logit,
    "energy": _energy,
    "gen": _gen,
}
# float32 [N, D], the bank, int [N] the class to leave out -> float64 [N]
OF_EMBEDDINGS: dict[str, Callable[[Floats, Bank, Classes | None], Doubles]] = {
    "knn": _knn,
    "mahalanobis": _mahalanobis,
    "relative_mahalanobis": _relative_mahalanobis,
    "trash": _trash,
}
# the largest probability times the cosine of the k-th neighbour: sure of a class, and like something that was seen.  Of
# the pairs that were tried on held-out categories of fashion, the one that gained most
PRODUCTS = {"msp_knn": ("msp", "knn")}
SCORERS = (*OF_LOGITS, *PRODUCTS, *OF_EMBEDDINGS)
NEED_BANK = {*PRODUCTS, *OF_EMBEDDINGS}


def score(
    name: str,
    logits: npt.NDArray[np.floating],
    embeddings: Floats,
    bank: Bank | None,
    *,
    without: Classes | None = None,
) -> Doubles:
    """Logits [N, C] before temperature, embeddings [N, D], L2-normalised -> float64 [N], higher = more like a product.

    `without` int [N] leaves one class a row out, as if the model did not know it: its logit, its mean, its bank rows.
    (The basis, the whitening and the weights of strangers stay; one class hardly moves them.)  The bank may be None
    for what looks at logits alone.  Raises ValueError.
    """
    if name not in SCORERS:
        raise ValueError(f"unknown scorer {name!r}; known: {', '.join(SCORERS)}")
    if len(logits) != len(embeddings) or (without is not None and len(without) != len(logits)):
        raise ValueError(f"expected as many rows of each, got {len(logits)} logits and {len(embeddings)} embeddings")
    if without is not None and logits.shape[1] < 2:
        raise ValueError("expected two classes or more, of which one is left out")
    if name in PRODUCTS:
        first, other = (score(one, logits, embeddings, bank, without=without) for one in PRODUCTS[name])
        return first * np.maximum(other, 0)
    scores = np.empty(len(logits))
    for start in range(0, len(logits), BLOCK):
        rows = slice(start, start + BLOCK)
        left_out = None if without is None else without[rows]
        if name in OF_LOGITS:
            scores[rows] = OF_LOGITS[name](_masked(logits[rows], left_out))
        elif bank is None:
            raise ValueError(f"expected a bank, for {name} looks at embeddings")
        else:
            scores[rows] = OF_EMBEDDINGS[name](embeddings[rows].astype(np.float32, copy=False), bank, left_out)
    return scores


def _masked(logits: npt.NDArray[np.floating], left_out: Classes | None) -> Doubles:
    copy = logits.astype(np.float64)
    if left_out is not None:
        copy[np.arange(len(copy)), left_out] = -np.inf
    return copy


class Limit(NamedTuple):
    """What scores below `threshold` by `scorer` is a stranger."""

    scorer: str
    threshold: float


@dataclass(frozen=True, slots=True, eq=False)
class OpenWorld:
    """The rule of a bundle.  None: no limit of that kind could be set.

    `strangers` is how many strangers were supplied to choose `far` by; with 0 there is no such limit, and what is far
    is found as near, if at all.  `unknown` is where products of no known category came from: "held out", or "masked"
    (known ones, their own class left out).
    Raises ValueError where these do not fit.
    """

    far: Limit | None
    near: Limit | None
    bank: Bank | None = None
    strangers: int = 0
    unknown: str = "masked"

    def __post_init__(self) -> None:
        for limit in filter(None, (self.far, self.near)):
            if limit.scorer not in SCORERS or not math.isfinite(limit.threshold):
                raise ValueError(f"expected a known scorer and a finite threshold, got {limit}")
            if limit.scorer in NEED_BANK and self.bank is None:
                raise ValueError(f"expected a bank, for {limit.scorer} looks at embeddings")
            if limit.scorer == "trash" and self.bank is not None and self.bank.trash is None:
                raise ValueError("expected a bank with the weights of strangers, got none")

    def verdicts(
        self, logits: npt.NDArray[np.floating], embeddings: Floats, *, without: Classes | None = None
    ) -> list[str | None]:
        """Products as in `score` -> "far", "near", or None for one of ours."""
        verdicts: list[str | None] = [None] * len(logits)
        for verdict, limit in (("near", self.near), ("far", self.far)):  # far wins
            if limit is not None:
                scores = score(limit.scorer, logits, embeddings, self.bank, without=without)
                for row in np.flatnonzero(scores < limit.threshold):
                    verdicts[row] = verdict
        return verdicts

    def to_json(self) -> dict[str, Any]:
        """All but the bank: what stands in the manifest."""
        return {
            "far": self.far and self.far._asdict(),
            "near": self.near and self.near._asdict(),
            "bank": self.bank is not None,
            "strangers": self.strangers,
            "unknown": self.unknown,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any], bank: Bank | None) -> OpenWorld:
        far, near = (values[name] and Limit(**values[name]) for name in ("far", "near"))
        return cls(far, near, bank, int(values["strangers"]), str(values["unknown"]))

    def write(self, folder: Path) -> None:
        """openworld.npz in `folder`, where there is anything to write; the same bank gives the same bytes."""
        if self.bank is not None:
            arrays = {field.name: getattr(self.bank, field.name) for field in fields(self.bank)}
            arrays["rows"] = self.bank.rows.astype(np.float16)
            np.savez(folder / FILE, **{name: values for name, values in arrays.items() if values is not None})


def read_open_world(values: dict[str, Any], folder: Path, *, classes: int, dim: int) -> OpenWorld:
    """The rule of a bundle of `classes` outputs and embeddings of `dim` numbers, from `values` of its manifest.

    Raises BundleCorrupt naming the file.
    """
    path = folder / FILE
    try:
        bank = _read_bank(path) if values.get("bank") else None
        rule = OpenWorld.from_json(values, bank)
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, MemoryError) as error:
        raise BundleCorrupt(f"does not hold an open-world rule ({error})", source=str(path), key=FILE) from None
    except (BadZipFile, ZlibError, NotImplementedError) as error:
        raise BundleCorrupt(f"is damaged ({error})", source=str(path), key=FILE) from None
    if bank is not None and len(bank.basis) != dim:
        message = f"expected a bank of embeddings of {dim} numbers, got {len(bank.basis)}"
        raise BundleCorrupt(message, source=str(path), key=FILE)
    if bank is not None and max(bank.row_classes.max(), bank.mean_classes.max()) >= classes:
        raise BundleCorrupt(f"expected a bank of {classes} classes, got more", source=str(path), key=FILE)
    return rule


def _read_bank(path: Path) -> Bank:
    with np.load(path, allow_pickle=False) as arrays:
        floats = {name: arrays[name].astype(np.float32) for name in arrays if arrays[name].dtype.kind == "f"}
        classes = {name: arrays[name].astype(np.int32) for name in ("row_classes", "mean_classes")}
        return Bank(neighbours=int(arrays["neighbours"]), **floats, **classes)

"""Categories that were added to a finished model by a few photos of each: the rule that finds them.

Nothing is trained.  A product is compared with the mean of each added category's photos and with that of the trained
category it is taken for, in the model's own embedding, whitened; a gate says how likely it is of an added one.  Means
of few photos: Snell, Swersky & Zemel, 2017, and Qi, Brown & Lowe, 2018.  Without whitening two thirds as many products
of new grocery categories were found, at the same loss of trained ones; the nearest photo beside the mean, or the
nearest trained category in place of that taken for, found no more.

`evaluate/gallery.py` fits the gate; here is the rule itself, one for reports and serving.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile
from zlib import error as ZlibError

import numpy as np
import numpy.typing as npt

from catalens.core.errors import BundleCorrupt
from catalens.core.prediction import Decision
from catalens.core.scores import Floats, softmax
from catalens.core.taxonomy import SEPARATOR, Taxonomy

FILE = "gallery.npz"  # in a bundle that categories were added to
CALIBRATED = 5  # products of an added category among those a bundle was calibrated on, for its promises to hold for it
TINY = 1e-12
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Added:
    """A category that was added: leaf `id` below `parent` ("" at the top), defined by so many `photos`.

    `calibrated` products of it stand behind the bundle's promises.
    """

    id: str
    name: str
    parent: str
    photos: int
    calibrated: int = 0

    @property
    def promised(self) -> bool:
        """Whether the bundle's promises were tested on products of this category too."""
        return self.calibrated >= CALIBRATED


@dataclass(frozen=True, slots=True)
class Gate:
    """log-odds that a product is of an added category = `likeness` * (cosine with the nearest added category, less that
    with the trained one it is taken for) + `sure` * log of that one's closed-set probability + `offset`.

    `sharpness` shares the probability of an added category among several: softmax of `sharpness` * cosine.
    """

    likeness: float
    sure: float
    offset: float
    sharpness: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in asdict(self).values()) or self.sharpness < 0:
            raise ValueError(f"expected finite numbers and a sharpness of at least 0, got {self}")

    def odds(self, alike: Doubles, taken: Doubles, largest: Doubles) -> Doubles:
        """float64 [P, G] cosines with added categories, [P] with the class taken for, [P] its probability -> [P]."""
        logs: Doubles = np.log(np.maximum(largest, TINY))
        return self.likeness * (alike.max(axis=1) - taken) + self.sure * logs + self.offset


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """Where cosines are taken: (embedding - `centre` [D]) @ `whitening` [D, R], L2-normalised; both float32.

    There, products spread alike around their category in all directions.  Raises ValueError where these do not fit.
    """

    centre: Floats
    whitening: Floats

    def __post_init__(self) -> None:
        if self.whitening.ndim != 2 or self.centre.shape != self.whitening.shape[:1]:
            shapes = f"{list(self.centre.shape)} and {list(self.whitening.shape)}"
            raise ValueError(f"expected a centre [D] and a whitening [D, R], got {shapes}")
        if not (np.isfinite(self.centre).all() and np.isfinite(self.whitening).all()):
            raise ValueError("expected a finite centre and whitening")

    def __call__(self, embeddings: Floats) -> Floats:
        """float32 [P, D] -> float32 [P, R], L2-normalised."""
        return normalised((embeddings - self.centre) @ self.whitening)


class Alike(NamedTuple):
    """The trained leaf (its index) that an added category looks most like, and the cosine in [-1, 1]."""

    leaf: int
    cosine: float


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """G added categories beside C trained ones.  With none, probabilities stay as they are.

    `embeddings` float32 [K, D], L2-normalised, are the photos of the added categories, `owners` int32 [K] says of which
    (index into `categories`); `base` float16 [C, R] are the trained classes' directions in `space`, 0 for a class that
    no photo was seen of.  Raises ValueError where these do not fit.
    """

    categories: tuple[Added, ...]
    embeddings: Floats
    owners: Ints
    space: Space
    base: npt.NDArray[np.float16]
    gate: Gate
    _added: Floats = field(init=False, repr=False)  # [G, R], their directions in `space`

    def __post_init__(self) -> None:
        dim, directions = self.space.whitening.shape
        if self.base.ndim != 2 or self.base.shape[1] != directions:
            raise ValueError(f"expected classes of shape [C, {directions}], got {list(self.base.shape)}")
        if self.embeddings.ndim != 2 or self.embeddings.shape[1] != dim:
            raise ValueError(f"expected photos of shape [K, {dim}], got {list(self.embeddings.shape)}")
        if self.owners.shape != (len(self.embeddings),):
            raise ValueError(f"expected the owners of {len(self.embeddings)} photos, got {list(self.owners.shape)}")
        if not (np.isfinite(self.embeddings).all() and np.isfinite(self.base).all()):
            raise ValueError("expected finite embeddings")
        if not np.allclose(np.linalg.norm(self.embeddings, axis=1), 1, atol=1e-3):
            raise ValueError("expected embeddings of length 1")
        said = [category.photos for category in self.categories]
        counts = np.bincount(self.owners, minlength=len(said)).tolist()
        if counts != said or 0 in said:
            raise ValueError(f"expected 1 photo or more of each category, and {said} of them, got {counts}")
        object.__setattr__(self, "_added", prototypes(self.space(self.embeddings), self.owners, len(said)))

    @property
    def classes(self) -> int:
        """C, how many categories the model was trained on."""
        return len(self.base)

    def extend(self, probabilities: Doubles, embeddings: Floats) -> Doubles:
        """Calibrated [P, C], L2-normalised float32 [P, D] -> float64 [P, C + G], rows sum to 1, added ones last."""
        dim = len(self.space.centre)
        if probabilities.shape != (len(embeddings), self.classes) or embeddings.shape[1] != dim:
            raise ValueError(
                f"expected probabilities [P, {self.classes}] and embeddings [P, {dim}], "
                f"got {list(probabilities.shape)} and {list(embeddings.shape)}"
            )
        if not self.categories:
            return probabilities
        white = self.space(embeddings)
        alike, best = cosines(white, self._added), probabilities.argmax(axis=1)
        odds = self.gate.odds(alike, paired(white, self.base[best]), probabilities.max(axis=1))
        return shared(probabilities, alike, self.gate, odds)

    def unpromised(self, probabilities: Doubles) -> npt.NDArray[np.bool_]:
        """float64 [P, C + G] -> bool [P]: is the best leaf an added one that no promise was tested on?"""
        unknown = np.array([False] * self.classes + [not category.promised for category in self.categories])
        return unknown[probabilities.argmax(axis=1)]

    def alike(self) -> tuple[Alike, ...]:
        """For each added category, the trained one that it looks most like: where the two may be taken for another."""
        if not self.categories:
            return ()
        found = cosines(self._added, self.base)
        return tuple(Alike(int(row.argmax()), float(row.max())) for row in found)

    def to_json(self) -> dict[str, Any]:
        """What stands in the manifest: all but the embeddings."""
        return {"categories": [asdict(category) for category in self.categories], "gate": asdict(self.gate)}

    def write(self, folder: Path) -> None:
        """gallery.npz in `folder`; the same values give the same bytes."""
        np.savez(
            folder / FILE,
            embeddings=self.embeddings.astype(np.float32),
            owners=self.owners.astype(np.int32),
            centre=self.space.centre.astype(np.float32),
            whitening=self.space.whitening.astype(np.float32),
            base=self.base.astype(np.float16),
        )


def read_gallery(values: Mapping[str, Any], folder: Path, *, leaves: Sequence[str], classes: int, dim: int) -> Gallery:
    """The gallery of a bundle of `classes` outputs and embeddings of `dim` numbers, from `values` of its manifest.

    `leaves` are those of its taxonomy: the trained ones, then the added ones.  Raises BundleCorrupt naming the file.
    """
    path = folder / FILE
    try:
        categories = tuple(Added(**category) for category in values["categories"])
        with np.load(path, allow_pickle=False) as arrays:
            embeddings, owners = arrays["embeddings"].astype(np.float32), arrays["owners"].astype(np.int32)
            space = Space(arrays["centre"].astype(np.float32), arrays["whitening"].astype(np.float32))
            base = arrays["base"].astype(np.float16)
            gallery = Gallery(categories, embeddings, owners, space, base, Gate(**values["gate"]))
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, MemoryError) as error:
        raise BundleCorrupt(f"does not hold a gallery ({error})", source=str(path), key=FILE) from None
    except (BadZipFile, ZlibError, NotImplementedError) as error:
        raise BundleCorrupt(f"is damaged ({error})", source=str(path), key=FILE) from None
    found = gallery.classes, len(gallery.space.centre)
    if found != (classes, dim):
        message = f"expected {classes} classes and embeddings of {dim} numbers, got {found[0]} and {found[1]}"
        raise BundleCorrupt(message, source=str(path), key=FILE)
    if tuple(leaves[classes:]) != tuple(category.id for category in categories):
        message = f"expected the categories {list(leaves[classes:])}, got {[category.id for category in categories]}"
        raise BundleCorrupt(message, source=str(path), key=FILE)
    return gallery


def prototypes(white: Floats, owners: npt.NDArray[np.integer], count: int) -> Floats:
    """[K, R], int [K] -> float32 [count, R]: mean directions, L2-normalised; 0 where there is nothing to average."""
    sums = np.zeros((count, white.shape[1]))
    np.add.at(sums, owners, white)
    return normalised(sums)


def normalised(values: npt.NDArray[np.floating]) -> Floats:
    """[N, R] -> float32 [N, R] of length 1; 0 stays 0."""
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / np.maximum(lengths, TINY), dtype=np.float32)


def cosines(white: Floats, others: npt.NDArray[np.floating]) -> Doubles:
    """[P, R], [K, R], both L2-normalised -> float64 [P, K]."""
    return (white @ others.astype(np.float32, copy=False).T).astype(np.float64)


def paired(white: Floats, others: npt.NDArray[np.floating]) -> Doubles:
    """[P, R], [P, R], both L2-normalised -> float64 [P], the cosine of each row with its own."""
    found: Doubles = np.einsum("pr,pr->p", white, others, dtype=np.float64)
    return found


def shared(probabilities: Doubles, alike: Doubles, gate: Gate, odds: Doubles) -> Doubles:
    """[P, C] closed-set, [P, G] cosines, [P] log-odds of an added category -> float64 [P, C + G], rows sum to 1."""
    added = 1 / (1 + np.exp(-np.clip(odds, -500, 500)))[:, None]
    return np.concatenate([(1 - added) * probabilities, added * softmax(gate.sharpness * alike)], axis=1)


def no_promise(gallery: Gallery, taxonomy: Taxonomy, probabilities: Doubles) -> Decision | None:
    """float64 [C + G] of one product -> `suggest` where its best leaf is an added one that no promise was tested on.

    None for every other product: then the promise decides.
    """
    if not gallery.unpromised(probabilities[None])[0]:
        return None
    best = int(probabilities.argmax())
    path = SEPARATOR.join(taxonomy.path_names(taxonomy.leaves[best]))
    photos = gallery.categories[best - gallery.classes].photos
    reason = f"Looks like {path}, a category added from {photos} photos: no promise yet, ask a person."
    return Decision("suggest", None, (), None, float(probabilities[best]), None, reason)

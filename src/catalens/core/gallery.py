"""Categories that were added to a finished model by a few photos of each: the rule that finds them.

Nothing is trained.  A product is compared with the photos of each added category and with the mean directions of the
trained ones, in the model's own embedding, and a gate says how likely it is that the product is of an added category.
Prototypes for few photos: Snell, Swersky & Zemel, 2017, and Qi, Brown & Lowe, 2018.

`evaluate/gallery.py` fits the gate; here is the rule itself, one for reports and serving.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
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
    """log-odds that a product is of an added category = `gallery` * likeness to the nearest added category
    + `base` * cosine with the nearest trained one + `sure` * log of the largest closed-set probability + `offset`.

    `sharpness` shares the probability of an added category among several: softmax of `sharpness` * likeness.
    """

    gallery: float
    base: float
    sure: float
    offset: float
    sharpness: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in asdict(self).values()) or self.sharpness < 0:
            raise ValueError(f"expected finite numbers and a sharpness of at least 0, got {self}")

    def odds(self, likeness: Doubles, nearest: Doubles, largest: Doubles) -> Doubles:
        """float64 [P, G] likeness, [P] cosine with the nearest trained class, [P] the largest probability -> [P]."""
        linear = self.gallery * likeness.max(axis=1) + self.base * nearest
        return linear + self.sure * np.log(np.maximum(largest, TINY)) + self.offset


class Alike(NamedTuple):
    """The trained leaf (its index) that an added category looks most like, and the cosine in [-1, 1]."""

    leaf: int
    cosine: float


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """G added categories beside C trained ones.  With none, probabilities stay as they are.

    `embeddings` float32 [K, D], L2-normalised, are the photos of the added categories, `owners` int32 [K] says of which
    (index into `categories`); `base` float16 [C, D] are the mean directions of the trained classes, 0 for a class that
    no photo was seen of.  Raises ValueError where these do not fit.
    """

    categories: tuple[Added, ...]
    embeddings: Floats
    owners: Ints
    base: npt.NDArray[np.float16]
    gate: Gate

    def __post_init__(self) -> None:
        if self.base.ndim != 2 or self.embeddings.ndim != 2 or self.embeddings.shape[1] != self.base.shape[1]:
            raise ValueError(f"expected photos and classes [., D], got {self.embeddings.shape} and {self.base.shape}")
        if self.owners.shape != (len(self.embeddings),):
            raise ValueError(f"expected the owners of {len(self.embeddings)} photos, got {list(self.owners.shape)}")
        if not (np.isfinite(self.embeddings).all() and np.isfinite(self.base).all()):
            raise ValueError("expected finite embeddings")
        lengths = np.linalg.norm(self.embeddings, axis=1)
        if not np.allclose(lengths, 1, atol=1e-3):
            raise ValueError("expected embeddings of length 1")
        said = [category.photos for category in self.categories]
        counts = np.bincount(self.owners, minlength=len(said)).tolist()
        if counts != said or 0 in said:
            raise ValueError(f"expected 1 photo or more of each category, and {said} of them, got {counts}")

    @property
    def classes(self) -> int:
        """C, how many categories the model was trained on."""
        return len(self.base)

    def extend(self, probabilities: Doubles, embeddings: Floats) -> Doubles:
        """Calibrated [P, C], L2-normalised float32 [P, D] -> float64 [P, C + G], rows sum to 1, added ones last."""
        if probabilities.shape != (len(embeddings), self.classes) or embeddings.shape[1] != self.base.shape[1]:
            raise ValueError(
                f"expected probabilities [P, {self.classes}] and embeddings [P, {self.base.shape[1]}], "
                f"got {list(probabilities.shape)} and {list(embeddings.shape)}"
            )
        if not self.categories:
            return probabilities
        alike = likeness(embeddings, self.embeddings, self.owners)
        nearest = cosines(embeddings, self.base).max(axis=1, initial=-1)
        return shared(probabilities, alike, self.gate, self.gate.odds(alike, nearest, probabilities.max(axis=1)))

    def unpromised(self, probabilities: Doubles) -> npt.NDArray[np.bool_]:
        """float64 [P, C + G] -> bool [P]: is the best leaf an added one that no promise was tested on?"""
        unknown = np.array([False] * self.classes + [not category.promised for category in self.categories])
        return unknown[probabilities.argmax(axis=1)]

    def alike(self) -> tuple[Alike, ...]:
        """For each added category, the trained one that it looks most like: where the two may be taken for another."""
        if not self.categories:
            return ()
        found = cosines(prototypes(self.embeddings, self.owners, len(self.categories)), self.base)
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
            gallery = Gallery(categories, embeddings, owners, arrays["base"].astype(np.float16), Gate(**values["gate"]))
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, MemoryError) as error:
        raise BundleCorrupt(f"does not hold a gallery ({error})", source=str(path), key=FILE) from None
    except (BadZipFile, ZlibError, NotImplementedError) as error:
        raise BundleCorrupt(f"is damaged ({error})", source=str(path), key=FILE) from None
    if gallery.base.shape != (classes, dim):
        message = f"expected {classes} classes of {dim} numbers, got {list(gallery.base.shape)}"
        raise BundleCorrupt(message, source=str(path), key=FILE)
    if tuple(leaves[classes:]) != tuple(category.id for category in categories):
        message = f"expected the categories {list(leaves[classes:])}, got {[category.id for category in categories]}"
        raise BundleCorrupt(message, source=str(path), key=FILE)
    return gallery


def likeness(embeddings: Floats, photos: Floats, owners: Ints) -> Doubles:
    """[P, D] products, [K, D] photos of G categories -> float64 [P, G], in [-1, 1].

    Half the cosine with the category's mean direction, half that with its nearest photo.  Told by either alone, added
    categories were found less often: 0.65 and 0.65 of them against 0.71 (grocery, 10 classes of 5 photos that the model
    was not trained on).  Whitened embeddings found as many, but a gate that was fitted on trained classes judged new
    ones worse there: 0.61.
    """
    count = int(owners.max(initial=-1)) + 1
    single = cosines(embeddings, photos)
    nearest = np.stack([single[:, owners == category].max(axis=1) for category in range(count)], axis=1)
    return (cosines(embeddings, prototypes(photos, owners, count)) + nearest) / 2


def prototypes(embeddings: Floats, owners: npt.NDArray[np.integer], count: int) -> Floats:
    """[K, D], int [K] -> float32 [count, D]: mean directions, L2-normalised; 0 where there is nothing to average."""
    sums = np.zeros((count, embeddings.shape[1]))
    np.add.at(sums, owners, embeddings)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return (sums / np.maximum(lengths, TINY)).astype(np.float32)


def cosines(embeddings: Floats, others: npt.NDArray[np.floating]) -> Doubles:
    """[P, D], [K, D], both L2-normalised -> float64 [P, K]."""
    return (embeddings @ others.astype(np.float32, copy=False).T).astype(np.float64)


def shared(probabilities: Doubles, alike: Doubles, gate: Gate, odds: Doubles) -> Doubles:
    """[P, C] closed-set, [P, G] likeness, [P] log-odds of an added category -> float64 [P, C + G], rows sum to 1."""
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

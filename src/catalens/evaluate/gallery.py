"""Fit the gate of categories that are added by a few photos.  The rule that applies it is core/gallery.py.

Nobody has products of categories that are yet to come.  So categories are hidden that the model does know, again and
again by seed: their columns leave the probabilities, a few of their training photos become a gallery, and calibration
products of all categories are judged as if the hidden ones had just been added.  A regularised logistic regression on
all of that, old and new weighing the same, says what likeness and a sure answer are worth.

The offset is the most generous one with which the old categories are expected to lose no more than `cost` of their
accuracy, but never more than the regression's own.  What they lose is counted on the calibration products with the
categories that are really added, where these are given, and else in the simulation.  The latter is far too careful:
the network was trained on the hidden categories, which stand out more than new ones do.  On grocery photos, with
models that had never seen the 10 categories that were added, counted offsets found 0.79 of their products and cost the
others 0.0075 of their accuracy (`benchmarks/gallery_head.py`); of another ten, simulated ones found 0.40 where counted
ones found 0.60 to 0.72.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from catalens.core.gallery import Gallery, Gate, Space, cosines, paired, prototypes
from catalens.core.scores import Floats, log_softmax
from catalens.evaluate import logistic

ROUNDS, SHOTS = 20, 5
MORE_SHOTS = (3, 8)  # reported beside SHOTS
MOST_HIDDEN = 64
PRODUCTS = 5_000  # calibration products drawn
PENALTY = 1e-3  # of the regression; a tenth and ten times that found as many
DIRECTIONS = 256  # of the whitened space; 200 and 512 measured alike, 128 found 0.04 less
RIDGE = 0.3  # of the mean variance, added to every direction's
SHARPNESS = np.geomspace(1, 200, 40)  # tried, by the likelihood of hidden products
TINY = 1e-12
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Measured:
    """Shares in [0, 1] right among all categories, old and added: of `new` products of added categories, `new_right`,
    and of `old` products `old_before` any was added and `old_after`.

    `among_new` is what would be right of the new if the gate were always right, `taken` the share of the old that were
    taken for an added category.  Shares are None where there are no such products.
    """

    new: int
    new_right: float | None
    among_new: float | None
    old: int
    old_before: float | None
    old_after: float | None
    taken: float | None

    @property
    def lost(self) -> float:
        """How much accuracy the old categories lost; below 0 where they gained."""
        return (self.old_before or 0.0) - (self.old_after or 0.0)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Trial:
    """`rounds` simulations, each with `hidden` categories of `photos` photos; `measured` on all of them together, with
    the careful offset."""

    rounds: int
    hidden: int
    photos: int
    measured: Measured

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "measured": self.measured.to_json()}


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """`space`, `base` float16 [C, R] and `gate`, as `Gallery` has them, and what was found.

    `actual` is what the categories that are really added do to the calibration products; None where none were given.
    `careful` is the offset that the simulation alone would choose, for categories that nothing was counted with.
    """

    space: Space
    base: npt.NDArray[np.float16]
    gate: Gate
    cost: float
    products: int
    trials: tuple[Trial, ...]
    careful: float
    actual: Measured | None = None

    def to_json(self) -> dict[str, Any]:
        trials = [trial.to_json() for trial in self.trials]
        actual = self.actual and self.actual.to_json()
        values = {"cost": self.cost, "products": self.products, "careful": self.careful}
        return {**values, "trials": trials, "actual": actual}


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """P products of a round: [P, G] cosines with the added, [P] with the class they are taken for, [P] its probability.

    `new` bool [P]; `right` bool [P]: is the best added category (of the new), the best old one (of the old), the true
    one?  `truth` int64 [P], the added category of a new product, else -1.
    """

    alike: Doubles
    taken: Doubles
    largest: Doubles
    new: Flags
    right: Flags
    truth: Ints


def fit(
    bank: Floats,
    labels: npt.NDArray[np.integer],
    probabilities: Doubles,
    embeddings: Floats,
    truth: npt.NDArray[np.integer],
    *,
    seed: int,
    cost: float = 0.01,
    shots: int = SHOTS,
    rounds: int = ROUNDS,
    hidden: int | None = None,
    added: tuple[Floats, npt.NDArray[np.int32]] | None = None,
) -> Fitted:
    """The gate, from training photos and calibration products of the C classes.

    `bank` float32 [N, D], L2-normalised, `labels` int [N]; `probabilities` float64 [P, C] calibrated, `embeddings`
    float32 [P, D], `truth` int [P].  `hidden` classes at a time play the new ones: an eighth of all where not given.
    `added` are the photos float32 [K, D] and owners int32 [K] of the categories that are really to come.
    Raises ValueError where there is too little to learn from.
    """
    classes = probabilities.shape[1]
    if len(bank) != len(labels) or len(probabilities) != len(embeddings) or len(embeddings) != len(truth):
        raise ValueError("expected as many labels as photos, and probabilities, embeddings and truth of each product")
    if not 0 <= cost < 1 or shots < 1 or rounds < 1:
        raise ValueError(f"expected a cost in [0, 1) and at least 1 shot and round, got {cost}, {shots}, {rounds}")
    drawn = np.sort(np.random.default_rng(seed).permutation(len(truth))[:PRODUCTS])
    probabilities, embeddings, true = probabilities[drawn], embeddings[drawn], np.asarray(truth[drawn], np.int64)
    photos = np.bincount(labels, minlength=classes)
    able = np.flatnonzero((photos > shots) & (np.bincount(true, minlength=classes) > 0))
    wanted = min(MOST_HIDDEN, classes // 8) if hidden is None else hidden
    hidden = min(max(1, wanted), classes - 1, len(able) // 2)
    if hidden < 1:
        raise ValueError(
            f"expected at least 2 categories with more than {shots} training photos and some calibration products, "
            f"got {len(able)}"
        )
    space = make_space(bank, labels)
    photos_white, white = space(bank), space(embeddings)
    base = prototypes(photos_white, labels, classes).astype(np.float16)

    def simulate(shots: int) -> list[_Rows]:
        rng = np.random.default_rng(seed)
        world = photos_white, labels, probabilities, white, base, true
        return [_round(rng, *world, able, hidden, shots) for _ in range(rounds)]

    found = simulate(shots)
    natural = _gate(found)
    gate = _offset(natural, found, cost)
    careful, actual = gate.offset, None
    trials = [
        Trial(rounds, hidden, each, _measure(gate, simulate(each))) for each in dict.fromkeys((shots, *MORE_SHOTS))
    ]
    if added is not None:
        count = int(added[1].max()) + 1
        really = _all_old(probabilities, white, base, prototypes(space(added[0]), added[1], count), true)
        gate = _offset(natural, [really], cost) if _allowed(cost, len(true)) >= 0 else gate
        actual = _measure(gate, [really])
    return Fitted(space, base, gate, cost, len(true), tuple(trials), careful, actual)


def make_space(embeddings: Floats, labels: npt.NDArray[np.integer]) -> Space:
    """Embeddings float32 [N, D] of training photos, int [N] -> the directions in which they spread most, at most 256,
    divided by how far photos spread around their own category's mean (with a ridge: few photos say little of that)."""
    centre = embeddings.mean(axis=0, dtype=np.float64)
    classes, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    covariance = (embeddings.T @ embeddings).astype(np.float64) / len(embeddings) - np.outer(centre, centre)
    variances, directions = np.linalg.eigh(covariance)
    count = min(DIRECTIONS, max(1, int((variances > 1e-6 * variances[-1]).sum())))
    basis = directions[:, ::-1][:, :count]
    basis = basis * np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(count)])  # else the library's whim
    rows = (embeddings - centre) @ basis
    means = np.zeros((len(classes), count))
    np.add.at(means, places, rows)
    apart = rows - (means / counts[:, None])[places]
    within = apart.T @ apart / max(1, len(rows) - len(classes))
    ridge = RIDGE * max(float(np.square(rows).sum()) / rows.size, TINY)
    inverse = np.linalg.inv(np.linalg.cholesky(within + ridge * np.eye(count)))
    return Space(centre.astype(np.float32), (basis @ inverse.T).astype(np.float32))


def measure(gallery: Gallery, probabilities: Doubles, embeddings: Floats, truth: npt.NDArray[np.integer]) -> Measured:
    """What a gallery does on products of known category: calibrated closed-set [P, C], [P, D], int [P] in C + G."""
    extended = gallery.extend(probabilities, embeddings)
    best, classes = extended.argmax(axis=1), gallery.classes
    new = truth >= classes
    added = extended[:, classes:].argmax(axis=1) + classes if gallery.categories else np.full(len(truth), -1)
    right = np.where(new, added == truth, probabilities.argmax(axis=1) == truth)
    return _shares(new, best == truth, right, best >= classes)


def _round(
    rng: np.random.Generator,
    bank: Floats,
    labels: npt.NDArray[np.integer],
    probabilities: Doubles,
    white: Floats,
    base: npt.NDArray[np.float16],
    truth: Ints,
    able: Ints,
    hidden: int,
    shots: int,
) -> _Rows:
    """Hide some classes and judge all products; `bank` [N, R] and `white` [P, R] are in the whitened space."""
    chosen = np.sort(rng.permutation(able)[:hidden])
    rows = [rng.permutation(np.flatnonzero(labels == one))[:shots] for one in chosen]
    owners = np.repeat(np.arange(hidden), [len(own) for own in rows])
    alike = cosines(white, prototypes(bank[np.concatenate(rows)], owners, hidden))
    kept = np.ones(probabilities.shape[1], dtype=bool)
    kept[chosen] = False
    left = probabilities[:, kept]
    best = np.flatnonzero(kept)[left.argmax(axis=1)]
    place = np.full(len(kept), -1)
    place[chosen] = np.arange(hidden)
    new = place[truth] >= 0
    right = np.where(new, alike.argmax(axis=1) == place[truth], best == truth)
    largest = left.max(axis=1) / np.maximum(left.sum(axis=1), TINY)
    return _Rows(alike, paired(white, base[best]), largest, new, right, place[truth])


def _all_old(probabilities: Doubles, white: Floats, base: npt.NDArray[np.float16], added: Floats, truth: Ints) -> _Rows:
    """All products with the categories [G, R] that are really added, of which none of them is."""
    best, none = probabilities.argmax(axis=1), np.zeros(len(truth), dtype=bool)
    taken, nothing = paired(white, base[best]), np.full(len(truth), -1)
    return _Rows(cosines(white, added), taken, probabilities.max(axis=1), none, best == truth, nothing)


def _gate(found: list[_Rows]) -> Gate:
    """The gate by likelihood alone: of new against old by logistic regression, and of the new among each other."""
    nearer = np.concatenate([rows.alike.max(axis=1) - rows.taken for rows in found])
    largest, new = (np.concatenate([getattr(rows, name) for rows in found]) for name in ("largest", "new"))
    features = np.stack([nearer, np.log(np.maximum(largest, TINY))], axis=1)
    centre, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    weight, sure, offset = logistic.fit(features, new, centre=centre, spread=spread, penalty=PENALTY).tolist()

    def unlikely(sharpness: float) -> float:
        own = [log_softmax(sharpness * rows.alike)[rows.new, rows.truth[rows.new]] for rows in found]
        return -float(np.concatenate(own).mean())

    return Gate(weight, sure, offset, float(min(SHARPNESS, key=unlikely)))


def _offset(gate: Gate, found: list[_Rows], cost: float) -> Gate:
    """The gate with the largest offset, no larger than its own, that is expected to cost the old at most `cost`."""
    needs = np.concatenate([_needed(gate, rows) for rows in found])
    lost = np.concatenate([~rows.new & rows.right for rows in found])
    old = sum(int((~rows.new).sum()) for rows in found)
    right = np.sort(needs[lost])  # in this order they are lost while the offset grows
    allowed = max(0.0, _allowed(cost, old))
    if allowed > len(right) - 1:
        raise ValueError(f"a cost of {cost:g} is more than the old categories have to lose")
    return replace(gate, offset=gate.offset + min(0.0, _between(right, allowed)))


def _allowed(cost: float, old: int) -> float:
    """How many of the old products may be lost; below 0 where they are too few to say.

    One less than their share: where k of N were lost, a new product is lost k + 1 times in N + 1 (it may be the next).
    """
    return round(cost * (old + 1) - 1, 9)  # whole where the product is, but for the last bits


def _between(values: Doubles, place: float) -> float:
    """Sorted float64 [N] -> just below the value at `place`, between two of them where it is not whole.

    Of a next value, (place + 1) / (N + 1) is the chance to lie below (Hyndman & Fan, 1996, definition 6).
    """
    low = int(place)
    high = min(low + 1, len(values) - 1)
    found = values[low] + (place - low) * (values[high] - values[low])
    return float(np.nextafter(found, -np.inf))


def _needed(gate: Gate, rows: _Rows) -> Doubles:
    """float64 [P]: what has to be added to the offset for the best added category to win: p(new) q > (1 - p(new)) p."""
    share = np.exp(log_softmax(gate.sharpness * rows.alike)).max(axis=1)
    odds = gate.odds(rows.alike, rows.taken, rows.largest)
    needed: Doubles = np.log(np.maximum(rows.largest, TINY)) - np.log(share) - odds
    return needed


def _measure(gate: Gate, found: list[_Rows]) -> Measured:
    taken = np.concatenate([_needed(gate, rows) < 0 for rows in found])
    new, right = (np.concatenate([getattr(rows, name) for rows in found]) for name in ("new", "right"))
    return _shares(new, right & (taken == new), right, taken)


def _shares(new: Flags, correct: Flags, right: Flags, taken: Flags) -> Measured:
    """bool [P] each: is it new, is the answer right, would it be with a perfect gate, was it taken for an added one."""

    def share(hits: Flags, rows: Flags) -> float | None:
        return float(hits[rows].mean()) if rows.any() else None

    return Measured(
        new=int(new.sum()),
        new_right=share(correct, new),
        among_new=share(right, new),
        old=int((~new).sum()),
        old_before=share(right, ~new),
        old_after=share(correct, ~new),
        taken=share(taken, ~new),
    )

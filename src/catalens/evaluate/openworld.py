"""Find out how strangers are told from products.  The rule that applies it is core/openworld.py.

Two roles, each with the scorer of best AUROC:
- far (not of this shop): against strangers that somebody supplied.  Half of them, by seed, train the weights of
  `trash`, the other half chooses and measures, so what is said of `trash` was not measured on what it was trained on.
  The scorer is chosen and measured on the same half: among nine, that flatters the winner a little.  And `trash` may
  know only the kinds of strangers that it was shown: taught flowers, it told grocery from flowers by 1.00 AUROC and
  from fashion by 0.97, where `knn` had 0.99.  So supply every kind that is expected.
  Without strangers nothing is made up: there is no limit of far, and all the products that may be lost are near's.
- near (a category that the model does not know): against products of categories that were held out of training, or,
  without such, against the calibration products themselves, each with its own class left out.  That is a stand-in, for
  the network did see their class in training; held-out ones are better evidence.
Means of two scorers' ranks were tried as well.  On masked classes none was better than the better of the two; on five
held-out categories of fashion one pair was, and stands among the scorers as `msp_knn`.

The limits keep a share of the calibration products, both limits together, and look at no label: the truth serves only
to leave classes out while a scorer is chosen.  A new product of the shop passes about as often, on average: its rank
among calibration products is as likely to be any (conformal p-values; Bates et al., 2023).  Around that average it
varies with the calibration products drawn: of 98 %, by 0.9 points (one sigma) with 300 of them, by 0.6 with 1,000.

Everything is measured on at most 5,000 rows of each kind, drawn by seed: 2 % of 5,000 is known to within 0.2 points.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from catalens.core.openworld import NEED_BANK, SCORERS, Bank, Limit, OpenWorld, score
from catalens.core.scores import Floats
from catalens.evaluate import logistic

DIRECTIONS = 128  # of the basis
ROWS = 20_000  # of the bank
BASIS_ROWS = 50_000  # that the basis is made of
SAMPLE = 5_000
NEIGHBOURS = 10
NORMALISED = 1e-3  # logits whose exponentials sum to 1 so closely are log-probabilities
BLOCK = 8_192
# of the mean variance, added to every direction's.  Training pulls the photos of a class closer together than new ones
# are, in some directions most; near is told by 0.01 to 0.03 more AUROC than with 0.001, far alike (grocery, fashion)
RIDGE = 0.1
PENALTY = 0.01  # of the logistic regression; a tenth and ten times that measured alike
FAR_SHARE = 0.5  # of the products that may be lost, how many `far` may lose
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Outputs(NamedTuple):
    """A model's answers for N products: logits [N, C] before temperature, embeddings float32 [N, D], L2-normalised."""

    logits: npt.NDArray[np.floating]
    embeddings: Floats


@dataclass(frozen=True, slots=True)
class Measure:
    """How well a scorer tells strangers from products, and by how much better than `msp` (gains above 0 are better).

    `auroc` in [0, 1]; `fpr95` in [0, 1]: the share of strangers let in where 95 % of the products are.
    """

    scorer: str
    auroc: float
    fpr95: float
    auroc_gain: float
    fpr95_gain: float


@dataclass(frozen=True, slots=True)
class Choice:
    """`scorer` is the best of `measures` by AUROC (the first of equals), on `products` against `strangers` rows."""

    scorer: str
    products: int
    strangers: int
    measures: tuple[Measure, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of `count` products, the shares in [0, 1] with each verdict."""

    count: int
    far: float
    near: float
    known: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """The rule and what was found.

    `far` and `strangers` are None where none were supplied; `strangers` are those that trained nothing.  `unknown` are
    the products that near was chosen by.
    """

    open_world: OpenWorld
    keep: float
    far: Choice | None
    near: Choice
    products: Outcome
    strangers: Outcome | None
    unknown: Outcome

    def to_json(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in ("far", "near", "products", "strangers", "unknown")}
        tables = {name: value and asdict(value) for name, value in values.items()}
        return {"rule": self.open_world.to_json(), "keep": self.keep, **tables}


def make_bank(embeddings: Floats, labels: npt.NDArray[np.integer], *, seed: int) -> Bank:
    """Embeddings [N, D] of training products (or photos), int [N] leaf indices -> the bank, without `trash`.

    The basis is made of at most 50,000 rows, the bank holds at most 20,000, both drawn so that small classes have
    their share; means and variances are of all rows.  Reads `embeddings` in blocks.  Raises ValueError.
    """
    if embeddings.ndim != 2 or len(embeddings) != len(labels) or not len(labels) or labels.min() < 0:
        raise ValueError(f"expected embeddings [N, D] and N leaf indices, got {embeddings.shape} and {len(labels)}")
    basis = _basis(embeddings[_stratified(labels, BASIS_ROWS, seed)])
    classes, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    sums = np.zeros((len(classes), basis.shape[1]))
    squares = np.zeros((basis.shape[1], basis.shape[1]))
    for start in range(0, len(labels), BLOCK):
        rows = embeddings[start : start + BLOCK].astype(np.float32, copy=False) @ basis
        np.add.at(sums, places[start : start + BLOCK], rows)
        squares += rows.T @ rows
    means = sums / counts[:, None]
    centre = sums.sum(axis=0) / len(labels)
    total = squares / len(labels) - np.outer(centre, centre)
    within = (squares - (means * counts[:, None]).T @ means) / len(labels)
    whitening, background = _whitening(within, total)
    drawn = _stratified(labels, ROWS, seed)
    return Bank(
        basis=basis,
        rows=(embeddings[drawn].astype(np.float32, copy=False) @ basis).astype(np.float16).astype(np.float32),
        row_classes=labels[drawn].astype(np.int32),
        # as many as a class has, else the k-th nearest is always of another one
        neighbours=min(NEIGHBOURS, int(np.median(np.unique(labels[drawn], return_counts=True)[1]))),
        centre=centre.astype(np.float32),
        whitening=whitening.astype(np.float32),
        background=background.astype(np.float32),
        means=((means - centre) @ whitening).astype(np.float32),
        mean_classes=classes.astype(np.int32),
    )


def fit(
    bank: Bank,
    products: Outputs,
    truth: npt.NDArray[np.integer],
    *,
    strangers: Outputs | None = None,
    unknown: Outputs | None = None,
    keep: float = 0.98,
    seed: int,
) -> Fitted:
    """Calibration products and int [N] their leaf indices -> the rule that lets a share `keep` of them pass.

    `strangers` are pictures of nothing that the shop sells, `unknown` products of categories that the model was not
    trained on.  The rule carries the bank only where a scorer looks at it.  Raises ValueError.
    """
    if not 0 < keep < 1:
        raise ValueError(f"expected a share to keep between 0 and 1, got {keep}")
    if len(truth) != len(products.logits) or not len(truth):
        raise ValueError(f"expected the truth of {len(products.logits)} products, got {len(truth)}")
    if products.logits.shape[1] < 2:
        raise ValueError("expected two classes or more")
    rows = _drawn(len(truth), SAMPLE, seed)
    products, truth = _take(products, rows), truth[rows]
    judged = None
    if strangers is not None:
        if len(strangers.logits) < 2:
            raise ValueError(f"expected two strangers or more, got {len(strangers.logits)}")
        mixed = np.random.default_rng(seed).permutation(len(strangers.logits))[: 2 * SAMPLE]
        half = len(mixed) // 2
        bank = replace(bank, trash=_trash(bank, _take(strangers, mixed[:half]).embeddings))
        judged = _take(strangers, mixed[half:])
    masked = truth if unknown is None else None
    unknown = products if unknown is None else _take(unknown, _drawn(len(unknown.logits), SAMPLE, seed))

    scorers = [name for name in SCORERS if name != "trash" or bank.trash is not None]
    if np.abs(score("energy", *products, None)).max() < NORMALISED:
        # log-probabilities have lost the length of logits: with a class masked, only what it left would be seen
        scorers = [name for name in scorers if name not in ("max_logit", "energy")]
    known = {name: score(name, *products, bank) for name in scorers}
    near = _choose(known, {name: score(name, *unknown, bank, without=masked) for name in scorers})
    far = judged and _choose(known, {name: score(name, *judged, bank) for name in scorers})
    lost = np.zeros(len(truth), dtype=bool)
    far_limit = _limit(far, known[far.scorer], lost, FAR_SHARE * (1 - keep)) if far else None
    if far_limit is not None:
        lost = known[far_limit.scorer] <= far_limit.threshold
    near_limit = _limit(near, known[near.scorer], lost, 1 - keep)
    used = {limit.scorer for limit in (far_limit, near_limit) if limit}
    rule = OpenWorld(
        far_limit,
        near_limit,
        bank if used & NEED_BANK else None,
        strangers=0 if strangers is None else len(strangers.logits),
        unknown="masked" if masked is not None else "held out",
    )
    return Fitted(
        rule,
        keep,
        far,
        near,
        products=_outcome(rule.verdicts(*products)),
        strangers=judged and _outcome(rule.verdicts(*judged)),
        unknown=_outcome(rule.verdicts(*unknown, without=masked)),
    )


def auroc(known: Doubles, strangers: Doubles) -> float:
    """float [N], float [M] -> the chance that a product scores higher than a stranger; equal scores count half."""
    _some(known, strangers)
    ordered = np.sort(known)
    below, upto = (np.searchsorted(ordered, strangers, side=side) for side in ("left", "right"))
    doubled = int((2 * len(known) - below - upto).sum())  # whole numbers, so exact
    return doubled / (2 * len(known) * len(strangers))


def fpr_at_tpr(known: Doubles, strangers: Doubles, tpr: float = 0.95) -> float:
    """The share of strangers at or above the highest threshold that a share `tpr` of the products reaches."""
    _some(known, strangers)
    if not 0 < tpr <= 1:
        raise ValueError(f"expected a share above 0 and at most 1, got {tpr}")
    needed = max(1, math.ceil(tpr * len(known) - 1e-9))  # 0.95 * 20 is a little more than 19
    return float((strangers >= np.sort(known)[-needed]).mean())


def _choose(known: dict[str, Doubles], strangers: dict[str, Doubles]) -> Choice:
    found = {name: (auroc(known[name], strangers[name]), fpr_at_tpr(known[name], strangers[name])) for name in known}
    plain = found["msp"]
    measures = [Measure(name, area, rate, area - plain[0], plain[1] - rate) for name, (area, rate) in found.items()]
    best = max(measures, key=lambda measure: measure.auroc)
    return Choice(best.scorer, len(known["msp"]), len(strangers["msp"]), tuple(measures))


def _limit(choice: Choice, known: Doubles, lost: npt.NDArray[np.bool_], share: float) -> Limit | None:
    """The highest threshold with which, of `known` [N], no more than `share` are lost, those `lost` before included.

    A product at a limit passes, and yet is counted as lost: the lowest of N scores is undercut by a new product once in
    N + 1 times.  None where the products are too few for that.
    """
    allowed = math.floor(share * (len(known) + 1) + 1e-9) - int(lost.sum())
    if allowed < 1:
        return None
    return Limit(choice.scorer, float(np.sort(known[~lost])[min(allowed, int((~lost).sum())) - 1]))


def _outcome(verdicts: list[str | None]) -> Outcome:
    far, near, known = (verdicts.count(verdict) / len(verdicts) for verdict in ("far", "near", None))
    return Outcome(len(verdicts), far, near, known)


def _basis(embeddings: Floats) -> Floats:
    """float32 [N, D] -> [D, K], the directions in which unit vectors are longest on average."""
    squares = np.zeros((embeddings.shape[1], embeddings.shape[1]))
    for start in range(0, len(embeddings), BLOCK):
        block = embeddings[start : start + BLOCK].astype(np.float32, copy=False)
        squares += block.T @ block
    lengths, directions = np.linalg.eigh(squares)
    count = min(DIRECTIONS, max(1, int((lengths > 1e-6 * lengths[-1]).sum())))
    basis = directions[:, ::-1][:, :count]
    signs = np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(count)])  # else they are the library's whim
    return np.ascontiguousarray(basis * signs, dtype=np.float32)


def _whitening(within: Doubles, total: Doubles) -> tuple[Doubles, Doubles]:
    """Covariances [K, K] -> [K, K], which makes `within` the identity and `total` diagonal, and that diagonal [K]."""
    ridge = RIDGE * max(float(np.trace(total)) / len(total), 1e-12) * np.eye(len(total))
    inverse = np.linalg.inv(np.linalg.cholesky(within + ridge))
    variances, turn = np.linalg.eigh(inverse @ (total + ridge) @ inverse.T)
    return inverse.T @ turn, variances


def _trash(bank: Bank, strangers: Floats) -> Floats:
    """Embeddings [M, D] -> float32 [K + 2]: logistic regression against the bank's rows, in features divided by their
    spread among these."""
    ours, theirs = bank.features(bank.rows), bank.features(strangers.astype(np.float32, copy=False) @ bank.basis)
    centre, spread = ours.mean(axis=0), np.maximum(ours.std(axis=0), 1e-4)
    stranger = np.repeat([False, True], [len(ours), len(theirs)])
    both = np.concatenate([ours, theirs])
    found = logistic.fit(both, stranger, centre=centre, spread=spread, penalty=PENALTY, tolerance=1e-6)
    return found.astype(np.float32)


def _stratified(labels: npt.NDArray[np.integer], most: int, seed: int) -> Ints:
    """At most `most` rows, in order: one of each class, then a second of each, and so on while there is room."""
    mixed = np.random.default_rng(seed).permutation(len(labels))
    grouped = mixed[np.argsort(labels[mixed], kind="stable")]
    _, starts, counts = np.unique(labels[grouped], return_index=True, return_counts=True)
    turn = np.arange(len(labels)) - np.repeat(starts, counts)
    return np.sort(grouped[np.argsort(turn, kind="stable")[:most]])


def _drawn(count: int, most: int, seed: int) -> Ints:
    return np.sort(np.random.default_rng(seed).permutation(count)[:most])


def _take(outputs: Outputs, rows: Ints) -> Outputs:
    return Outputs(outputs.logits[rows], outputs.embeddings[rows])


def _some(known: Doubles, strangers: Doubles) -> None:
    if not len(known) or not len(strangers):
        raise ValueError(f"expected products and strangers, got {len(known)} and {len(strangers)}")

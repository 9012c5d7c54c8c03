"""Which mix of categories does the shop have now?  Estimated from products without labels, for core/prior.py to use.

Which mix the probabilities carry.  A calibrated p(leaf | photo) holds the prior of the products it was calibrated on:
the calib part, which the split gives the mix of train.  Temperature alone does not make the mean probability of a leaf
its share, so "no shift" is judged not by shares but by what the model says of the calib products (`expected`), as
Alexandari, Kundaje & Shrikumar (2020) advise.  What the model gets wrong in the same way on both sides cancels.

How a ratio is held back.  With N unlabelled and M calib products, n = N M / (N + M) is the number that a comparison of
the two is worth, and the ratio of a leaf is

    ratio = (n observed + k) / (n expected + k)

where `observed` and `expected` are shares and k the `strength`: a leaf's ratio goes half of the way from 1 when k
products of it are expected.  It is the largest a posteriori under a Gamma prior with k pseudo-products a leaf; a
Dirichlet prior on the mix would pull frequent leaves as much as rare ones.  k = 4 says that ratios spread by half.

When there is no correction.  The mean prediction is compared with the expected one (a score test: it is the first step
of EM), and where N products without a shift would often show as much, the ratios are 1.
The one assumption: what a category looks like stays the same (label shift).  New kinds of photos break it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from catalens.core.prior import Doubles, PriorShift, checked_shares

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Method = Literal["em", "bbse"]
STRENGTH = 4.0  # k above, in products
ALPHA = 0.002  # a shift is believed where no shift would show as much once in five hundred times
DRAWS = 999  # of the test's null distribution; the smallest p-value is 1 / 1000
TEST_ROWS = 8192  # products that the null distribution is drawn from
TEST, THIN = 1, 2  # beside the seed, so that no two uses of one share their numbers
BLOCK = 1 << 20  # probabilities at a time: beside what is given, nothing of its size is made


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What the model says of M labelled calib products, to compare others with.

    `shares` float64 [C] are of their true leaves, `expected` float64 [C] their mean probabilities; `confusion` float64
    [C, C], truth by prediction, is the mean of [truth is j] p(i), or None where it was not asked for.
    """

    products: int
    shares: Doubles = field(repr=False)
    expected: Doubles = field(repr=False)
    confusion: Doubles | None = field(default=None, repr=False)

    @classmethod
    def of(cls, probabilities: Floats, truth: Ints, *, confusion: bool = False) -> Reference:
        """float [M, C] calibrated, int [M] leaf indices.  `confusion` is what `bbse` needs: C * C numbers."""
        rows = checked(probabilities)
        if len(truth) != len(rows) or not len(rows):
            raise ValueError(f"expected as many labels as products, and at least one, got {len(truth)} and {len(rows)}")
        classes = rows.shape[1]
        table = np.zeros((classes, classes)) if confusion else None
        for start, block in blocks(rows) if table is not None else ():
            labels = np.asarray(truth)[start : start + len(block)]
            order = np.argsort(labels, kind="stable")
            present, starts = np.unique(labels[order], return_index=True)
            table[present] += np.add.reduceat(block[order], starts, axis=0, dtype=np.float64)  # type: ignore[index]
        shares = np.bincount(truth, minlength=classes) / len(rows)
        return cls(len(rows), shares, mean_of(rows), None if table is None else table / len(rows))

    @property
    def trained(self) -> Doubles:
        """float64 [C]: the mix that the probabilities carry; of a leaf without calib products, what the model says."""
        mix = np.where(self.shares > 0, self.shares, self.expected)
        scaled: Doubles = mix / mix.sum()
        return scaled


@dataclass(frozen=True, slots=True, eq=False)
class PriorEstimate:
    """The mix of N products without labels, and whether it differs from the trained one.

    `shares` float64 [C] add up to 1; `p_value` is how often N products without a shift would differ by `difference` (a
    chi-square over the mean predictions) or more; `usual` is its mean there.  `shift` is what to correct by: none where
    the shift is not significant.  `note` says in words what could not be estimated; "" if all could.
    """

    method: Method
    products: int
    shares: Doubles = field(repr=False)
    trained: Doubles = field(repr=False)
    difference: float
    usual: float
    p_value: float
    significant: bool
    shift: PriorShift
    note: str = ""

    @property
    def moved(self) -> float:
        """Share in [0, 1] of products that would have to change category to make one mix of the other."""
        return float(np.abs(self.shares - self.trained).sum() / 2)

    def sentence(self) -> str:
        """For a person: "The mix of 5,000 products differs from the trained one: 12 % are of other categories"."""
        start = f"The mix of {self.products:,} products "
        if self.significant:
            text = f"differs from the trained one: {100 * self.moved:.0f} % are of other categories"
        else:
            text = "does not differ from the trained one more than by chance; nothing is corrected"
        return f"{start}{text} (p = {self.p_value:.2g})." + (f" {self.note}" if self.note else "")

    def to_json(self, leaves: Sequence[str]) -> dict[str, Any]:
        """Plain values; `shares` and `trained` by leaf id."""
        plain = ("method", "products", "difference", "usual", "p_value", "significant", "moved", "note")
        values: dict[str, Any] = {name: getattr(self, name) for name in plain}
        for name in ("shares", "trained"):
            values[name] = dict(zip(leaves, getattr(self, name).tolist(), strict=True))
        return values | {"shift": self.shift.to_json(leaves)}


def estimate(
    probabilities: Floats,
    reference: Reference,
    *,
    method: Method = "em",
    strength: float = STRENGTH,
    alpha: float = ALPHA,
    seed: int = 0,
) -> PriorEstimate:
    """float [N, C] of products without labels -> their mix, and the correction if it is worth one.

    "em" is the better where probabilities are calibrated, "bbse" where only the confusions are known to stay the same.
    """
    rows = checked(probabilities)
    if method not in get_args(Method):
        raise ValueError(f"expected a method of {', '.join(get_args(Method))}, got {method!r}")
    if not len(rows) or rows.shape[1] != len(reference.expected):
        raise ValueError(f"expected one product or more of {len(reference.expected):,} leaves, got {list(rows.shape)}")
    worth = _worth(len(rows), reference.products)
    if method == "em":
        ratio, note = _em(rows, reference.expected, worth, strength), ""
    else:
        ratio, note = _bbse(rows, reference, worth, strength)
    mix = ratio * reference.trained
    difference, usual, p_value = _test(rows, reference.expected, worth, seed)
    significant = p_value <= alpha
    if significant:
        shift = PriorShift(ratio, method, len(rows))
    else:
        shift = PriorShift.none(len(ratio), method=method, products=len(rows))
    absent = int((reference.shares == 0).sum())
    notes = [note, f"{absent:,} categories have no calibration product: of these, the model is taken at its word."]
    return PriorEstimate(
        method=method,
        products=len(rows),
        shares=mix / mix.sum(),
        trained=reference.trained,
        difference=difference,
        usual=usual,
        p_value=p_value,
        significant=significant,
        shift=shift,
        note=" ".join(filter(None, notes if absent else notes[:1])),
    )


def em(
    probabilities: Floats,
    trained_shares: Floats,
    *,
    strength: float = STRENGTH,
    worth: float | None = None,
    tolerance: float = 1e-6,
    limit: int = 300,
) -> Doubles:
    """float [N, C] calibrated, float [C] -> float64 [C], the mix under which the photos are likeliest.

    EM of Saerens, Latinne & Decaestecker (2002), with `strength` pseudo-products a leaf (module docstring): at 0 it is
    theirs, and leaves may die.  `worth` is n above, by default N.  Ends where a pass over the products moves less than
    `tolerance` of the mix, or after `limit` passes; SQUAREM (Varadhan & Roland, 2008) makes them few.
    """
    trained = checked_shares(trained_shares, "trained")
    rows = checked(probabilities)
    if not len(rows) or rows.shape[1] != len(trained):
        raise ValueError(f"expected one product or more of {len(trained):,} leaves, got {list(rows.shape)}")
    if strength < 0 or (strength == 0 and trained.min() == 0):
        raise ValueError(f"expected a strength above 0 where a leaf has no trained share, got {strength}")
    mix = trained * _em(rows, trained, len(rows) if worth is None else worth, strength, tolerance, limit)
    shares: Doubles = mix / mix.sum()
    return shares


def bbse(probabilities: Floats, reference: Reference, *, strength: float = STRENGTH) -> Doubles:
    """float [N, C] -> float64 [C]: the mix whose confusions would give the mean prediction (Lipton et al., 2018).

    The soft version, where the ratios solve a ridge regression towards 1 (as Azizzadenesheli et al., 2019), each error
    weighing by its variance.  A leaf that has no calib products, or that the confusions cannot tell from others, keeps
    its trained share.  The reference needs its confusion.
    """
    rows = checked(probabilities)
    mix = reference.trained * _bbse(rows, reference, _worth(len(rows), reference.products), strength)[0]
    shares: Doubles = mix / mix.sum()
    return shares


def thin(truth: Ints, current_shares: Floats, wanted_shares: Floats, *, seed: int) -> npt.NDArray[np.int64]:
    """int [N] leaf indices, float [C], float [C] -> rows to keep, rising: a sample of the wanted mix.

    Each product is kept with probability proportional to wanted / current share (rejection sampling), by itself.  So
    where products are independent draws of the current mix, those kept are of the wanted one, and the exact binomial
    tests of `promise.fit` hold on them as they are; weighting products would not keep these tests exact.  The price is
    that about 1 / max(ratio) stay.  Leaves that no product is of cannot appear: the sample has the wanted mix of the
    others.
    """
    current, wanted = checked_shares(current_shares, "current"), checked_shares(wanted_shares, "wanted")
    if len(current) != len(wanted):
        raise ValueError(f"expected as many wanted shares as current ones, got {len(wanted):,} and {len(current):,}")
    labels = np.asarray(truth)
    present = np.unique(labels)
    strange = present[current[present] == 0]
    if len(strange):
        raise ValueError(f"expected a current share above 0 for each leaf that products are of, got 0 for {strange[0]}")
    keep = np.zeros(len(current))
    keep[present] = wanted[present] / current[present]
    if keep.max(initial=0.0) == 0:
        return np.zeros(0, dtype=np.int64)
    # a stream of its own: what drew the products may have had the same seed
    rng = np.random.default_rng((seed, THIN))
    return np.flatnonzero(rng.random(len(labels)) < (keep / keep.max())[labels])


def _em(
    rows: Floats, trained: Doubles, worth: float, strength: float, tolerance: float = 1e-6, limit: int = 300
) -> Doubles:
    """float64 [C]: the ratios."""
    prior = strength / worth  # a leaf's pseudo-products over n
    weight = trained + prior

    def step(ratio: Doubles) -> tuple[Doubles, float]:
        """One pass of EM: the next ratios, and how likely the given ones are (the log posterior over n)."""
        observed, likelihood = _responsibilities(rows, ratio)
        held = prior * float((np.log(ratio) - ratio).sum()) if prior else 0.0
        return (observed + prior) / weight, likelihood - float(trained @ ratio) + held

    ratio = np.ones(len(trained))
    for _ in range(0, limit, 3):
        first, _ = step(ratio)
        change = first - ratio
        if float(weight @ np.abs(change)) < tolerance:
            return first
        second, likelihood = step(first)
        bend = second - first - change
        stride = max(1.0, float(np.sqrt(weight @ change**2)) / max(float(np.sqrt(weight @ bend**2)), 1e-300))
        # a jump along the curve that the steps are on; no ratio may come down to less than a tenth in one
        jump = np.maximum(ratio + 2 * stride * change + stride**2 * bend, second / 10)
        landed, reached = step(jump)
        ratio = landed if reached >= likelihood else second
    return ratio


def _responsibilities(rows: Floats, ratio: Doubles) -> tuple[Doubles, float]:
    """float64 [C], the mean of the corrected probabilities, and the mean log of what the photos are likelier by."""
    total, likelihood = np.zeros(len(ratio)), 0.0
    factors = ratio.astype(rows.dtype)
    for _, block in blocks(rows):
        sums: Floats = np.maximum(block @ factors, np.finfo(rows.dtype).tiny)
        total += np.reciprocal(sums) @ block
        likelihood += float(np.log(sums).sum(dtype=np.float64))
    return ratio * total / len(rows), likelihood / len(rows)


def _bbse(rows: Floats, reference: Reference, worth: float, strength: float) -> tuple[Doubles, str]:
    """The ratios float64 [C], and in words what the confusions cannot tell."""
    if reference.confusion is None:
        raise ValueError("expected a reference with confusion; make it by Reference.of(..., confusion=True)")
    if strength <= 0:
        raise ValueError(f"expected a strength above 0, for confusions can be singular, got {strength}")
    expected = reference.expected + 1 / worth
    prior = strength / worth
    weighed = reference.confusion / expected
    inverse: Doubles = weighed @ reference.confusion.T
    inverse[np.diag_indices_from(inverse)] += prior
    inverse = np.linalg.inv(inverse).astype(np.float64, copy=False)
    ratio = 1 + inverse @ (weighed @ (mean_of(rows) - reference.expected))
    # the simplex may want a share of 0; as little as if none was observed is the least that a ratio comes down to
    shares = reference.trained * ratio
    projected = _on_simplex(shares / float(shares.sum()))
    ratio = np.where(shares > 0, projected / np.where(shares > 0, reference.trained, 1.0), 0.0)
    ratio = np.maximum(ratio, prior / (reference.trained + prior))
    # how much of a ratio comes from the data; a leaf by itself would have n share / (n share + k)
    told = 1 - prior * np.diagonal(inverse)
    alike = int(((reference.shares > 4 * prior) & (told < 0.5)).sum())
    note = f"{alike:,} categories look too much like others for their share to be told; it stays near the trained one."
    return ratio, note if alike else ""


def _on_simplex(point: Doubles) -> Doubles:
    """The nearest float64 [C] of numbers of 0 or more that add up to 1 (Duchi et al., 2008)."""
    falling = -np.sort(-point)
    excess = (np.cumsum(falling) - 1) / np.arange(1, len(point) + 1)
    last = int(np.flatnonzero(falling > excess)[-1])
    nearest: Doubles = np.maximum(point - excess[last], 0.0)
    return nearest


def _test(rows: Floats, expected: Doubles, worth: float, seed: int) -> tuple[float, float, float]:
    """(difference, its mean without a shift, p-value) of the mean prediction from the expected one.

    The difference is Pearson's chi-square over shares of probability.  It would be a sum of weighted chi-squares (Rao &
    Scott, 1981), and is drawn: products' own deviations from what is expected, each times a normal number.  Centred at
    what is expected and not at their mean, one product or five never prove a shift.
    """
    rng = np.random.default_rng((seed, TEST))
    scale = np.sqrt(expected + 1 / worth)
    difference = worth * float(((mean_of(rows) - expected) ** 2 / scale**2).sum())
    if len(rows) > TEST_ROWS:
        rows = rows[np.sort(rng.choice(len(rows), TEST_ROWS, replace=False))]
    drawn = np.zeros((DRAWS, len(expected)), dtype=np.float32)
    for _, block in blocks(rows):
        deviations = ((block - expected) / scale).astype(np.float32)
        drawn += rng.standard_normal((DRAWS, len(block)), dtype=np.float32) @ deviations
    usual = (drawn.astype(np.float64) ** 2).sum(axis=1) / len(rows)
    p_value = (1 + int((usual >= difference).sum())) / (DRAWS + 1)
    return difference, float(usual.mean()), p_value


def _worth(products: int, calibration: int) -> float:
    return products * calibration / (products + calibration)


def mean_of(rows: Floats) -> Doubles:
    total = np.zeros(rows.shape[1])
    for _, block in blocks(rows):
        total += block.sum(axis=0, dtype=np.float64)
    mean: Doubles = total / len(rows)
    return mean


def blocks(rows: Floats) -> Iterator[tuple[int, Floats]]:
    """(where it starts, a block of products)."""
    step = max(1, BLOCK // rows.shape[1])
    for start in range(0, len(rows), step):
        yield start, rows[start : start + step]


def checked(probabilities: Floats) -> Floats:
    rows = np.asarray(probabilities)
    if rows.ndim != 2 or not rows.shape[1] or not np.issubdtype(rows.dtype, np.floating):
        raise ValueError(f"expected probabilities of shape [N, C], got {rows.dtype} {list(rows.shape)}")
    return rows

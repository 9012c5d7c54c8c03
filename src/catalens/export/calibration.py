"""What a graph's scores mean: calibration, promises and sets, from products it was not trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from catalens.core.calibrator import Calibrated, Calibrator
from catalens.core.catalog import Catalog
from catalens.core.config import Settings
from catalens.core.errors import CatalogError
from catalens.core.fusion import Fusion
from catalens.core.openworld import OpenWorld
from catalens.core.progress import Progress, silent
from catalens.core.promise import Promise
from catalens.core.scores import Floats
from catalens.core.sets import Kind, SetRule
from catalens.core.taxonomy import Taxonomy
from catalens.evaluate import calibrate, calibrators, promise, sets
from catalens.evaluate.calibrators import Trial
from catalens.evaluate.openworld import Fitted, Outputs
from catalens.evaluate.promise import Answers
from catalens.export.openworld import fit, make_bank, outputs, strangers_in
from catalens.predict.catalog import score
from catalens.predict.session import Session

FALLBACK = "val"
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Logits = npt.NDArray[np.floating]


class CalibrationSettings(Settings):
    """How a bundle is calibrated: what `export` and `calibrate` have in common."""

    calibrate_on: str = Field("calib", description="the part of the catalog; val where it has no such part")
    promises: tuple[float, ...] = Field((0.90, 0.95, 0.98, 0.99), description="precisions to promise")
    delta: float = Field(0.05, gt=0, lt=1, description="each promise holds with confidence 1 - delta")
    by_branch: bool = Field(False, description="promise in each branch of the top level, as far as the products allow")
    calibrator: Literal["auto", "temperature"] = Field(
        "auto", description="auto: a scale and shift a class where held-out products speak for it"
    )
    sets: float = Field(0.95, ge=0, lt=1, description="how often the truth is among the suggestions; 0: no such sets")
    set_kind: Kind = Field("raps", description="how suggestions are ranked against each other")
    open_world: bool = Field(True, description="tell products of no known category and what the shop does not sell")
    strangers: Path | None = Field(None, description="a folder or catalog of pictures that the shop does not sell")
    keep: float = Field(0.98, gt=0, lt=1, description="share of its own products that may not be taken for strangers")
    sets_by_class: bool = Field(False, description="so often for each category by itself")

    @field_validator("promises")
    @classmethod
    def _between_0_and_1(cls, promises: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < precision < 1 for precision in promises) or len(set(promises)) < len(promises):
            raise ValueError("expected different precisions between 0 and 1")
        return promises


@dataclass(frozen=True, slots=True)
class Fit:
    """How well probabilities fit the truth: `nll` in nats, `ece` in [0, 1]; less is better."""

    nll: float
    ece: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """On what it was done, and what came out.

    `outside` products have no category, or none that the model knows; `unreadable` photos; `top1` in [0, 1] is that of
    `products`.  `promised_on` of them stand behind promises and sets.  `tried` are the ways to calibrate that were
    compared, by level.  `note` says in words what a reader must know, such as that not the part asked for was used.
    `said` float64 [promised_on, C] are the probabilities of those, `true` int64 [promised_on] their leaves.
    """

    catalog: str
    catalog_digest: str
    part: str
    products: int
    promised_on: int
    images: int
    outside: int
    unreadable: int
    top1: float
    temperature: float
    kind: str
    curves: tuple[str, ...]
    tried: Mapping[str, tuple[Trial, ...]]
    before: Fit
    after: Fit
    note: str = ""
    calibrator: Calibrator = field(default_factory=Calibrator, repr=False)
    promises: tuple[Promise, ...] = field(default=(), repr=False)
    sets: SetRule | None = field(default=None, repr=False)
    open_world: OpenWorld | None = field(default=None, repr=False)
    strangers: Mapping[str, Any] | None = field(default=None, repr=False)
    said: Calibrated = field(default_factory=lambda: Calibrated(Calibrator(), np.zeros((0, 0))), repr=False)
    true: Ints = field(default_factory=lambda: np.zeros(0, np.int64), repr=False)

    def write(self, folder: Path) -> None:
        """The files of a bundle that hold its arrays."""
        self.calibrator.write(folder)
        if self.open_world is not None:
            self.open_world.write(folder)

    def to_json(self) -> dict[str, Any]:
        """All but what has a place of its own in the manifest or in a file."""
        apart = ("calibrator", "promises", "sets", "open_world", "strangers", "said", "true")
        kept = [name for name in self.__slots__ if name not in apart]
        values = {name: getattr(self, name) for name in kept}
        tried = {level: [asdict(trial) for trial in trials] for level, trials in self.tried.items()}
        return values | {"before": asdict(self.before), "after": asdict(self.after), "tried": tried}


@dataclass(frozen=True, slots=True, eq=False)
class Products:
    """P labelled products as a graph sees them.

    `logits` float [P, C], `embeddings` float32 [P, D], `truth` int64 [P] leaf indices.  `images` photos were read,
    `unreadable` not.  `outside` more products have no category that the model knows; `unknown` are those of them that
    have a category.
    """

    ids: tuple[str, ...]
    logits: Logits
    embeddings: Floats
    truth: Ints
    unknown: Outputs
    images: int
    outside: int
    unreadable: int


def labelled(
    session: Session,
    catalog: Catalog,
    taxonomy: Taxonomy,
    *,
    part: str,
    fusion: Fusion,
    progress: Progress = silent,
) -> Products:
    """The products of a part whose category the model knows.  Raises CatalogError if there is none."""
    scores, findings = score(session, catalog, part=part, progress=progress)
    ids, said = outputs(scores, fusion)
    index, categories = taxonomy.leaf_index, catalog.categories_in(taxonomy)
    truth = np.array([index.get(categories[product] or "", -1) for product in ids], np.int64)
    known = truth >= 0
    if not known.any():
        raise CatalogError(f"no product of part {part!r} has a category that the model knows", source=str(catalog.path))
    named = np.array([catalog.categories[product] is not None for product in ids], dtype=bool)
    return Products(
        ids=tuple(product for product, here in zip(ids, known, strict=True) if here),
        logits=said.logits if known.all() else said.logits[known],
        embeddings=said.embeddings[known],
        truth=truth[known],
        unknown=Outputs(said.logits[~known & named], said.embeddings[~known & named]),
        images=len(scores.image_ids),
        outside=int((~known).sum()),
        unreadable=len(findings),
    )


def calibrate_on(
    session: Session,
    catalog: Catalog,
    taxonomy: Taxonomy,
    settings: CalibrationSettings,
    *,
    fusion: Fusion | None = None,
    known: OpenWorld | None = None,
    progress: Progress = silent,
) -> Calibration:
    """Score the part, fit the calibrator, the limits of strangers, then promises and sets on products that pass these.

    Products are as `fusion` (None: the mean) puts their photos together.  Uses "val" where there is no such part, and
    notes it.  `known` is what the bundle already knows of strangers, for a catalog without training products.

    Raises CatalogError if there is neither, or no product of a category the model knows.
    """
    used, note = _choose(catalog, settings.calibrate_on)
    fusion = fusion or Fusion()
    products = labelled(session, catalog, taxonomy, part=used, fusion=fusion, progress=progress)
    logits, truth = products.logits, products.truth
    calibrator, trials = calibrators.fit_leaves(logits, truth, vector=settings.calibrator == "auto")
    behind = np.ones(len(truth), dtype=bool)
    if calibrator.kind == "vector":  # two numbers a class know these labels too well for promises on the same products
        behind = half(products.ids)
        calibrator = calibrators.fit_leaves(logits[~behind], truth[~behind])[0]
    world = _open_world(session, catalog, taxonomy, products, settings, fusion, known, progress)
    rule = world.open_world if isinstance(world, Fitted) else world
    if rule is not None:  # strangers are never filed, so the promise is one about the others
        behind &= np.array([verdict is None for verdict in rule.verdicts(logits, products.embeddings)], dtype=bool)
    found = promise.answers(taxonomy, Calibrated(calibrator, logits), truth)
    calibrated = calibrators.with_curves(calibrator, trials, found, taxonomy)
    calibrator = calibrated.calibrator
    said, true = Calibrated(calibrator, logits[behind]), truth[behind]
    return Calibration(
        catalog=catalog.info.name,
        catalog_digest=catalog.digest,
        part=used,
        products=len(truth),
        promised_on=len(true),
        images=products.images,
        outside=products.outside,
        unreadable=products.unreadable,
        top1=float(found[-1].correct.mean()),
        temperature=calibrator.temperature,
        kind=calibrator.kind,
        curves=tuple(taxonomy.level_name(level) for level in sorted(calibrator.levels)),
        tried=calibrated.trials,
        before=_fit(logits, truth, Calibrator(), taxonomy),
        after=_fit(logits, truth, calibrator, taxonomy, found[-1]),
        note=note,
        calibrator=calibrator,
        promises=promises_on(taxonomy, [one.of(behind) for one in found], settings),
        sets=sets_on(taxonomy, said, true, settings),
        open_world=rule,
        strangers=world.to_json() if isinstance(world, Fitted) else None,
        said=said,
        true=true,
    )


def _open_world(
    session: Session,
    catalog: Catalog,
    taxonomy: Taxonomy,
    products: Products,
    settings: CalibrationSettings,
    fusion: Fusion,
    known: OpenWorld | None,
    progress: Progress,
) -> Fitted | OpenWorld | None:
    """The limits of strangers; those that are `known` where there is nothing to make a bank of."""
    if not settings.open_world or len(taxonomy.leaves) < 2:
        return None
    bank = make_bank(session, catalog, taxonomy, fusion=fusion, progress=progress)
    if bank is None and known is not None:
        bank = known.bank
    if bank is None:
        return known
    strangers = None
    if settings.strangers is not None:
        strangers = strangers_in(session, settings.strangers, fusion=fusion, progress=progress)
    outputs_of = Outputs(products.logits, products.embeddings)
    return fit(bank, outputs_of, products.truth, products.unknown, strangers, keep=settings.keep)


def promises_on(taxonomy: Taxonomy, found: Sequence[Answers], settings: CalibrationSettings) -> tuple[Promise, ...]:
    """What `promise.answers` gave -> the promises that are asked for, the least first."""
    return tuple(
        promise.fit_on(found, taxonomy, precision=one, delta=settings.delta, by_branch=settings.by_branch)
        for one in sorted(settings.promises)
    )


def sets_on(
    taxonomy: Taxonomy, probabilities: Doubles | Calibrated, truth: Ints, settings: CalibrationSettings
) -> SetRule | None:
    """The rule of the suggestions; None where none are asked for."""
    if not settings.sets:
        return None
    return sets.fit(
        probabilities,
        truth,
        taxonomy.leaves,
        coverage=settings.sets,
        kind=settings.set_kind,
        conditional=settings.sets_by_class,
    )


def fields_of(calibration: Calibration, fusion: Mapping[str, Any]) -> dict[str, Any]:
    """What the manifest says of a calibration, and of how `fusion` was chosen."""
    return {
        "temperature": calibration.temperature,
        "promises": [one.to_json() for one in calibration.promises],
        "sets": calibration.sets and calibration.sets.to_json(),
        "open_world": _strangers(calibration),
        "calibration": {**calibration.to_json(), "fusion": dict(fusion)},
    }


def _strangers(calibration: Calibration) -> dict[str, Any] | None:
    rule = calibration.open_world
    return None if rule is None else {**(calibration.strangers or {}), "rule": rule.to_json()}


def half(ids: Sequence[str]) -> npt.NDArray[np.bool_]:
    """bool [P]: the same half of the products whatever their order."""
    return np.array([hashlib.sha256(product.encode()).digest()[0] < 128 for product in ids], dtype=bool)


def _choose(catalog: Catalog, part: str) -> tuple[str, str]:
    if part == "train":
        raise CatalogError("the model was trained on part 'train'; calibrate on another", source=str(catalog.path))
    parts = set(catalog.split.values())
    if part in parts:
        return part, ""
    if FALLBACK not in parts:
        raise CatalogError(
            f"has neither part {part!r} nor {FALLBACK!r} to calibrate on, only {sorted(parts)}; "
            "`catalens split --carve calib=0.1` makes one",
            source=str(catalog.path),
        )
    return FALLBACK, (
        f"The catalog has no part {part!r}, so calibration and promises were fitted on {FALLBACK!r}, the part that "
        "training was watched on: they are likely to be somewhat too good."
    )


def _fit(logits: Logits, truth: Ints, calibrator: Calibrator, taxonomy: Taxonomy, found: Answers | None = None) -> Fit:
    """How well the calibrator's probabilities fit; `found` are its answers at the leaves, if they are known."""
    said = Calibrated(calibrator, logits)
    leaves = found or promise.answers(taxonomy, said, truth)[-1]
    nll, step = 0.0, max(1, promise.BLOCK // logits.shape[1])
    for start in range(0, len(truth), step):
        rows = slice(start, start + step)
        nll += float(calibrate.row_nll(calibrator.logits(logits[rows]), truth[rows]).sum())
    confidence = calibrator.confidence(taxonomy.depth - 1, leaves.confidence)
    return Fit(nll=nll / len(truth), ece=calibrate.ece(confidence, leaves.correct))

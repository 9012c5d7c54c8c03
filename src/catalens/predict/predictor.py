"""One product's photos to one prediction.  The request path's middle: decode -> fit -> run -> decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
import numpy.typing as npt
from pydantic import Field

from catalens.core.bundle import Bundle
from catalens.core.config import Settings
from catalens.core.errors import ImageError, ImageTooLarge
from catalens.core.gallery import no_promise
from catalens.core.image import decode
from catalens.core.prediction import Finding, Prediction
from catalens.core.promise import Promise
from catalens.core.quality import measure
from catalens.core.scores import Floats, product_embeddings
from catalens.core.taxonomy import Taxonomy
from catalens.predict.decide import (
    STRANGE,
    bad_photo,
    best_labels,
    best_values,
    decide,
    disagreement,
    reject,
    review,
    suggest,
)
from catalens.predict.session import Session

DEFAULT_PROMISE = 0.98
DEFAULT_TOP = 5
EMPTY = ("dark", "blank", "placeholder", "cut short")  # flags of photos that show nothing, a stranger neither
UNUSABLE = (*EMPTY, "blurred", "over-exposed")  # flags of photos to ask for again


class PredictSettings(Settings):
    """`promise`: the precision that filing has to keep; `top`: how many labels to name; `threads`: of the graph.

    `language`: of the names in the answer; `names`: a catalog or taxonomy.parquet that has them, if the bundle has not.
    """

    promise: float = Field(DEFAULT_PROMISE, gt=0, lt=1)
    top: int = Field(DEFAULT_TOP, ge=1)
    threads: int | None = Field(None, ge=1)
    mix: bool = Field(True, description="correct for the mix of categories that the bundle was told of")
    language: str | None = None
    names: Path | None = None


@dataclass(frozen=True, slots=True)
class Photo:
    """The bytes of one file, and what to call it in findings."""

    source: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Squares:
    """What is left of a product's photos after decoding.

    The K `photos` that could be read, their `pixels` uint8 [K, S, S, 3], a finding for each of the others, and the
    milliseconds it took.
    """

    photos: tuple[Photo, ...]
    pixels: npt.NDArray[np.uint8]
    findings: tuple[Finding, ...]
    decode_ms: float

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(photo.source for photo in self.photos)


@dataclass(frozen=True, slots=True)
class Look:
    """One pass over a product: the prediction, and the product's vector float32 [D] (None where no photo was read)."""

    prediction: Prediction
    embedding: Floats | None


class Predictor:
    """Answers for one product at a time, naming categories as `taxonomy` does: the bundle's own, or the same in another
    language.  `mix` false leaves the correction for another mix of categories out.  Thread safe."""

    def __init__(
        self,
        bundle: Bundle,
        session: Session | None = None,
        taxonomy: Taxonomy | None = None,
        *,
        mix: bool = True,
    ) -> None:
        self.bundle = bundle
        self.taxonomy = taxonomy or bundle.taxonomy
        self.session = session or Session(bundle)
        self.rules = bundle.rules(mix=mix)

    def predict(
        self, photos: Sequence[Photo], *, id: str = "", promise: float = DEFAULT_PROMISE, top: int = DEFAULT_TOP
    ) -> Prediction:
        """1..n photos of one product -> its prediction; a photo that cannot be read becomes a finding.

        Raises PromiseError if the bundle makes promises, but not this one.
        """
        return self.look(photos, id=id, promise=promise, top=top).prediction

    def embed(self, photos: Sequence[Photo]) -> Floats:
        """1..n photos -> the product's vector float32 [D], L2-normalised.  Raises ImageError on the first bad photo."""
        pixels = np.stack([self.bundle.preprocess.square(photo.data, source=photo.source) for photo in photos])
        return product_embeddings([""] * len(photos), self.session.run(pixels)[1])[1][0]

    def look(
        self, photos: Sequence[Photo], *, id: str = "", promise: float = DEFAULT_PROMISE, top: int = DEFAULT_TOP
    ) -> Look:
        """Prediction and vector from one run of the graph.  Raises PromiseError."""
        return self.answer(self.read(photos), id=id, promise=promise, top=top)

    def read(self, photos: Sequence[Photo]) -> Squares:
        """The host half: decode and fit every photo.  Never raises for a bad photo."""
        start = perf_counter()
        squares, read, findings = [], [], []
        for photo in photos:
            try:
                squares.append(self.bundle.preprocess.square(photo.data, source=photo.source))
                read.append(photo)
            except ImageError as error:
                findings.append(photo_finding(error, photo.source))
        size = self.bundle.preprocess.size
        pixels = np.stack(squares) if squares else np.empty((0, size, size, 3), np.uint8)
        return Squares(tuple(read), pixels, tuple(findings), _ms_since(start))

    def answer(
        self, squares: Squares, *, id: str = "", promise: float = DEFAULT_PROMISE, top: int = DEFAULT_TOP
    ) -> Look:
        """The graph's half: run, put the photos together, calibrate, decide.  Raises PromiseError."""
        chosen = self.promise(promise)
        timings = {"decode_ms": squares.decode_ms}
        if not squares.photos:
            nothing = Prediction(id, reject(squares.findings), (), self.bundle.name, squares.findings)
            return Look(replace(nothing, timings_ms=timings), None)
        start = perf_counter()
        logits, embeddings, *heads = self.session.run(squares.pixels)
        timings["model_ms"] = _ms_since(start)

        start = perf_counter()
        rules, taxonomy = self.rules, self.taxonomy
        photos = [id] * len(logits)
        product = self.bundle.fusion.fuse(photos, logits, embeddings)[1]
        vector = product_embeddings(photos, embeddings)[1]
        probabilities = rules.probabilities(product, vector)[0]
        suggestions = suggest(rules.sets, taxonomy, probabilities) if rules.sets is not None else None
        decision = decide(chosen, taxonomy, probabilities, rules.calibrator, suggestions)
        if rules.gallery is not None:
            decision = no_promise(rules.gallery, taxonomy, probabilities) or decision
        findings, verdict = squares.findings, None
        if rules.open_world is not None:
            verdict = rules.verdicts(product, vector)[0] or "known"
            flags = EMPTY if verdict == "far" else UNUSABLE
            flagged = bad_photos(squares.photos, flags) if decision.action != "file" or verdict in STRANGE else ()
            findings += flagged
            if flagged and len(flagged) == len(squares.photos):
                verdict = "bad photo"
        if verdict in STRANGE:
            decision = review(STRANGE[verdict], probabilities)
        elif verdict == "bad photo":
            decision = review(bad_photo(flagged), probabilities)
        elif objection := disagreement(taxonomy, squares.sources, rules.probabilities(logits, embeddings)):
            decision = review(objection, probabilities)
        labels = best_labels(taxonomy, probabilities, top)
        attributes = best_values(self.bundle.manifest.attributes, heads)
        timings["decide_ms"] = _ms_since(start)
        prediction = Prediction(
            id,
            decision,
            labels,
            self.bundle.name,
            findings,
            open_world=verdict,
            suggestions=suggestions,
            attributes=attributes,
            timings_ms=timings,
        )
        return Look(prediction, vector[0])

    def promise(self, precision: float) -> Promise | None:
        """The bundle's promise of that precision; None if it makes none at all.  Raises PromiseError."""
        if not self.rules.promises:
            return None
        self.bundle.promise(precision)
        return next(one for one in self.rules.promises if abs(one.precision - precision) < 1e-9)


def photo_finding(error: ImageError, source: str) -> Finding:
    """What a person should know about a photo that could not be used."""
    return Finding(source, "too large" if isinstance(error, ImageTooLarge) else "unreadable", error.message)


def bad_photos(photos: Sequence[Photo], unusable: Sequence[str] = UNUSABLE) -> tuple[Finding, ...]:
    """A finding for each photo with one of these flags; each has been decoded before."""
    found = []
    for photo in photos:
        flags = [flag for flag in measure(decode(photo.data, source=photo.source)).flags if flag in unusable]
        if flags:
            found.append(Finding(photo.source, "bad photo", ", ".join(flags)))
    return tuple(found)


def _ms_since(start: float) -> float:
    return round((perf_counter() - start) * 1000, 3)

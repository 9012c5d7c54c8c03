"""A bundle measured on the parts of a catalog: figures for its row, and the logits that an ensemble is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from catalens.compare.rows import Row, judged
from catalens.compare.settings import CompareSettings
from catalens.core.bundle import Bundle
from catalens.core.catalog import Catalog
from catalens.core.durable import replacing
from catalens.core.errors import CatalogError
from catalens.core.progress import Progress, silent
from catalens.core.taxonomy import Taxonomy
from catalens.evaluate import Evaluation, evaluation
from catalens.export.speed import measure as measure_speed
from catalens.predict.catalog import score_images
from catalens.predict.session import Session

CALIB, VAL = "calib", "val"


@dataclass(frozen=True, slots=True)
class Parts:
    """What members are measured on: name -> its rows of `catalog.images`; "train" is a sample of products.

    `test` names the part measured in full, `fit` the one that an ensemble is calibrated on; `note` says what a reader
    must know about them.
    """

    images: Mapping[str, pa.Table]
    test: str
    fit: str
    train_products: int
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Logits of P products, float32 [P, C], known up to a constant a product."""

    product_ids: tuple[str, ...]
    logits: npt.NDArray[np.float32]


def parts_of(catalog: Catalog, settings: CompareSettings) -> Parts:
    """Raises CatalogError if there is no part to measure on."""
    there = set(catalog.split.values())
    test = settings.split if settings.split in there else VAL
    if test not in there:
        message = f"has neither part {settings.split!r} nor {VAL!r} to measure on, only {sorted(there)}"
        raise CatalogError(message, source=str(catalog.path))
    fit = CALIB if CALIB in there else VAL
    images = {part: catalog.images_of(part) for part in dict.fromkeys((VAL, fit, test)) if part in there}
    train = catalog.images_of("train")
    sample = _sample(train["product_id"].to_pylist(), settings.train_products)
    images["train"] = train.filter(pc.is_in(train["product_id"], value_set=pa.array(sample, pa.string())))
    note = ""
    if test != settings.split:
        note = f"The catalog has no part {settings.split!r}: what is called test is its part {test!r}."
    return Parts(images, test, fit, len(sample), note)


def _sample(products: list[str], most: int) -> list[str]:
    """At most so many products, the same ones on every machine: the first by the sha256 of their ids."""
    different = list(dict.fromkeys(products))
    return sorted(different, key=lambda product: hashlib.sha256(product.encode()).digest())[:most]


def measure(
    bundle: Bundle, catalog: Catalog, parts: Parts, settings: CompareSettings, *, progress: Progress = silent
) -> tuple[Row, dict[str, Answers]]:
    """The row, but for its name and what training knows, and what the bundle answers on each part."""
    session = Session(bundle)
    answers: dict[str, Answers] = {}
    row = Row(name=bundle.name, kind="model", size=bundle.preprocess.size)
    for part, images in parts.images.items():
        scores, _ = score_images(session, catalog, images, progress=progress)
        ids, logits = bundle.fusion.fuse(scores.product_ids, scores.logits, scores.embeddings)
        answers[part] = Answers(ids, logits.astype(np.float32))
        if part in ("train", VAL, parts.test):
            found = evaluation.run(
                scores,
                catalog.categories_in(bundle.taxonomy),
                bundle.taxonomy,
                rules=bundle.rules(),
                fusion=bundle.fusion,
                train_counts=bundle.manifest.training.get("train_counts"),
            )
            row = with_figures(row, part, found, parts, settings)
    speed = measure_speed(bundle)
    row = replace(row, bytes=speed.bytes, decode_ms=speed.decode_ms, model_ms=speed.model_ms)
    return judge(row, answers, catalog, bundle.taxonomy, parts), answers


def with_figures(row: Row, part: str, found: Evaluation, parts: Parts, settings: CompareSettings) -> Row:
    """The row with what was found on one part."""
    if part == "train":
        row = replace(row, train=found.top1)
    if part == VAL:
        row = replace(row, val=found.top1)
    if part != parts.test:
        return row
    promised = [one for one in found.coverage if abs(one.promise - settings.promise) < 1e-9]
    bands = {name: shots.top1 for name in ("many", "medium", "few") if (shots := getattr(found, name))}
    return replace(
        row,
        test=found.top1,
        macro_recall=found.macro_recall,
        nll=found.nll,
        coverage=promised[0].filed if promised else None,
        precision=promised[0].precision if promised else None,
        **bands,
    )


def judge(row: Row, answers: Mapping[str, Answers], catalog: Catalog, taxonomy: Taxonomy, parts: Parts) -> Row:
    """The row, marked where it answers like somebody who always says the same."""
    shares = {
        part: most_frequent(truth_of(answers[part], catalog, taxonomy)) for part in (parts.test, VAL) if part in answers
    }
    return judged(row, test_share=shares.get(parts.test), val_share=shares.get(VAL))


def truth_of(answers: Answers, catalog: Catalog, taxonomy: Taxonomy) -> npt.NDArray[np.int64]:
    """int64 [P]: the leaf of each product, -1 where it is of none that the model knows."""
    index, categories = taxonomy.leaf_index, catalog.categories_in(taxonomy)
    return np.array([index.get(categories[product] or "", -1) for product in answers.product_ids], np.int64)


def most_frequent(truth: npt.NDArray[np.int64]) -> float | None:
    """The share of the most frequent category among the products of a known one."""
    known = truth[truth >= 0]
    return float(np.bincount(known).max() / len(known)) if len(known) else None


def write_answers(path: Path, answers: Mapping[str, Answers]) -> None:
    """Keep them in one .npz file, whole or not at all."""
    columns: dict[str, npt.NDArray[np.generic]] = {}
    for part, given in answers.items():
        columns[f"{part}.ids"] = np.array(given.product_ids, dtype=np.str_)
        columns[f"{part}.logits"] = given.logits
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, **columns)  # type: ignore[arg-type]  # numpy's types take `allow_pickle` for one of them


def read_answers(path: Path) -> dict[str, Answers]:
    with np.load(path, allow_pickle=False) as kept:
        parts = [name.removesuffix(".ids") for name in kept.files if name.endswith(".ids")]
        return {part: Answers(tuple(kept[f"{part}.ids"].tolist()), kept[f"{part}.logits"]) for part in parts}

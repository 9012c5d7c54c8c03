"""Which products likely stand in the wrong category, by a model that learns from all the others.

Features of the products' pixels, and a bundle's vectors where there are any, go to `folds` for out-of-fold
probabilities and those to `confident`.  The answer is the side table `label_noise`, a row a judged product, the most
suspicious first.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from catalens.core.catalog import Catalog
from catalens.core.config import Settings
from catalens.core.progress import Progress, silent
from catalens.curate.labels import confident, features, folds, stray
from catalens.curate.labels.confident import Blocks, Confidence, Prune
from catalens.curate.labels.features import FeatureMeasure, Floats
from catalens.curate.parts.bonds import ALWAYS, bond, knows_copies
from catalens.curate.parts.grouping import Ints, connect
from catalens.curate.scan import scan

Vectors = tuple[Sequence[str], Floats]  # product ids, float32 [P, D]
SCHEMA = pa.schema(
    [
        ("product_id", pa.string()),
        ("given", pa.string()),  # the category it stands in
        ("suggested", pa.string()),  # the most probable one besides
        ("self_confidence", pa.float32()),  # out-of-fold probability of the given category
        ("suggested_confidence", pa.float32()),
        ("margin", pa.float32()),  # suggested less self-confidence, in [-1, 1]
        ("issue", pa.bool_()),  # by confident learning: wrong, or the two categories are easily confused
        ("stray", pa.float32()),  # the probability that its category has nothing to do with its photos
        ("rank", pa.int32()),  # 1 is the most suspicious
    ]
)


class LabelNoiseSettings(Settings):
    """How labels are judged.

    `folds` models are fitted, each on the products outside its fold.  A category needs `min_products` products that are
    no copies of each other, else it is not judged.  `prune` is how confident learning chooses: "noise_rate" (the most
    confident contradictions of each pair of categories), "class" (the least confident of each category), or "both".
    """

    folds: int = Field(default=5, ge=2, le=50)
    min_products: int = Field(default=5, ge=2)
    prune: Prune = "both"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class LabelIssue:
    """A product that likely stands in the wrong category, or in one of two that are easily confused."""

    product_id: str
    given: str
    suggested: str
    self_confidence: float
    suggested_confidence: float
    stray: float


@dataclass(frozen=True, slots=True)
class CategoryNoise:
    """Of a category's judged `products`: the share estimated to belong elsewhere, its `issues`, and its `stray` ones
    (more likely stray than not)."""

    category_id: str
    products: int
    noise: float
    issues: int
    stray: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """`products` in category `given` that are estimated to belong to `true`."""

    given: str
    true: str
    products: int


@dataclass(frozen=True, slots=True)
class LabelReport:
    """What is known of the labels.

    `judged` products in categories large enough; the others are told: `not_judged` (category -> products),
    `without_category`, `without_vector`.  `accuracy` is the share of labels that the out-of-fold model agrees with: how
    far its judgement goes; None if nothing was judged.  `stray_share` is the estimated share of labels that have
    nothing to do with the photos, `stray` the number of products more likely stray than not.
    `issues` are in order of rank, `categories` by noise, `confusions` by size.
    """

    judged: int
    not_judged: dict[str, int]
    without_category: int
    without_vector: int
    accuracy: float | None
    stray_share: float
    stray: int
    issues: tuple[LabelIssue, ...]
    categories: tuple[CategoryNoise, ...]
    confusions: tuple[Confusion, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def run(
    catalog: Catalog,
    vectors: Vectors | None = None,
    settings: LabelNoiseSettings | None = None,
    *,
    workers: int = 2,
    progress: Progress = silent,
) -> LabelReport:
    """Judge the label of every product and write the table `label_noise`.

    `vectors` are product ids and float32 [P, D], L2-normalised, such as a bundle's embeddings.  They are joined to
    features of the pixels, which `workers` processes measure; where there are none, these must do.  A model that was
    trained on these very labels has learnt the wrong ones, too, and its vectors hide them: those of frozen features, or
    of another training, show more.
    """
    settings = settings or LabelNoiseSettings()
    scan(catalog, [FeatureMeasure()], workers=workers, progress=progress)
    described = features.product_features(catalog)
    judged = _choose(catalog, described if vectors is None else _join(vectors, described), settings)
    classes = len(judged.names)
    if classes < 2:
        catalog.write_table("label_noise", SCHEMA.empty_table())
        return _nothing(catalog, judged)
    blocks = folds.probabilities(judged.vectors, judged.labels, judged.fold, classes=classes, progress=progress)
    watched = _watch(blocks, 3 * len(judged.products), progress)
    found = confident.find(judged.labels, watched, classes=classes, prune=settings.prune)
    share = stray.share(found.self_confidence, classes=classes)
    table = _table(judged, found, share)
    catalog.write_table("label_noise", table.replace_schema_metadata({"catalog": catalog.digest}))
    return _report(catalog, judged, found, table, share)


@dataclass(frozen=True, slots=True)
class _Judged:
    """The products to judge: ids, vectors float32 [M, D], labels int64 [M] (places in `names`), folds int64 [M]."""

    products: list[str]
    vectors: Floats
    labels: Ints
    fold: Ints
    names: list[str]
    not_judged: dict[str, int]
    without_vector: int


def _join(vectors: Vectors, described: Vectors) -> Vectors:
    """Side by side, for the products that both know: on three catalogs 3 to 4 points more of the labels are foreseen
    than by a network's vectors alone."""
    place = {product: row for row, product in enumerate(described[0])}
    rows = [row for row, product in enumerate(vectors[0]) if product in place]
    ids = [vectors[0][row] for row in rows]
    return ids, np.concatenate([vectors[1][rows], described[1][[place[product] for product in ids]]], axis=1)


def _choose(catalog: Catalog, vectors: Vectors, settings: LabelNoiseSettings) -> _Judged:
    """Leave out what has no category, no vector, or too few others of its category that are no copies of it."""
    place = {product: row for row, product in enumerate(vectors[0])}
    products = catalog.products["product_id"].to_pylist()
    known = {row: leaf for row, leaf in enumerate(catalog.products["category_id"].to_pylist()) if leaf is not None}
    leaves = {row: leaf for row, leaf in known.items() if products[row] in place}
    groups = connect(len(products), [bond(catalog, kind).link for kind in _bonds(catalog)])
    leaves = _in_enough(leaves, dict(enumerate(groups.tolist())), settings.min_products)
    rows = list(leaves)
    ids = [products[row] for row in rows]
    dealt = folds.deal(ids, list(leaves.values()), groups[rows], folds=settings.folds, seed=settings.seed)
    # copies under two categories may draw all of a small one into one fold, outside of which nothing can learn it
    fold = dict(zip(rows, dealt.tolist(), strict=True))
    leaves = _in_enough(leaves, fold, 2)
    names = sorted(set(leaves.values()))
    index = {name: number for number, name in enumerate(names)}
    return _Judged(
        products=[products[row] for row in leaves],
        vectors=np.asarray(vectors[1], dtype=np.float32)[[place[products[row]] for row in leaves]],
        labels=np.array([index[leaf] for leaf in leaves.values()], dtype=np.int64),
        fold=np.array([fold[row] for row in leaves], dtype=np.int64),
        names=names,
        not_judged=dict(Counter(leaf for row, leaf in known.items() if row not in leaves and products[row] in place)),
        without_vector=sum(products[row] not in place for row in known),
    )


def _bonds(catalog: Catalog) -> tuple[str, ...]:
    """All that is known of copies: one must not teach the model about another."""
    return (*ALWAYS, "near") if knows_copies(catalog) else ALWAYS


def _in_enough(leaves: Mapping[int, str], keys: Mapping[int, int], minimum: int) -> dict[int, str]:
    """The rows of those leaves whose rows have `minimum` different keys at least."""
    held: dict[str, set[int]] = defaultdict(set)
    for row, leaf in leaves.items():
        held[leaf].add(keys[row])
    return {row: leaf for row, leaf in leaves.items() if len(held[leaf]) >= minimum}


def _watch(blocks: Blocks, total: int, progress: Progress) -> Blocks:
    """The same blocks; every row that is read is told."""
    done = 0

    def read() -> Iterator[tuple[Ints, Any]]:
        nonlocal done
        for rows, block in blocks():
            yield rows, block
            done += len(rows)
            progress(done, total)

    return read


def _table(judged: _Judged, found: Confidence, share: float) -> pa.Table:
    order = np.argsort(found.rank)
    names = pa.array(judged.names, pa.string())
    columns = {
        "product_id": pa.array(judged.products, pa.string()),
        "given": names.take(pa.array(judged.labels)),
        "suggested": names.take(pa.array(found.suggested)),
        "self_confidence": found.self_confidence,
        "suggested_confidence": found.suggested_confidence,
        "margin": found.margin,
        "issue": found.issue,
        "stray": stray.probability(found.self_confidence, share, classes=len(names)),
        "rank": found.rank.astype(np.int32),
    }
    return pa.table(columns, SCHEMA).take(pa.array(order))


def _nothing(catalog: Catalog, judged: _Judged) -> LabelReport:
    """The report on a catalog without two categories to tell apart."""
    left = Counter(judged.not_judged) + Counter(judged.names[label] for label in judged.labels)
    without_category = catalog.products["category_id"].null_count
    return LabelReport(0, dict(left), without_category, judged.without_vector, None, 0.0, 0, (), (), ())


def _report(catalog: Catalog, judged: _Judged, found: Confidence, table: pa.Table, share: float) -> LabelReport:
    names, sizes = judged.names, Counter(judged.labels.tolist())
    is_stray = pc.greater(table["stray"], 0.5)
    issues = Counter(table.filter(table["issue"])["given"].to_pylist())
    strays = Counter(table.filter(is_stray)["given"].to_pylist())
    categories = [
        CategoryNoise(name, sizes[number], round(float(found.noise[number]), 6), issues[name], strays[name])
        for number, name in enumerate(names)
    ]
    joint = zip(found.joint.given.tolist(), found.joint.true.tolist(), found.joint.count.tolist(), strict=True)
    confusions = [
        Confusion(names[given], names[true], count) for given, true, count in joint if given != true and count
    ]
    fields = [field.name for field in dataclasses.fields(LabelIssue)]
    return LabelReport(
        judged=len(judged.products),
        not_judged=judged.not_judged,
        without_category=catalog.products["category_id"].null_count,
        without_vector=judged.without_vector,
        accuracy=float(np.mean(found.margin <= 0)),
        stray_share=share,
        stray=strays.total(),
        issues=tuple(LabelIssue(**row) for row in table.filter(table["issue"]).select(fields).to_pylist()),
        categories=tuple(sorted(categories, key=lambda category: (-category.noise, category.category_id))),
        confusions=tuple(sorted(confusions, key=lambda pair: (-pair.products, pair.given, pair.true))),
    )

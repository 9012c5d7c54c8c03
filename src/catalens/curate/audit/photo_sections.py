"""The parts of the audit's page that show photos: labels, examples, leaks, quality."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape
from itertools import islice

import pyarrow.compute as pc

from catalens.core.catalog import Catalog
from catalens.core.page import card, percent, reading, share, table, together, wide
from catalens.core.taxonomy import SEPARATOR
from catalens.curate.audit.pictures import Pictures
from catalens.curate.audit.run import WEAK, StrangeName
from catalens.curate.audit.sections import SHOWN
from catalens.curate.label_noise import LabelReport
from catalens.curate.leaks import COPIES, LeakReport

PAIRS = 12  # shown of each kind
LIKELY = 0.5  # probability above which a label is taken for one that has nothing to do with its photo
EXAMPLES = 8  # categories whose easiest and hardest products are shown


def strange_names(found: Sequence[StrangeName]) -> str:
    """Categories that are label trouble by their name alone."""
    if not found:
        return ""
    rows = [[escape(one.path), escape(one.reason), f"{one.products:,}"] for one in found[:SHOWN]]
    return card(table(["category", "sounds like", "products"], rows, words=(0, 1))) + reading(
        "Nobody sells these: a model that learns them files real products under them. "
        "Set them aside, or sort them by hand."
    )


def labels(found: LabelReport, catalog: Catalog, pictures: Pictures, *, strange: Collection[str]) -> str:
    """Likely wrong labels, each beside a typical product of the category that is suggested instead.

    Nothing is suggested to be filed under a `strange` category, one whose name is no product's.
    """
    if found.accuracy is None:
        return card("<p>No two categories are large enough to be told apart.</p>")
    agrees = f"It agrees with {share(found.accuracy)} of {found.judged:,} labels"
    lead = f"<p>Each product was judged by a model that had not seen it. {agrees}"
    if found.accuracy < WEAK:
        return card(
            f"{lead}: too few to believe its doubts about the others. A trained model sees more: "
            "<code>catalens audit --bundle</code>.</p>"
        )
    said = (
        f"{lead}. {found.stray:,} of the others seem to have nothing to do with their photos; "
        f"{len(found.issues):,} are wrong or of categories that are easily confused.</p>"
    )
    return card(said) + _pairs(catalog, pictures, strange) + _noisy(found, catalog)


def _pairs(catalog: Catalog, pictures: Pictures, strange: Collection[str]) -> str:
    typical = _typical(catalog)
    judged = catalog.table("label_noise")
    rows = judged.filter(pc.greater(judged["stray"], LIKELY)).to_pylist()
    believed = (row for row in rows if row["suggested"] in typical and row["suggested"] not in strange)
    pairs = [
        together(
            pictures.show_product(row["product_id"], f"its own category: {percent(row['self_confidence'])}"),
            pictures.show_product(typical[row["suggested"]], f"suggested: {percent(row['suggested_confidence'])}"),
        )
        for row in islice(believed, PAIRS)
    ]
    words = "Left: the product as it is filed. Right: a typical product of the category suggested."
    return wide(pairs) + reading(words) if pairs else ""


def _noisy(found: LabelReport, catalog: Catalog) -> str:
    rows = [
        [escape(_path(catalog, one.category_id)), f"{one.products:,}", f"{one.stray:,}", f"{one.issues:,}"]
        for one in sorted(found.categories, key=lambda one: (-one.stray, -one.issues, one.category_id))
        if one.stray
    ]
    head = ["category", "judged", "nothing to do with the photo", "wrong or easily confused"]
    return card(table(head, rows[:SHOWN])) if rows else ""


def examples(catalog: Catalog, pictures: Pictures) -> str:
    """The easiest and the hardest product of the largest categories, by the probability of their own label."""
    judged = catalog.table("label_noise")
    if not len(judged):
        return ""
    largest = judged["given"].value_counts().to_pylist()
    largest.sort(key=lambda one: (-one["counts"], one["values"]))
    pairs = []
    for leaf in (one["values"] for one in largest[:EXAMPLES]):
        rows = judged.filter(pc.equal(judged["given"], leaf)).sort_by([("self_confidence", "descending")])
        easy, hard = rows["product_id"][0].as_py(), rows["product_id"][-1].as_py()
        sure = [percent(rows["self_confidence"][place].as_py()) for place in (0, -1)]
        pairs.append(
            together(pictures.show_product(easy, f"easy: {sure[0]}"), pictures.show_product(hard, f"hard: {sure[1]}"))
        )
    return wide(pairs) + reading(
        "Left the product that a model is surest of, right the one it finds hardest. A hard one that looks right asks "
        "for more photos of its kind; one that looks wrong asks for a correction."
    )


def leaks(found: LeakReport | None, pictures: Pictures) -> str:
    """What the parts share with train, and the first leaked products beside their copy."""
    if found is None:
        return card("<p>The catalog is not divided yet: there is nothing to leak.</p>")
    kinds = list(next(iter(found.parts.values())).kinds) if found.parts else []
    rows = [
        [
            escape(name),
            f"{part.products:,}",
            *(f"{part.kinds[kind]:,}" for kind in kinds),
            share(part.copy / part.products),
        ]
        for name, part in found.parts.items()
        if part.products
    ]
    pairs = [
        together(
            pictures.show_product(leak.product_id, f"in {leak.part}"),
            pictures.show_product(leak.example, f"{leak.kind} copy, in train"),
        )
        for leak in islice((leak for leak in found.leaks if leak.kind in COPIES), PAIRS)
    ]
    whose = "the split" if found.split == "splits" else "the split that came with the dump"
    return (
        card(table(["part", "products", *(f"{kind} in train" for kind in kinds), "with a copy"], rows))
        + reading(
            f"Of {whose}: products outside train that share something with train. A copy there makes every figure "
            "measured on it too good."
        )
        + wide(pairs)
    )


def _typical(catalog: Catalog) -> dict[str, str]:
    """leaf -> the product that a model is surest to be of it."""
    judged = catalog.table("label_noise").sort_by([("self_confidence", "descending")])
    found: dict[str, str] = {}
    for leaf, product in zip(judged["given"].to_pylist(), judged["product_id"].to_pylist(), strict=True):
        found.setdefault(leaf, product)
    return found


def _path(catalog: Catalog, leaf: str) -> str:
    return SEPARATOR.join(catalog.taxonomy.path_names(leaf))

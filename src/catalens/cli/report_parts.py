"""What the pages of `evaluate` and `demo` share: answers to products, and the photos that show them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from catalens.core.catalog import Catalog
from catalens.core.errors import ImageError
from catalens.core.image import inspect
from catalens.core.page import Shown, Verdict, percent
from catalens.core.taxonomy import Taxonomy
from catalens.evaluate.report import CategoryCard, Confused

PAIRS = 8  # confusions that are shown
CARDS, HALF = 40, 20  # all categories up to so many; of more, the largest and the weakest
EACH = 3  # photos of each verdict on a card
LEAST = 5  # products that a category needs to be among the weakest: of fewer, one decides


Filed = Literal["here", "above", "no"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a product was and was taken for: leaf ids, and how sure.

    `filed` says where it filed itself: at a leaf, further up, or nowhere (None: no promise is made), and `filed_right`
    whether it belongs there.
    """

    product: str
    truth: str
    best: str
    confidence: float
    filed: Filed | None = None
    filed_right: bool = False

    @property
    def verdict(self) -> Verdict:
        """Wrong: taken for another category.  Doubtful: taken for the right one, but not sure enough to file there."""
        if self.best != self.truth:
            return "wrong"
        return "right" if self.filed in ("here", None) else "doubtful"

    def words(self, names: Mapping[str, str]) -> tuple[str, ...]:
        """A caption: how sure, what it was taken for, and what became of it."""
        sure = f"{percent(self.confidence)} sure"
        fate = {"here": (), "above": ("filed higher up",), "no": ("not filed",), None: ()}[self.filed]
        if self.verdict != "wrong":
            return (sure, *fate)
        if self.filed in ("here", "above") and not self.filed_right:
            fate = ("filed wrong",)
        return (names[self.best], sure, *fate)


class Photos:
    """The photos of products, out of the catalog's shards; those of `part` are found fastest."""

    def __init__(self, catalog: Catalog, part: str) -> None:
        self._catalog, self._part = catalog, catalog.images_of(part)

    def first(self, product: str) -> bytes | None:
        """The first photo that decodes; None where there is none."""
        for images in (self._part, self._catalog.images):
            rows = images.filter(pc.equal(images["product_id"], pa.scalar(product)))
            for shard, row in zip(rows["shard"].to_pylist(), rows["row"].to_pylist(), strict=True):
                data = self._catalog.photos.read(shard, row)
                try:
                    inspect(data)
                except ImageError:
                    continue
                return data
        return None

    def shown(self, product: str, title: str, lines: tuple[str, ...], verdict: Verdict | None = None) -> list[Shown]:
        """The product's photo with its words, or nothing."""
        data = self.first(product)
        return [] if data is None else [Shown(data, title, lines, verdict)]


def confused(
    photos: Photos, confusions: Sequence[Mapping[str, Any]], answers: Sequence[Answer], catalog: Catalog, tree: Taxonomy
) -> Iterator[Confused]:
    """The most frequent confusions, each beside a product that really is of the category it was taken for."""
    surest = sorted(answers, key=lambda one: -one.confidence)
    right = {one.truth: one.product for one in reversed(surest) if one.best == one.truth}
    wrong: dict[tuple[str, str], str] = {}
    for one in surest:
        wrong.setdefault((one.truth, one.best), one.product)
    for pair in confusions[:PAIRS]:
        product = wrong.get((pair["truth"], pair["predicted"]))
        other = right.get(pair["predicted"]) or _any_of(catalog, tree, pair["predicted"])
        photo, beside = photos.first(product) if product else None, photos.first(other) if other else None
        if photo is not None and beside is not None:
            yield Confused(photo, beside, pair["truth_path"][-1], pair["predicted_path"][-1], pair["count"])


def _any_of(catalog: Catalog, tree: Taxonomy, leaf: str) -> str | None:
    return next((product for product, found in catalog.categories_in(tree).items() if found == leaf), None)


def cards(
    photos: Photos, per_class: Sequence[Mapping[str, Any]], answers: Iterable[Answer]
) -> tuple[tuple[CategoryCard, ...], int]:
    """A card for each category that is shown, and how many are left out.  `per_class` has the weakest first."""
    by_truth: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_truth[answer.truth].append(answer)
    names = {row["id"]: row["path"][-1] for row in per_class}
    groups = _groups([row for row in per_class if row["support"]])
    made = tuple(
        _card(photos, row, by_truth[row["id"]], names, title) for title, rows in groups.items() for row in rows
    )
    return made, sum(1 for row in per_class if row["support"]) - len(made)


def _groups(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Title -> rows: all of them, or the weakest and then the largest of the others."""
    if len(rows) <= CARDS:
        return {"": list(rows)}
    weakest = ([row for row in rows if row["support"] >= LEAST] or list(rows))[:HALF]
    chosen = {row["id"] for row in weakest}
    largest = sorted((row for row in rows if row["id"] not in chosen), key=lambda row: -row["support"])[:HALF]
    return {f"The weakest {len(weakest)}": weakest, f"The largest {len(largest)} of the others": largest}


def _card(
    photos: Photos, row: Mapping[str, Any], answers: Sequence[Answer], names: Mapping[str, str], group: str
) -> CategoryCard:
    known = [answer for answer in answers if answer.filed is not None]
    return CategoryCard(
        path=tuple(row["path"]),
        products=row["support"],
        recall=row["recall"],
        precision=row["precision"],
        filed=sum(answer.filed == "here" for answer in known) / len(known) if known else None,
        train=row["train"],
        photos=tuple(shown for answer in _telling(answers) for shown in _small(photos, answer, names)),
        group=group,
    )


def _telling(answers: Sequence[Answer]) -> Iterator[Answer]:
    """The surest of the right and of the wrong ones, the least sure of the doubtful."""
    surest = sorted(answers, key=lambda one: (-one.confidence, one.product))
    for verdict in ("right", "doubtful", "wrong"):
        found = [one for one in surest if one.verdict == verdict]
        yield from (found[::-1] if verdict == "doubtful" else found)[:EACH]


def _small(photos: Photos, answer: Answer, names: Mapping[str, str]) -> list[Shown]:
    title, *lines = answer.words(names)
    return photos.shown(answer.product, title, tuple(lines), answer.verdict)

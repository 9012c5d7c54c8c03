"""What a split came to, and what a person should know about it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from catalens.core.catalog import Catalog
from catalens.curate.parts.by_time import Order
from catalens.curate.parts.grouping import Ints
from catalens.curate.parts.split_file import PARTS, UNUSED
from catalens.curate.parts.stratify import TRAIN


@dataclass(frozen=True, slots=True)
class PartCount:
    """How much a part holds."""

    products: int
    images: int
    categories: int


@dataclass(frozen=True, slots=True)
class SplitReport:
    """What was divided, and what a person should know about it.

    `leaks` counts, for each part but train, the products whose group is also in train (given parts are kept even then).
    `largest_group` is in products.  `off` is, for each part, the share it got less the share it was to get, of the
    products that no given part placed.  `singletons` are leaves of one group, `not_in_train` leaves that some other
    part holds and train does not.  `contradictory` are groups of copies in several leaves.  `without_category` products
    and those of `small` leaves (below `min_products`) are unused, and so are the `not_given` ones under `given_only`.
    `order` is there where parts follow time.
    """

    parts: dict[str, PartCount]
    leaks: dict[str, int]
    groups: int
    largest_group: int
    off: dict[str, float]
    singletons: int
    not_in_train: int
    contradictory: int
    given: int
    not_given: int
    without_category: int
    small: int
    small_products: int
    order: Order | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def count(catalog: Catalog, parts: Sequence[str], leaves: Sequence[str | None]) -> dict[str, PartCount]:
    """What each part that is not empty holds."""
    table = pa.table({"product_id": catalog.products["product_id"], "part": pa.array(parts, pa.string())})
    place = pc.index_in(catalog.images["product_id"], value_set=table["product_id"].combine_chunks())
    images = Counter(table["part"].take(place).to_pylist())
    products = Counter(parts)
    categories = leaves_of_parts(parts, leaves)
    return {part: PartCount(products[part], images[part], len(categories[part])) for part in in_order(products)}


def in_order(parts: Iterable[str]) -> list[str]:
    """Each part once: ours from train to test, then those of a dump by name, what is unused last."""
    found = set(parts)
    return [part for part in (*PARTS, *sorted(found - {*PARTS, UNUSED}), UNUSED) if part in found]


def leaves_of_parts(parts: Sequence[str], leaves: Sequence[str | None]) -> dict[str, set[str]]:
    """part -> the leaves that it holds products of."""
    found: dict[str, set[str]] = defaultdict(set)
    for part, leaf in zip(parts, leaves, strict=True):
        if leaf is not None:
            found[part].add(leaf)
    return found


def leaks(labels: Ints, parts: Sequence[str]) -> dict[str, int]:
    """For each part but train, how many products have someone of their group in train."""
    in_train = {label for label, part in zip(labels.tolist(), parts, strict=True) if part == TRAIN}
    found = dict.fromkeys(sorted(set(parts) - {TRAIN, UNUSED}), 0)
    for label, part in zip(labels.tolist(), parts, strict=True):
        if part in found and label in in_train:
            found[part] += 1
    return found


def off(placed: Iterable[str], ratios: Mapping[str, float]) -> dict[str, float]:
    """The share each part got less the share it was to get, of products that were placed; {} where none was."""
    got = Counter(part for part in placed if part != UNUSED)
    whole = got.total()
    return {part: round(got[part] / whole - ratio, 6) for part, ratio in ratios.items()} if whole else {}

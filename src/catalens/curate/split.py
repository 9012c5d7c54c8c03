"""Divide a catalog into parts without leaks: by group, stratified by leaf, the same on every machine.

No random generator is involved: the order of a leaf's groups is the order of sha256(seed, product ids), so neither the
order of the rows nor the version of a library changes who goes where.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from catalens.core.catalog import Catalog
from catalens.core.config import Settings
from catalens.core.errors import ConfigError
from catalens.curate.grouping import Ints, connect
from catalens.curate.split_file import NO_FILE, PARTS, UNUSED, SplitFile, read_split_file
from catalens.curate.stratify import TRAIN, Group, spread


class SplitSettings(Settings):
    """How to divide a catalog.

    `ratios` are the shares of train, val, calib and test.  `by` is a CSV or Parquet file with `product_id` and `group`
    (these products stay together) or `part` (this product goes there), or both.  `given_only` leaves products without a
    given part unused.  Leaves with fewer than `min_products` products are unused.  `carve` takes shares of train for
    parts that do not exist yet: {"calib": 0.1}.
    """

    ratios: tuple[float, ...] = (0.7, 0.1, 0.1, 0.1)
    by: Path | None = None
    seed: int = 0
    given_only: bool = False
    min_products: int = Field(default=1, ge=1)
    carve: dict[str, float] = Field(default_factory=dict)

    @field_validator("ratios", mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return value.split(",") if isinstance(value, str) else value

    @field_validator("ratios")
    @classmethod
    def _sum_to_one(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        right = len(value) == len(PARTS) and value[0] > 0 and all(0 <= ratio <= 1 for ratio in value)
        if not right or abs(sum(value) - 1) > 1e-6:
            raise ValueError("expected four shares, of train, val, calib and test, summing to 1, train above 0")
        return value

    @field_validator("carve")
    @classmethod
    def _known_parts(cls, value: dict[str, float]) -> dict[str, float]:
        wrong = [part for part, share in value.items() if part not in PARTS[1:] or not 0 < share < 1]
        if wrong or sum(value.values()) >= 1:
            raise ValueError("expected shares of train for val, calib or test, together below 1")
        return value


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
    `singletons` are leaves of one group, which went to train.  `contradictory` are groups of several leaves.
    `without_category` products and those of `small` leaves (below `min_products`) are unused, and so are the
    `not_given` ones under `given_only`.
    """

    parts: dict[str, PartCount]
    leaks: dict[str, int]
    groups: int
    singletons: int
    contradictory: int
    given: int
    not_given: int
    without_category: int
    small: int
    small_products: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def run(catalog: Catalog, settings: SplitSettings) -> SplitReport:
    """Place every product in a part and write the catalog's table `splits`.  Raises ConfigError, SourceError."""
    products = catalog.products["product_id"].to_pylist()
    leaves: list[str | None] = catalog.products["category_id"].to_pylist()
    file = read_split_file(settings.by, products) if settings.by else NO_FILE
    given = _given_parts(catalog, file)
    labels = connect(len(products), _links(catalog, file))

    sizes = Counter(leaf for leaf in leaves if leaf is not None)
    small = {leaf for leaf, size in sizes.items() if size < settings.min_products}
    usable = [leaf is not None and leaf not in small for leaf in leaves]
    parts = [part if use and part else UNUSED for part, use in zip(given, usable, strict=True)]

    groups = _groups(products, leaves, labels, usable, sizes, settings.seed)
    free = [] if settings.given_only else _follow_given(groups, given, parts)
    ratios = dict(zip(PARTS, settings.ratios, strict=True))
    spread(free, ratios, parts, every_leaf_elsewhere=True)
    if settings.carve:
        _carve(groups, settings.carve, parts)

    catalog.write_table("splits", pa.table({"product_id": products, "part": parts}))
    per_leaf = Counter(group.leaf for group in groups)
    return SplitReport(
        parts=_count(catalog, parts, leaves),
        leaks=_leaks(labels, parts),
        groups=len(groups),
        singletons=sum(count == 1 for count in per_leaf.values()),
        contradictory=sum(len({leaves[m] for m in group.members}) > 1 for group in groups),
        given=sum(bool(part) and use for part, use in zip(given, usable, strict=True)),
        not_given=sum(part is None and use for part, use in zip(given, usable, strict=True)),
        without_category=leaves.count(None),
        small=len(small),
        small_products=sum(sizes[leaf] for leaf in small),
    )


def _given_parts(catalog: Catalog, file: SplitFile) -> list[str | None]:
    """The part the file gives each product, else the dump; None where neither does."""
    rows = zip(catalog.products["product_id"].to_pylist(), catalog.products["given_split"].to_pylist(), strict=True)
    return [file.parts.get(product) or part for product, part in rows]


def _links(catalog: Catalog, file: SplitFile) -> list[tuple[Ints, Ints]]:
    """What binds products: a photo of the same bytes, a group of the dump, a group of the file."""
    ids = catalog.products["product_id"].combine_chunks()
    group = catalog.products["group"]
    in_file = pa.array([product for product, _ in file.groups], pa.string())
    return [
        (_ints(pc.index_in(catalog.images["product_id"], value_set=ids)), _codes(catalog.images["image_id"])),
        (np.flatnonzero(pc.is_valid(group).to_numpy()), _codes(group.drop_null())),
        (_ints(pc.index_in(in_file, value_set=ids)), _codes(pa.array([name for _, name in file.groups], pa.string()))),
    ]


def _ints(column: Any) -> Ints:
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.int64)


def _codes(column: Any) -> Ints:
    """Equal strings -> equal numbers."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return _ints(column.dictionary_encode().indices)


def _groups(
    products: Sequence[str],
    leaves: Sequence[str | None],
    labels: Ints,
    usable: Sequence[bool],
    sizes: Mapping[str, int],
    seed: int,
) -> list[Group]:
    """The groups of usable products.

    A contradictory group counts for the rarest of its leaves, which needs it most.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for position, label in enumerate(labels.tolist()):
        if usable[position]:
            members[label].append(position)
    groups = []
    for positions in members.values():
        leaf = min({leaves[p] or "" for p in positions}, key=lambda leaf: (sizes[leaf], leaf))
        text = "\0".join([str(seed), *sorted(products[p] for p in positions)])
        groups.append(Group(tuple(positions), leaf, hashlib.sha256(text.encode()).digest()))
    return groups


def _follow_given(groups: Iterable[Group], given: Sequence[str | None], parts: list[str]) -> list[Group]:
    """Give the rest of a group the part that some of it was given; the groups without any given part are left to place.

    Where the given parts straddle, the rest joins train, if that is one of them: nothing leaks that did not before.
    """
    free = []
    for group in groups:
        found = {part for member in group.members if (part := given[member])}
        found = found - {UNUSED} or found
        if not found:
            free.append(group)
            continue
        part = TRAIN if TRAIN in found else min(found)
        for member in group.members:
            if given[member] is None:
                parts[member] = part
    return free


def _carve(groups: Iterable[Group], carve: Mapping[str, float], parts: list[str]) -> None:
    """Move a share of train's groups to parts that are not there yet.  A leaf's last group in train stays."""
    for part in carve:
        taken = parts.count(part)
        if taken:
            raise ConfigError(f"cannot carve {part!r} out of train: it already holds {taken:,} products", key="carve")
    inside = [group for group in groups if {parts[member] for member in group.members} == {TRAIN}]
    spread(inside, {TRAIN: 1 - sum(carve.values()), **carve}, parts, every_leaf_elsewhere=False)


def _count(catalog: Catalog, parts: Sequence[str], leaves: Sequence[str | None]) -> dict[str, PartCount]:
    table = pa.table({"product_id": catalog.products["product_id"], "part": pa.array(parts, pa.string())})
    place = pc.index_in(catalog.images["product_id"], value_set=table["product_id"].combine_chunks())
    images = Counter(table["part"].take(place).to_pylist())
    products = Counter(parts)
    categories: dict[str, set[str]] = defaultdict(set)
    for part, leaf in zip(parts, leaves, strict=True):
        if leaf is not None:
            categories[part].add(leaf)
    known = [*PARTS, *sorted(set(products) - {*PARTS, UNUSED}), UNUSED]
    return {part: PartCount(products[part], images[part], len(categories[part])) for part in known if products[part]}


def _leaks(labels: Ints, parts: Sequence[str]) -> dict[str, int]:
    in_train = {label for label, part in zip(labels.tolist(), parts, strict=True) if part == TRAIN}
    leaks = dict.fromkeys(sorted(set(parts) - {TRAIN, UNUSED}), 0)
    for label, part in zip(labels.tolist(), parts, strict=True):
        if part in leaks and label in in_train:
            leaks[part] += 1
    return leaks

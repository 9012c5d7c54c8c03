"""Divide a catalog into parts without leaks: by group, stratified by leaf, the same on every machine.

No random generator is involved: the order of a leaf's groups is the order of sha256(seed, product ids), so neither the
order of the rows nor the version of a library changes who goes where.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from catalens.core.catalog import Catalog
from catalens.core.errors import ConfigError
from catalens.curate.parts import by_time, split_report
from catalens.curate.parts.balance import balance
from catalens.curate.parts.bonds import ALWAYS, bond, bond_of_rows
from catalens.curate.parts.grouping import Ints, connect
from catalens.curate.parts.split_file import NO_FILE, PARTS, UNUSED, SplitFile, read_split_file
from catalens.curate.parts.split_report import SplitReport
from catalens.curate.parts.split_settings import SplitSettings
from catalens.curate.parts.stratify import TRAIN, Group, spread

__all__ = ["SplitReport", "SplitSettings", "run"]


def run(catalog: Catalog, settings: SplitSettings) -> SplitReport:
    """Place every product in a part and write the catalog's table `splits`.

    Raises ConfigError, SourceError, and CatalogError where near copies are not known yet.
    """
    products = catalog.products["product_id"].to_pylist()
    leaves: list[str | None] = catalog.products["category_id"].to_pylist()
    file = read_split_file(settings.by, products) if settings.by else NO_FILE
    given = _given_parts(catalog, file, anew=settings.anew)
    links = [*(bond(catalog, kind).link for kind in ALWAYS), bond_of_rows(catalog, file.groups).link]
    copies = connect(len(products), links)
    labels = connect(len(products), [*links, *(bond(catalog, kind).link for kind in settings.together)])

    sizes = Counter(leaf for leaf in leaves if leaf is not None)
    small = {leaf for leaf, size in sizes.items() if size < settings.min_products}
    usable = [leaf is not None and leaf not in small for leaf in leaves]
    parts = [part if use and part else UNUSED for part, use in zip(given, usable, strict=True)]

    groups = _groups(products, leaves, labels, usable, sizes, settings.seed)
    free = [] if settings.given_only else _follow_given(groups, given, parts)
    ratios = dict(zip(PARTS, settings.ratios, strict=True))
    order = _place(catalog, free, settings, ratios, parts)
    off = split_report.off((parts[member] for group in free for member in group.members), ratios)
    if settings.carve:
        _carve(groups, leaves, settings, parts)

    catalog.write_table("splits", pa.table({"product_id": products, "part": parts}))
    held = split_report.leaves_of_parts(parts, leaves)
    per_leaf = Counter(leaf for group in groups for leaf in {leaves[member] for member in group.members})
    return SplitReport(
        parts=split_report.count(catalog, parts, leaves),
        leaks=split_report.leaks(labels, parts),
        groups=len(groups),
        largest_group=max((len(group.members) for group in groups), default=0),
        off=off,
        singletons=sum(count == 1 for count in per_leaf.values()),
        not_in_train=len(set().union(*(held[part] for part in held if part != UNUSED)) - held[TRAIN]),
        contradictory=_contradictory(copies, leaves, usable),
        given=sum(bool(part) and use for part, use in zip(given, usable, strict=True)),
        not_given=sum(part is None and use for part, use in zip(given, usable, strict=True)),
        without_category=leaves.count(None),
        small=len(small),
        small_products=sum(sizes[leaf] for leaf in small),
        order=order,
    )


def _given_parts(catalog: Catalog, file: SplitFile, *, anew: bool) -> list[str | None]:
    """The part the file gives each product, else (unless `anew`) the dump; None where neither does."""
    products = catalog.products["product_id"].to_pylist()
    by_dump = [None] * len(products) if anew else catalog.products["given_split"].to_pylist()
    return [file.parts.get(product) or part for product, part in zip(products, by_dump, strict=True)]


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


def _place(
    catalog: Catalog, groups: list[Group], settings: SplitSettings, ratios: Mapping[str, float], parts: list[str]
) -> by_time.Order | None:
    """Fill `parts`: in the order of time, or by leaf."""
    if settings.time:
        return by_time.place(groups, by_time.read_times(catalog, settings.time), ratios, parts)
    if settings.mixed:
        _deal(groups, catalog.products["category_id"].to_pylist(), ratios, parts)
    else:
        spread(groups, ratios, parts, every_leaf_elsewhere=True)
    return None


def _carve(groups: Iterable[Group], leaves: Sequence[str | None], settings: SplitSettings, parts: list[str]) -> None:
    """Move a share of train's groups to parts that are not there yet.

    A leaf's last group in train stays, unless its group holds other leaves, too, as those of sellers do.
    """
    for part in settings.carve:
        taken = parts.count(part)
        if taken:
            raise ConfigError(f"cannot carve {part!r} out of train: it already holds {taken:,} products", key="carve")
    inside = [group for group in groups if {parts[member] for member in group.members} == {TRAIN}]
    ratios = {TRAIN: 1 - sum(settings.carve.values()), **settings.carve}
    if settings.mixed:
        _deal(inside, leaves, ratios, parts)
    else:
        spread(inside, ratios, parts, every_leaf_elsewhere=False)


def _deal(groups: Sequence[Group], leaves: Sequence[str | None], ratios: Mapping[str, float], parts: list[str]) -> None:
    """Place groups that span many leaves, as those of sellers do."""
    ordered = sorted(groups, key=lambda group: group.key)
    held = [Counter(leaf for member in group.members if (leaf := leaves[member])) for group in ordered]
    names = list(ratios)
    for group, place in zip(ordered, balance(held, list(ratios.values())), strict=True):
        for member in group.members:
            parts[member] = names[place]


def _contradictory(copies: Ints, leaves: Sequence[str | None], usable: Sequence[bool]) -> int:
    """How many groups of copies hold more than one leaf."""
    found: dict[int, set[str | None]] = defaultdict(set)
    for label, leaf, use in zip(copies.tolist(), leaves, usable, strict=True):
        if use:
            found[label].add(leaf)
    return sum(len(held) > 1 for held in found.values())

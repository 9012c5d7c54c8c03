"""The category tree of a catalog with the products of each node: what `catalens taxonomy show` prints."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from catalens.core.catalog import Catalog
from catalens.core.taxonomy import ROOT, Taxonomy


@dataclass(frozen=True, slots=True)
class Node:
    """A category and the number of products in it or below it."""

    id: str
    parent: str
    level: int
    name: str
    leaf: bool
    products: int


@dataclass(frozen=True, slots=True)
class Tree:
    """The nodes, each before its children; `levels` are the names from the top."""

    levels: tuple[str, ...]
    nodes: tuple[Node, ...]
    products: int
    without_category: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def tree(catalog: Catalog, *, language: str = "") -> Tree:
    """The catalog's tree, names in `language` where it has them."""
    taxonomy, counts = catalog.taxonomy, count_products(catalog.product_slices(["category_id"]))
    below: Counter[str] = Counter()
    for leaf in taxonomy.leaves:
        for node in taxonomy.path(leaf):
            below[node] += counts[leaf]
    leaves = set(taxonomy.leaves)
    nodes = [
        Node(category.id, category.parent, category.level, category.name(language), category.id in leaves, below[node])
        for node in _in_order(taxonomy)
        if (category := taxonomy[node])
    ]
    levels = tuple(taxonomy.level_name(level) for level in range(taxonomy.depth))
    return Tree(levels, tuple(nodes), counts.total(), counts[None])


def count_products(products: Iterable[pa.Table]) -> Counter[str | None]:
    """Products by `category_id`; None counts those without one."""
    counts: Counter[str | None] = Counter()
    for table in products:
        for row in pc.value_counts(table["category_id"]).to_pylist():
            counts[row["values"]] += row["counts"]
    return counts


def _in_order(taxonomy: Taxonomy) -> Iterator[str]:
    """Every node, followed by all that is below it."""
    children: dict[str, list[str]] = defaultdict(list)
    for category in taxonomy.categories:
        children[category.parent].append(category.id)
    waiting = children[ROOT][::-1]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += children[node][::-1]

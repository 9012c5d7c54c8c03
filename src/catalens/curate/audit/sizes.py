"""How large a catalog is and how its products are spread over the categories."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from catalens.core.catalog import Catalog
from catalens.core.tail import Band, band
from catalens.core.taxonomy import SEPARATOR

USUAL_ATTRIBUTES = 40  # how many attributes' coverage is told


@dataclass(frozen=True, slots=True)
class CategorySize:
    """A leaf with its path of names, and what is filed under it."""

    id: str
    path: str
    products: int
    photos: int


@dataclass(frozen=True, slots=True)
class Imbalance:
    """How uneven the leaves that have products are.

    `ratio` is the largest over the smallest; `gini` is 0 where all are equal, near 1 where one has all; `effective`
    is the number of equal categories of the same entropy, exp(H); `top_tenth` the share of products in the largest
    tenth of the leaves.
    """

    ratio: float
    gini: float
    effective: float
    top_tenth: float


@dataclass(frozen=True, slots=True)
class Sizes:
    """Counts.  `categories` are the leaves, largest first; `fields` the share of products that have each field."""

    products: int
    photos: int
    distinct_photos: int
    unfiled: int
    levels: tuple[dict[str, Any], ...]
    categories: tuple[CategorySize, ...]
    photos_per_product: dict[int, int]
    formats: dict[str, int]
    sides: dict[str, int]
    fields: dict[str, float]
    sellers: int
    imbalance: Imbalance | None

    @property
    def filled(self) -> tuple[CategorySize, ...]:
        """The leaves that have products."""
        return tuple(category for category in self.categories if category.products)

    def band(self, name: Band) -> tuple[CategorySize, ...]:
        """The leaves with products of the band "many", "medium" or "few"."""
        return tuple(category for category in self.filled if band(category.products) == name)


def measure(catalog: Catalog) -> Sizes:
    """Count a catalog from its tables alone."""
    taxonomy = catalog.taxonomy
    owners = catalog.images["product_id"].to_pylist()
    photos_of = Counter(owners)
    products: Counter[str] = Counter()
    photos: Counter[str] = Counter()
    for product, leaf in catalog.categories.items():
        if leaf is not None:
            products[leaf] += 1
            photos[leaf] += photos_of[product]
    categories = [
        CategorySize(leaf, SEPARATOR.join(taxonomy.path_names(leaf)), products[leaf], photos[leaf])
        for leaf in taxonomy.leaves
    ]
    categories.sort(key=lambda category: (-category.products, category.path))
    return Sizes(
        products=len(catalog.products),
        photos=len(catalog.images),
        distinct_photos=pc.count_distinct(catalog.images["image_id"]).as_py(),
        unfiled=sum(leaf is None for leaf in catalog.categories.values()),
        levels=tuple(
            {"level": taxonomy.level_name(level), "categories": len(nodes)}
            for level, nodes in enumerate(taxonomy.level_nodes)
        ),
        categories=tuple(categories),
        photos_per_product=dict(sorted(Counter(photos_of.values()).items())),
        formats=dict(Counter(catalog.images["format"].to_pylist()).most_common()),
        sides=_sides(catalog),
        fields=_fields(catalog),
        sellers=pc.count_distinct(catalog.products["seller"], mode="only_valid").as_py(),
        imbalance=imbalance([category.products for category in categories if category.products]),
    )


def imbalance(counts: list[int]) -> Imbalance | None:
    """Of leaves with `counts` products each, all above 0; None where there are none."""
    if not counts:
        return None
    sizes = np.sort(np.asarray(counts, dtype=np.float64))
    shares = sizes / sizes.sum()
    places = np.arange(1, len(sizes) + 1)
    tenth = max(1, round(len(sizes) / 10))
    return Imbalance(
        ratio=float(sizes[-1] / sizes[0]),
        gini=float((2 * places - len(sizes) - 1) @ shares / len(sizes)),
        effective=float(np.exp(-(shares * np.log(shares)).sum())),
        top_tenth=float(shares[-tenth:].sum()),
    )


def _sides(catalog: Catalog) -> dict[str, int]:
    """Photos by their shorter side in pixels."""
    shorter = pc.min_element_wise(catalog.images["width"], catalog.images["height"]).to_numpy()
    limits = [0, 100, 200, 400, 800, 2**31]
    names = ["below 100 px", "100 to 199 px", "200 to 399 px", "400 to 799 px", "800 px and more"]
    counts, _ = np.histogram(shorter, bins=limits)
    return {name: int(count) for name, count in zip(names, counts, strict=True) if count}


def _fields(catalog: Catalog) -> dict[str, float]:
    """field -> share of the products that have it; attributes are those that most products have."""
    total = max(1, len(catalog.products))
    filled: Counter[str] = Counter()
    for pairs in catalog.products["attributes"].to_pylist():
        filled.update(name for name, value in pairs or () if value)
    fixed = {
        name: (len(catalog.products) - catalog.products[column].null_count) / total
        for name, column in (("category", "category_id"), ("seller", "seller"), ("group", "group"))
    }
    return fixed | {name: count / total for name, count in filled.most_common(USUAL_ATTRIBUTES)}

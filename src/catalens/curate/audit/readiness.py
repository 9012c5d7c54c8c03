"""Is there enough in a category to learn it from?  A verdict each, by the number of really different photos.

Copies count once and near-identical shots little, so a category of 200 photos may hold what 15 would.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Literal

from catalens.core.catalog import Catalog
from catalens.core.tail import FEW_BELOW, MANY_ABOVE
from catalens.core.taxonomy import SEPARATOR

AGAIN = 0.1  # what a near-identical shot counts, after the first of its group
ALIKE = 0.5  # a category whose photos count less than this share of their number is mostly repetition

Verdict = Literal["no product", "empty", "too few", "no diversity", "enough", "excellent"]
ADVICE: dict[Verdict, str] = {
    "no product": "its name is no kind of product: drop it, or sort what is in it by hand",
    "empty": "no product is filed here: leave it out, or collect some",
    "too few": f"below {FEW_BELOW} photos: collect more, or merge it into its neighbour",
    "no diversity": "too many photos repeat others: collect other products, sellers and angles, not more of the same",
    "enough": "can be learnt; more different photos still help",
    "excellent": "nothing to do",
}


@dataclass(frozen=True, slots=True)
class Readiness:
    """A leaf, its counts, its `effective` number of distinct photos, and the verdict."""

    id: str
    path: str
    products: int
    photos: int
    sellers: int
    effective: float
    verdict: Verdict


def judge(catalog: Catalog, near: Mapping[str, int], strange: Set[str] = frozenset()) -> tuple[Readiness, ...]:
    """The leaves in the order of the taxonomy.

    `near` maps the image_id of a near copy to its group; the names of `strange` categories are no kind of product.
    """
    products: Counter[str] = Counter()
    sellers: dict[str, set[str]] = defaultdict(set)
    columns = (catalog.products[name].to_pylist() for name in ("category_id", "seller"))
    for leaf, seller in zip(*columns, strict=True):
        if leaf is not None:
            products[leaf] += 1
            sellers[leaf].update([seller] if seller is not None else [])
    photos: Counter[str] = Counter()
    distinct: dict[str, set[str]] = defaultdict(set)
    owners = (catalog.images[name].to_pylist() for name in ("image_id", "product_id"))
    for photo, owner in zip(*owners, strict=True):
        leaf = catalog.categories[owner]
        if leaf is not None:
            photos[leaf] += 1
            distinct[leaf].add(photo)
    judged = []
    for leaf in catalog.taxonomy.leaves:
        effective = effective_photos(distinct[leaf], near)
        path = SEPARATOR.join(catalog.taxonomy.path_names(leaf))
        named = strange.isdisjoint(catalog.taxonomy.path(leaf))
        verdict = verdict_of(photos[leaf], effective) if named else "no product"
        judged.append(Readiness(leaf, path, products[leaf], photos[leaf], len(sellers[leaf]), effective, verdict))
    return tuple(judged)


def effective_photos(distinct: set[str], near: Mapping[str, int]) -> float:
    """How many different photos the `distinct` ones amount to: each group of near copies is 1 and `AGAIN` a further."""
    groups = {near.get(photo, photo) for photo in distinct}
    return len(groups) + AGAIN * (len(distinct) - len(groups))


def verdict_of(photos: int, effective: float) -> Verdict:
    """What `photos` that amount to `effective` different ones are good for."""
    if not photos:
        return "empty"
    if photos < FEW_BELOW:
        return "too few"
    if effective < max(FEW_BELOW, ALIKE * photos):
        return "no diversity"
    return "enough" if effective <= MANY_ABOVE else "excellent"

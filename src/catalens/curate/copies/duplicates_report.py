"""What `duplicates` tells: how many copies there are, and the groups that somebody should look at first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from catalens.core.catalog import Catalog

KINDS = ("exact", "pixel", "near")


@dataclass(frozen=True, slots=True)
class CopyCount:
    """`photos` are places in the catalog: a picture that stands under two products is two."""

    groups: int
    photos: int


@dataclass(frozen=True, slots=True)
class CopyGroup:
    """Photos of one picture.

    `kind` is the loosest tie between them: "exact" the same bytes, "pixel" the same pixels, "near" the same picture.
    `images` are (image_id, product_id).  The other columns hold the different values found, sorted, None left out.
    """

    kind: str
    images: tuple[tuple[str, str], ...]
    categories: tuple[str, ...]
    sellers: tuple[str, ...]
    brands: tuple[str, ...]
    prices: tuple[str, ...]

    @property
    def products(self) -> tuple[str, ...]:
        return tuple(sorted({product for _, product in self.images}))

    @property
    def contradictory(self) -> bool:
        """One picture under several categories."""
        return len(self.categories) > 1

    @property
    def weight(self) -> tuple[int, ...]:
        """What matters more sorts higher: a contradiction, then another seller, brand, price, product, then numbers.

        Among equals a certain group stands before a probable one.
        """
        differ = (self.categories, self.sellers, self.brands, self.prices, self.products)
        return (*(int(len(values) > 1) for values in differ), -KINDS.index(self.kind), len(self.images))

    def to_json(self) -> dict[str, Any]:
        images = [image for image, _ in self.images]
        values = asdict(self) | {"images": images, "products": self.products, "contradictory": self.contradictory}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class DuplicatesReport:
    """Counts of each kind, and the groups, the most important first.

    `exact`, `pixel` and `near` count groups that have at least two files, decoded pictures, or pictures; a near group
    contains the exact copies of its photos.  `contradictory`, `cross_product` and `cross_seller` count groups of any
    kind, each once.  `groups` are the `groups_found` of them that matter most, as many as the settings list.
    `unreadable` are photos that could not be compared.
    """

    exact: CopyCount
    pixel: CopyCount
    near: CopyCount
    contradictory: int
    cross_product: int
    cross_seller: int
    groups_found: int
    groups: tuple[CopyGroup, ...]
    unreadable: int

    def to_json(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("groups", *KINDS)}
        counts = {kind: asdict(getattr(self, kind)) for kind in KINDS}
        return {**counts, **values, "groups": [group.to_json() for group in self.groups]}


def report(
    catalog: Catalog,
    members: Mapping[str, Sequence[Sequence[tuple[str, str]]]],
    *,
    brand: str,
    price: str,
    listed: int,
    unreadable: int,
) -> DuplicatesReport:
    """`members` gives for each kind its groups of (image_id, product_id).

    `brand` and `price` are names of attributes, in any case.
    """
    facts = _Facts(catalog, brand, price)
    whole = [facts.group(kind, images) for kind, images in _each_once(members)]
    whole.sort(key=lambda group: (tuple(-weight for weight in group.weight), group.images))
    counts = {kind: CopyCount(len(groups), sum(len(group) for group in groups)) for kind, groups in members.items()}
    return DuplicatesReport(
        **counts,
        contradictory=sum(group.contradictory for group in whole),
        cross_product=sum(len(group.products) > 1 for group in whole),
        cross_seller=sum(len(group.sellers) > 1 for group in whole),
        groups_found=len(whole),
        groups=tuple(whole[:listed]),
        unreadable=unreadable,
    )


def _each_once(
    members: Mapping[str, Sequence[Sequence[tuple[str, str]]]],
) -> Iterable[tuple[str, Sequence[tuple[str, str]]]]:
    """The groups that lie in no larger one: a near group holds the pixel copies of its photos, and these the exact."""
    seen: set[str] = set()
    for kind in reversed(KINDS):
        for group in members[kind]:
            if group[0][0] not in seen:
                yield kind, group
        seen |= {image for group in members[kind] for image, _ in group}


class _Facts:
    """What is known of the products."""

    def __init__(self, catalog: Catalog, brand: str, price: str) -> None:
        names = ("product_id", "category_id", "seller", "attributes")
        columns = [catalog.products[name].to_pylist() for name in names]
        self._rows = {
            product: (category, seller, pairs) for product, category, seller, pairs in zip(*columns, strict=True)
        }
        self._brand, self._price = brand.casefold(), price.casefold()

    def group(self, kind: str, images: Sequence[tuple[str, str]]) -> CopyGroup:
        products = sorted({product for _, product in images})
        rows = [self._rows[product] for product in products]
        attributes = [{name.casefold(): value for name, value in pairs or ()} for _, _, pairs in rows]
        return CopyGroup(
            kind,
            tuple(images),
            categories=_different(category for category, _, _ in rows),
            sellers=_different(seller for _, seller, _ in rows),
            brands=_different(values.get(self._brand) for values in attributes),
            prices=_different(values.get(self._price) for values in attributes),
        )


def _different(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({value for value in values if value}))

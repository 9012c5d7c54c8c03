"""Where products go when categories change: to a leaf of the new tree, to none, or aside with a cause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from catalens.core.catalog import PRODUCTS
from catalens.core.taxonomy import Taxonomy
from catalens.curate.making.contents import FINDINGS, Piece

ORIGINAL = "original category"  # the attribute in which a product keeps the category it had first
MISSING = "required field missing"
UNKNOWN = "category not in the taxonomy"
INNER = "category has subcategories"
_COLUMNS = {"category": "category_id", "seller": "seller", "group": "group", "split": "given_split"}

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Fate:
    """The leaf of a category's products, or why they have none."""

    leaf: str | None
    cause: str | None = None
    aside: bool = False
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Filing:
    """The new tree, and what becomes of the categories that are no leaves of it.

    `moves` gives a category's new leaf; `unfiled` and `set_aside` why its products have no category from now on, or are
    not kept.  A category that none of them names and that is no leaf is unknown: `unknown` says why where the tree has
    no such node, `unknown_aside` whether its products are set aside or kept without it.  `require` names what every
    product must have in the end: category, seller, group, split, or an attribute.
    """

    taxonomy: Taxonomy
    moves: Mapping[str, str] = field(default_factory=dict)
    unfiled: Mapping[str, str] = field(default_factory=dict)
    set_aside: Mapping[str, str] = field(default_factory=dict)
    unknown: str = UNKNOWN
    unknown_aside: bool = False
    require: tuple[str, ...] = ()

    def apply(self, piece: Piece) -> Piece:
        """The piece with its products filed anew, and findings on those that have no category now or were set aside."""
        products, findings = self.file(piece.products)
        filed = piece.of(products)
        return Piece(filed.products, filed.images, pa.concat_tables([piece.findings, findings]))

    def file(self, products: pa.Table) -> tuple[pa.Table, pa.Table]:
        """Products -> those that are kept, with their new categories, and findings."""
        products = products.combine_chunks()
        said = products["category_id"].combine_chunks().dictionary_encode()
        fates = [self._fate(category) for category in said.dictionary.to_pylist()]
        codes = said.indices.fill_null(len(fates)).to_numpy(zero_copy_only=False)
        fates.append(_Fate(None))  # of a product that says no category
        aside = np.array([fate.aside for fate in fates])[codes]
        changed = np.array([fate.cause is not None or fate.moved for fate in fates])[codes]
        filed = products
        if changed.any():
            leaves = pa.array([fate.leaf for fate in fates], pa.string()).take(pa.array(codes))
            filed = _set(filed, "category_id", leaves)
            filed = _set(filed, "attributes", _with_original(products, changed & ~aside))
        absent = {name: self._absent(filed, name, aside) for name in self.require}
        lacking = np.logical_or.reduce([np.zeros(len(codes), bool), *absent.values()])

        causes, details = np.full(len(codes), None, object), np.full(len(codes), "", object)
        for place in np.flatnonzero(lacking).tolist():
            causes[place] = MISSING
            details[place] = ", ".join(name for name, mask in absent.items() if mask[place])
        for place in np.flatnonzero(changed & ~lacking).tolist():
            causes[place], details[place] = fates[codes[place]].cause, said[place].as_py()
        gone = aside | lacking
        return filed.filter(pa.array(~gone)), _findings(products, causes, details, gone)

    def _fate(self, category: str) -> _Fate:
        if category in self.moves:
            return _Fate(self.moves[category], moved=True)
        if category in self.unfiled:
            return _Fate(None, self.unfiled[category])
        if category in self.set_aside:
            return _Fate(None, self.set_aside[category], aside=True)
        if category in self.taxonomy.leaf_index:
            return _Fate(category)
        return _Fate(None, INNER if category in self.taxonomy else self.unknown, aside=self.unknown_aside)

    def _absent(self, products: pa.Table, name: str, aside: Mask) -> Mask:
        """Which products lack a field; one that is set aside for its category does not lack a category."""
        column = products[_COLUMNS[name]] if name in _COLUMNS else pc.map_lookup(products["attributes"], name, "last")
        empty = np.asarray(pc.equal(pc.fill_null(column, ""), "").to_numpy(zero_copy_only=False))
        return empty & ~aside if name == "category" else empty


def fields_of(products: pa.Table) -> set[str]:
    """What can be required and some of these products have."""
    named = {name for name, column in _COLUMNS.items() if pc.any(pc.not_equal(products[column], "")).as_py()}
    attributes = products["attributes"].combine_chunks()
    return named | set(pc.unique(attributes.keys.filter(pc.not_equal(attributes.items, ""))).to_pylist())


def _set(products: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return products.set_column(PRODUCTS.get_field_index(name), PRODUCTS.field(name), column)


def _with_original(products: pa.Table, changed: Mask) -> pa.Array:
    """The attributes; where a category changes, with the one it was, unless an earlier one is kept there already."""
    attributes = products["attributes"].combine_chunks()
    places = np.flatnonzero(changed)
    was = products["category_id"].take(pa.array(places)).to_pylist()
    new = [
        pairs if any(key == ORIGINAL for key, _ in pairs or ()) else [*(pairs or ()), (ORIGINAL, category)]
        for pairs, category in zip(attributes.take(pa.array(places)).to_pylist(), was, strict=True)
    ]
    order = np.arange(len(attributes))
    order[places] = len(attributes) + np.arange(len(places))
    return pa.concat_arrays([attributes, pa.array(new, attributes.type)]).take(pa.array(order))


def _findings(
    products: pa.Table, causes: npt.NDArray[np.object_], details: npt.NDArray[np.object_], aside: Mask
) -> pa.Table:
    """A row for every product with a cause."""
    said = np.array([cause is not None for cause in causes], bool)
    about = products.select(["source", "product_id"]).filter(pa.array(said))
    columns = [*about.columns, pa.array(causes[said], pa.string()), pa.array(details[said], pa.string())]
    return pa.table([*columns, pa.array(aside[said])], schema=FINDINGS)

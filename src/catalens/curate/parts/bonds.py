"""What binds products together, one bond a kind: photos, copies, sellers, or a value that they share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalens.core.catalog import Catalog, is_marked
from catalens.core.errors import ConfigError
from catalens.core.registry import hint
from catalens.curate.duplicates import TABLE, groups_of
from catalens.curate.parts.grouping import Ints

ATTRIBUTE = "attribute:"
# always kept together; the others on demand
ALWAYS = ("copies", "group")
CHOICES = ("pixel", "near", "seller", f"{ATTRIBUTE}NAME")


@dataclass(frozen=True, slots=True)
class Bond:
    """Products (positions in `catalog.products`, int64 [M]) of equal key (int64 [M]) share `names[key]`."""

    members: Ints
    keys: Ints
    names: pa.Array

    @property
    def link(self) -> tuple[Ints, Ints]:
        """What `grouping.connect` takes."""
        return self.members, self.keys


def bond(catalog: Catalog, kind: str) -> Bond:
    """The bond of a kind: one of `ALWAYS` or `CHOICES`.  "near" copies are also those of "pixel".

    Raises ConfigError if no product has what should bind, CatalogError if `catalens duplicates` was not run before.
    """
    if kind == "copies":
        return _of(_positions(catalog, catalog.images["product_id"]), catalog.images["image_id"])
    if kind in ("pixel", "near"):
        return _copies(catalog, kind)
    column = attribute(catalog, kind.removeprefix(ATTRIBUTE)) if kind.startswith(ATTRIBUTE) else catalog.products[kind]
    known = pc.fill_null(pc.not_equal(column, ""), False)
    if kind == "seller" and not pc.any(known).as_py():
        raise ConfigError("no product of this catalog has a seller", source=str(catalog.path), key="together")
    return _of(np.flatnonzero(known), column.filter(known))


def knows_copies(catalog: Catalog) -> bool:
    """Whether `catalens duplicates` was run, so that there are bonds "pixel" and "near"."""
    return is_marked(catalog.path / "tables" / f"{TABLE}.parquet", {"catalog": catalog.digest})


def bond_of_rows(catalog: Catalog, rows: Iterable[tuple[str, str]]) -> Bond:
    """The bond of (product, group) rows, as a file lists them."""
    rows = list(rows)
    products, groups = (pa.array([row[place] for row in rows], pa.string()) for place in (0, 1))
    return _of(_positions(catalog, products), groups)


def attribute(catalog: Catalog, name: str) -> pa.Array:
    """The value of one attribute, string [P], null where a product has none.  Raises ConfigError if none has it."""
    values = pc.map_lookup(catalog.products["attributes"].combine_chunks(), pa.scalar(name), "first")
    if values.null_count == len(values):
        known = {key for pairs in catalog.products["attributes"].to_pylist() for key, _ in pairs or ()}
        raise ConfigError(
            f"no product of this catalog has an attribute {name!r}{hint(name, known)}",
            source=str(catalog.path),
            key=f"{ATTRIBUTE}{name}",
        )
    return values


def _copies(catalog: Catalog, kind: str) -> Bond:
    """By photo: one that several products share stands for all of them."""
    group = groups_of(catalog, kind)
    place = pc.index_in(catalog.images["image_id"], value_set=pa.array(group, pa.string()))
    found = pc.is_valid(place)
    numbers = pc.cast(pa.array(group.values(), pa.int64()), pa.string())
    return _of(_positions(catalog, catalog.images["product_id"].filter(found)), numbers.take(place.filter(found)))


def _of(members: Ints, values: Any) -> Bond:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    encoded = values.dictionary_encode()
    return Bond(members, _ints(encoded.indices), encoded.dictionary)


def _positions(catalog: Catalog, products: Any) -> Ints:
    """Product ids -> their rows in `catalog.products`."""
    place = pc.index_in(products, value_set=catalog.products["product_id"].combine_chunks())
    return _ints(place)


def _ints(column: Any) -> Ints:
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.int64)

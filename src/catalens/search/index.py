"""What every index of similar products can do, and what it keeps about the products to filter them by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from catalens.core.catalog import PRODUCTS
from catalens.core.errors import ConfigError, NotFound
from catalens.core.prediction import Neighbour
from catalens.core.registry import hint
from catalens.core.taxonomy import Taxonomy

COLUMNS = pa.schema([PRODUCTS.field(name) for name in ("product_id", "category_id", "attributes")])

Mask = npt.NDArray[np.bool_]


class Index(Protocol):
    """N products by their vectors, which compare only within one `space`: the digest of the bundle that made them."""

    @property
    def space(self) -> str: ...

    @property
    def products(self) -> IndexedProducts: ...

    def vector(self, product_id: str) -> npt.NDArray[np.float32]:
        """float32 [D], L2-normalised.  Raises NotFound if there is no such product."""
        ...

    def search(self, vectors: npt.NDArray[np.float32], k: int, *, allow: Mask | None = None) -> list[list[Neighbour]]:
        """float32 [Q, D], L2-normalised -> for each query at most `k` neighbours, best first.  `allow` is bool [N]."""
        ...


class IndexedProducts:
    """Ids, categories and attributes of an index's N products (`COLUMNS`), in the order of its vectors."""

    def __init__(self, table: pa.Table, taxonomy: Taxonomy) -> None:
        self.table = table.select(COLUMNS.names).cast(COLUMNS).combine_chunks()
        self.taxonomy = taxonomy
        self.ids: tuple[str, ...] = tuple(self.table["product_id"].to_pylist())
        self._rows = {product: row for row, product in enumerate(self.ids)}
        # a mask costs a pass over all products, and callers repeat their filters
        self._category_mask = lru_cache(maxsize=256)(self._in_category)
        self._attribute_mask = lru_cache(maxsize=256)(self._with_attribute)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def row(self, product_id: str) -> int:
        """The product's place.  Raises NotFound if there is no such product."""
        try:
            return self._rows[product_id]
        except KeyError:
            raise NotFound(f"there is no product {product_id!r} in the index", key=product_id) from None

    def category(self, row: int) -> str | None:
        """Category id, or None where it is not known."""
        value: str | None = self.table["category_id"][row].as_py()
        return value

    def path(self, row: int) -> tuple[str, ...]:
        """Names from the top to the product's category; empty where it is not known."""
        category = self.category(row)
        return self.taxonomy.path_names(category) if category is not None and category in self.taxonomy else ()

    def attributes(self, row: int) -> dict[str, str]:
        return dict(self.table["attributes"][row].as_py() or ())

    def allow(
        self, *, category: str | None = None, attributes: Mapping[str, str] | None = None, without: Sequence[str] = ()
    ) -> Mask | None:
        """bool [N]: products under `category` (of any level), with all `attributes`, and none of `without`.

        None where nothing is asked.  Raises ConfigError naming what no product has.
        """
        masks = [self._category_mask(category)] if category is not None else []
        masks += [self._attribute_mask(name, value) for name, value in (attributes or {}).items()]
        known = [self._rows[product] for product in without if product in self._rows]
        if not masks and not known:
            return None
        allowed: Mask = np.logical_and.reduce(masks) if masks else np.ones(len(self), dtype=bool)
        allowed[known] = False
        return allowed

    def _in_category(self, category: str) -> Mask:
        if category not in self.taxonomy:
            known = [node.id for node in self.taxonomy.categories]
            raise ConfigError(f"unknown category {category!r}{hint(category, known)}", key="category")
        below = [leaf for leaf in self.taxonomy.leaves if category in self.taxonomy.path(leaf)]
        return _numpy(pc.is_in(self.table["category_id"], value_set=pa.array(below, pa.string())))

    def _with_attribute(self, name: str, value: str) -> Mask:
        flat, owners = self._attributes
        named = _numpy(pc.equal(flat.keys, name))
        if not named.any():
            raise ConfigError(f"no product has the attribute {name!r}{hint(name, self._names)}", key="attribute")
        matching = named & _numpy(pc.fill_null(pc.equal(flat.items, value), False))
        if not matching.any():
            values = [item for item in pc.unique(flat.items.filter(pa.array(named))).to_pylist() if item is not None]
            raise ConfigError(f"no product has {name} {value!r}{hint(value, values)}", key="attribute")
        mask = np.zeros(len(self), dtype=bool)
        mask[owners[matching]] = True
        return mask

    @cached_property
    def _names(self) -> list[str]:
        names: list[str] = pc.unique(self._attributes[0].keys).to_pylist()
        return names

    @cached_property
    def _attributes(self) -> tuple[Any, npt.NDArray[np.int64]]:
        """All attributes of all products, one after another, and the row that each belongs to."""
        column = self.table["attributes"]
        chunks = column.chunks if column.num_chunks else [pa.array([], COLUMNS.field("attributes").type)]
        flat = pa.concat_arrays(chunks)
        lengths = np.diff(flat.offsets.to_numpy())
        return flat, np.repeat(np.arange(len(flat)), lengths)


def parse_attributes(pairs: Sequence[str]) -> dict[str, str]:
    """["gender:Men"] -> {"gender": "Men"}.  Raises ConfigError."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, colon, value = pair.partition(":")
        if not name or not colon:
            raise ConfigError(f"expected an attribute as NAME:VALUE, got {pair!r}", key="attribute")
        if name in found:
            raise ConfigError(f"attribute {name!r} is asked for twice; a product has one", key="attribute")
        found[name] = value
    return found


def _numpy(array: Any) -> Mask:
    mask: Mask = np.asarray(array.to_numpy(zero_copy_only=False) if isinstance(array, pa.Array) else array.to_numpy())
    return mask.astype(bool)

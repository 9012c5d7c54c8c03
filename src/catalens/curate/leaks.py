"""How far the parts of a split leak into each other: what outside train has a copy or a relative in train, and which.

The answer is also the side table `leaks`, a row a product and kind, so that figures can be given with and without the
leaked products.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from catalens.core.catalog import Catalog
from catalens.core.errors import CatalogError
from catalens.curate.parts.bonds import Bond, bond, knows_copies
from catalens.curate.parts.split_file import UNUSED
from catalens.curate.parts.split_report import in_order
from catalens.curate.parts.stratify import TRAIN

# kind -> the bond it looks at.  Of the copies, each kind holds those before it.  They make a figure wrong; a shared
# seller or group may do so
COPIES = {"exact": "copies", "pixel": "pixel", "near": "near"}
KINDS = COPIES | {"group": "group", "seller": "seller"}
SCHEMA = pa.schema(
    [
        ("product_id", pa.string()),
        ("part", pa.string()),
        ("kind", pa.string()),
        ("shared", pa.string()),  # the first thing shared: image_id, number of a group of copies, group, seller
        ("in_train", pa.int32()),  # how many products of train share something of this kind with it
        ("example", pa.string()),  # the first of them
    ]
)


@dataclass(frozen=True, slots=True)
class Leak:
    """A row of the table `leaks`: a product outside train that shares something with `in_train` products of train."""

    product_id: str
    part: str
    kind: str
    shared: str
    in_train: int
    example: str


@dataclass(frozen=True, slots=True)
class PartLeaks:
    """Of a part's `products`, how many leak, by kind, and how many have a `copy` of any kind."""

    products: int
    kinds: dict[str, int]
    copy: int


@dataclass(frozen=True, slots=True)
class LeakReport:
    """`split` is where the parts come from: "splits" (the table) or "given" (by the dump).

    `not_looked_at` are kinds of which the catalog knows nothing, and why.
    """

    split: str
    parts: dict[str, PartLeaks]
    leaks: tuple[Leak, ...]
    not_looked_at: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def audit(catalog: Catalog) -> LeakReport:
    """Compare every part with train, of the table `splits` or else of the dump's own split; write the table `leaks`.

    Raises CatalogError if there is neither.
    """
    split, parts = _parts(catalog)
    leaks: list[Leak] = []
    not_looked_at: dict[str, str] = {}
    for kind, name in KINDS.items():
        reason = _unknown(catalog, kind) if TRAIN in parts else "no product is in train"
        if reason:
            not_looked_at[kind] = reason
        else:
            leaks += _leaks(catalog, kind, bond(catalog, name), parts)
    table = pa.Table.from_pylist([asdict(leak) for leak in leaks], SCHEMA)
    catalog.write_table("leaks", table.replace_schema_metadata({"catalog": catalog.digest, "split": split}))
    looked_at = [kind for kind in KINDS if kind not in not_looked_at]
    return LeakReport(split, _count(parts, leaks, looked_at), tuple(leaks), not_looked_at)


def _parts(catalog: Catalog) -> tuple[str, list[str]]:
    """Where the parts come from, and the part of each product."""
    if catalog.has_table("splits"):
        source = "splits"
        parts = [catalog.split.get(product) or UNUSED for product in catalog.products["product_id"].to_pylist()]
    else:
        source = "given"
        parts = [part or UNUSED for part in catalog.products["given_split"].to_pylist()]
        if set(parts) <= {UNUSED}:
            message = "is not split, and the dump gave no parts; run `catalens split` first"
            raise CatalogError(message, source=str(catalog.path))
    return source, parts


def _unknown(catalog: Catalog, kind: str) -> str | None:
    """Why this kind cannot be looked at, or None."""
    if kind in ("pixel", "near") and not knows_copies(catalog):
        return "run `catalens duplicates` first"
    if kind in ("group", "seller") and not any(catalog.products[kind].to_pylist()):
        return f"no product has a {kind}"
    return None


def _leaks(catalog: Catalog, kind: str, shared: Bond, parts: list[str]) -> Iterator[Leak]:
    """The leaks of one kind, in the order of the products."""
    in_train = np.array([part == TRAIN for part in parts], dtype=np.bool_)
    outside = np.array([part not in (TRAIN, UNUSED) for part in parts], dtype=np.bool_)
    # rows of (key, product), each once and in order, so that those of a key are a run
    pairs = np.unique(np.stack([shared.keys, shared.members], axis=1), axis=0)
    train, rest = pairs[in_train[pairs[:, 1]]], pairs[outside[pairs[:, 1]]]
    begins, ends = (np.searchsorted(train[:, 0], rest[:, 0], side=side) for side in ("left", "right"))
    runs: dict[int, list[slice]] = defaultdict(list)
    first: dict[int, int] = {}
    for (key, product), begin, end in zip(rest.tolist(), begins.tolist(), ends.tolist(), strict=True):
        if end > begin:
            runs[product].append(slice(begin, end))
            first.setdefault(product, key)
    products = catalog.products["product_id"].to_pylist()
    relatives = train[:, 1]
    for product in sorted(runs):
        if len(runs[product]) == 1:  # a seller of thousands in train has as many here: their runs are not copied
            found = relatives[runs[product][0]]
        else:
            found = np.unique(np.concatenate([relatives[run] for run in runs[product]]))
        name = str(shared.names[first[product]].as_py())
        yield Leak(products[product], parts[product], kind, name, len(found), products[found[0]])


def _count(parts: list[str], leaks: list[Leak], kinds: list[str]) -> dict[str, PartLeaks]:
    sizes = Counter(parts)
    found = Counter((leak.part, leak.kind) for leak in leaks)
    copied = Counter(part for part, _ in {(leak.part, leak.product_id) for leak in leaks if leak.kind in COPIES})
    return {
        part: PartLeaks(sizes[part], {kind: found[part, kind] for kind in kinds}, copied[part])
        for part in in_order(sizes)
        if part not in (TRAIN, UNUSED)
    }

"""A smaller catalog to work with: some of the categories, some of their products, the same on every machine.

No random generator is involved: products are taken in the order of sha256(seed, product id), so neither the order of
the rows nor the version of a library changes which ones.  What is held are 16 bytes a product.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, model_validator

from catalens.core.catalog import Catalog
from catalens.core.config import Settings
from catalens.core.progress import Progress, silent
from catalens.curate.categories.filing import Filing, Mask
from catalens.curate.derive import DeriveReport, derive, refuse

NOT_SAMPLED = "not in the sample"


class SampleSettings(Settings):
    """What to take.  The steps are done in the order of the fields."""

    min_class: int | None = Field(default=None, ge=1, description="only categories with that many products or more")
    max_class: int | None = Field(default=None, ge=1, description="only categories with that many products or fewer")
    balanced: int | None = Field(default=None, ge=1, description="of each category; those with fewer are left out")
    cap: int | None = Field(
        default=None, ge=1, description="of each category at most; those with fewer are taken whole"
    )
    products: int | None = Field(default=None, ge=1, description="of all that is left, each with the same chance")
    seed: int = Field(default=0, description="another number, another sample")

    @model_validator(mode="after")
    def _something_to_do(self) -> SampleSettings:
        steps = (self.min_class, self.max_class, self.balanced, self.cap, self.products)
        if all(step is None for step in steps):
            raise ValueError("expected at least one of products, cap, balanced, min_class, max_class")
        if self.balanced and self.cap:
            raise ValueError("balanced and cap exclude each other: the same number of each category, or at most one")
        if self.min_class and self.max_class and self.min_class > self.max_class:
            raise ValueError(f"no category has {self.min_class:,} products or more and {self.max_class:,} or fewer")
        return self


@dataclass(frozen=True, slots=True)
class Step:
    """What one step leaves: products, and categories that have some."""

    step: str
    products: int
    categories: int


@dataclass(frozen=True, slots=True)
class SampleReport:
    """The steps in order, the first being what was there, and the catalog that came of them."""

    steps: tuple[Step, ...]
    catalog: DeriveReport

    def to_json(self) -> dict[str, Any]:
        return {"steps": [asdict(step) for step in self.steps], **self.catalog.to_json()}


@dataclass(frozen=True, slots=True)
class Choice:
    """`keep` is bool [products]; `classes` the categories that no step left out, None where no step was about them."""

    keep: Mask
    classes: frozenset[str] | None
    steps: tuple[Step, ...]


def run(
    catalog: Catalog, out: Path, settings: SampleSettings, *, overwrite: bool = False, progress: Progress = silent
) -> SampleReport:
    """Write a sample of a catalog as a catalog of its own.

    The new tree holds the categories that no step left out, with those that happen to have no product in it.
    Raises CatalogError.
    """
    refuse(catalog, out, overwrite=overwrite)
    choice = choose(catalog.product_slices(["product_id", "category_id"]), settings)
    taxonomy = (
        catalog.delivered_taxonomy if choice.classes is None else catalog.delivered_taxonomy.subset(choice.classes)
    )
    made = derive(
        catalog,
        out,
        {"verb": "sample", "settings": settings.model_dump(mode="json", exclude_none=True)},
        filing=Filing(taxonomy),
        keep=choice.keep,
        left_out=NOT_SAMPLED,
        overwrite=overwrite,
        progress=progress,
    )
    return SampleReport(choice.steps, made)


def choose(products: Iterable[pa.Table], settings: SampleSettings) -> Choice:
    """Which products to take; `products` comes in pieces with columns `product_id` and `category_id`."""
    codes, keys, names = _columns(products, settings.seed)
    keep = np.ones(len(codes), bool)
    steps = [_step("all", keep, codes)]
    about_classes = any((settings.min_class, settings.max_class, settings.balanced, settings.cap))
    if about_classes:
        keep &= codes >= 0
        if not keep.all():
            steps.append(_step("with a category", keep, codes))
    sizes = np.bincount(codes[codes >= 0], minlength=len(names) + 1)  # the last, which code -1 finds, is of no category
    wanted = sizes > 0
    if settings.min_class or settings.max_class:
        least, most = settings.min_class or 1, settings.max_class
        wanted &= (sizes >= least) & (sizes <= (most or sizes.max()))
        keep &= wanted[codes]
        to = f"to {most:,}" if most else "or more"
        steps.append(_step(f"categories of {least:,} {to} products", keep, codes))
    if number := settings.balanced or settings.cap:
        if settings.balanced:
            wanted &= sizes >= number
            keep &= wanted[codes]
        keep[keep] = _rank(codes[keep], keys[keep]) < number
        what = f"{number:,} of each category" if settings.balanced else f"at most {number:,} of each category"
        steps.append(_step(what, keep, codes))
    if settings.products is not None:
        keep[keep] = _rank(np.zeros(int(keep.sum()), np.int64), keys[keep]) < settings.products
        steps.append(_step(f"{settings.products:,} of these", keep, codes))
    classes = frozenset(name for name, want in zip(names, wanted[:-1], strict=True) if want) if about_classes else None
    return Choice(keep, classes, tuple(steps))


def _columns(
    products: Iterable[pa.Table], seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64], list[str]]:
    """For every product its category's number (-1: none) and its place in the draw; and the categories by number."""
    numbers: dict[str, int] = {}
    codes, keys = [np.empty(0, np.int64)], [np.empty(0, np.uint64)]
    start = hashlib.sha256(f"{seed}\0".encode())
    for table in products:
        categories = table["category_id"].to_pylist()
        codes.append(
            np.array([-1 if name is None else numbers.setdefault(name, len(numbers)) for name in categories], np.int64)
        )
        digests = b"".join(_digest(start, product) for product in table["product_id"].to_pylist())
        keys.append(np.frombuffer(digests, np.dtype(">u8")).astype(np.uint64))
    return np.concatenate(codes), np.concatenate(keys), list(numbers)


def _digest(start: Any, product: str) -> bytes:
    """The first 8 bytes of sha256(seed, product id): that two of ten million are equal has odds of 1 in 300,000."""
    hasher = start.copy()
    hasher.update(product.encode())
    digest: bytes = hasher.digest()
    return digest[:8]


def _rank(codes: npt.NDArray[np.int64], keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """The place of each product among those of its category, by key."""
    order = np.lexsort((keys, codes))
    sizes = np.unique(codes, return_counts=True)[1]
    ranks = np.empty(len(codes), np.int64)
    ranks[order] = np.arange(len(codes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return ranks


def _step(what: str, keep: Mask, codes: npt.NDArray[np.int64]) -> Step:
    kept = codes[keep]
    return Step(what, len(kept), len(np.unique(kept[kept >= 0])))

"""Cleaning: what every product must have, what becomes of categories that are unknown or too small.

The same for a dump that is being read and for a catalog that is there: products are counted first, then the plan
(`Filing`) is applied piece by piece.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from catalens.core.catalog import Catalog
from catalens.core.errors import ConfigError
from catalens.core.progress import Progress, silent
from catalens.core.registry import hint
from catalens.curate.categories import small
from catalens.curate.categories.clean_settings import CleanSettings
from catalens.curate.categories.filing import Filing, fields_of
from catalens.curate.categories.tree import count_products
from catalens.curate.derive import DeriveReport, derive, refuse
from catalens.curate.making.contents import FINDINGS


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the products go, findings on categories, and how many products are filed elsewhere than they said."""

    filing: Filing
    findings: pa.Table
    refiled: int


def plan(filing: Filing, settings: CleanSettings, products: Callable[[], Iterable[pa.Table]]) -> Plan:
    """Count the products that are left when unknown categories and required fields are seen to, then the small ones.

    `products()` gives all products, table by table.  Raises ConfigError if no category is left.
    """
    filing = replace(filing, require=settings.require)
    if not settings.min_products:
        return Plan(filing, FINDINGS.empty_table(), 0)
    counts = count_products(filing.file(table)[0] for table in products())
    if settings.small_categories == "merge":
        filing, findings = small.merge(filing, counts, settings.min_products, settings.other_name)
    elif settings.small_categories == "drop":
        filing, findings = small.drop(filing, counts, settings.min_products)
    else:
        filing, findings = small.keep(filing, counts, settings.min_products)
    return Plan(filing, findings, sum(counts[leaf] for leaf in filing.moves))


def run(
    catalog: Catalog, out: Path, settings: CleanSettings, *, overwrite: bool = False, progress: Progress = silent
) -> DeriveReport:
    """Write a cleaned copy of a catalog.  Raises CatalogError, ConfigError."""
    if settings == CleanSettings():
        raise ConfigError("nothing to clean: neither a required field nor a minimum of products was given")
    refuse(catalog, out, overwrite=overwrite)
    _refuse_unheard(catalog, settings.require)
    made = plan(Filing(catalog.delivered_taxonomy), settings, catalog.product_slices)
    how = {"verb": "clean", "settings": settings.model_dump(mode="json", exclude_defaults=True)}
    return derive(
        catalog,
        out,
        how,
        filing=made.filing,
        findings=made.findings,
        refiled=made.refiled,
        overwrite=overwrite,
        progress=progress,
    )


def _refuse_unheard(catalog: Catalog, require: tuple[str, ...]) -> None:
    """Raises ConfigError if a required field is one that no product has: most likely it is misspelt."""
    heard: set[str] = set()
    for products in catalog.product_slices():
        heard |= fields_of(products)
        if heard.issuperset(require):
            return
    if unheard := [name for name in require if name not in heard]:
        raise ConfigError(f"no product has {unheard[0]!r}{hint(unheard[0], heard)}", key="require")

"""The end of an ingest: categories, reconciliation, tables.  catalog.json comes last and makes it a catalog."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from catalens import __version__
from catalens.core.catalog import PRODUCTS, TABLES, Catalog, CatalogInfo, content_digest, write_json, write_parquet
from catalens.core.errors import CatalogError, SourceError
from catalens.core.taxonomy import Taxonomy
from catalens.curate.journal import Journal
from catalens.curate.sources.protocol import Source, storable

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What came of a dump.  rows_read = products + rows_merged + the sum of set_aside.

    `rows_merged` counts rows that joined a product another row had begun; `examples` gives a few ids or places a cause.
    """

    format: str
    products: int
    images: int
    categories: int
    levels: list[dict[str, Any]]
    rows_read: int
    rows_merged: int
    set_aside: dict[str, int]
    findings: dict[str, int]
    examples: dict[str, list[str]]
    digest: str
    seconds: float
    unchanged: bool
    remarks: list[str]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def finish(catalog: Path, journal: Journal, reader: Source, made_by: dict[str, Any]) -> Catalog:
    """Join the sealed parts into a catalog.  Raises SourceError if no product could be used."""
    taxonomy, cause = _taxonomy(reader, journal)
    products, unfiled = _file_products(journal.table("products"), taxonomy, cause)
    images = journal.table("images")
    findings = pa.concat_tables([journal.table("findings"), unfiled])
    aside = Counter(row["cause"] for row in findings.to_pylist() if row["set_aside"])
    rows_read, merged = journal.total("rows_read"), journal.total("rows_merged")
    reconcile(rows_read, len(products), merged, dict(aside))
    if not len(products):
        why = ", ".join(f"{cause} ({count:,})" for cause, count in aside.most_common()) or "it has no rows"
        raise SourceError(f"no product could be used: {why}", source=made_by["source"])
    (catalog / "tables").mkdir(exist_ok=True)
    write_parquet(taxonomy.to_table(), catalog / "taxonomy.parquet")
    write_parquet(products, catalog / "products.parquet")
    write_parquet(images, catalog / "images.parquet")
    write_parquet(findings, catalog / "tables" / "findings.parquet")
    info = CatalogInfo(
        name=storable(catalog.resolve().name).removesuffix(".catalog"),
        products=len(products),
        images=len(images),
        categories=len(taxonomy.leaves),
        set_aside=dict(aside),
        rows_read=rows_read,
        digest=content_digest(taxonomy, products, images),
        made_by={"verb": "ingest", "version": __version__, "rows_merged": merged, **made_by},
    )
    write_json(info.model_dump(mode="json"), catalog / "catalog.json")
    journal.remove()
    return Catalog(catalog)


def reconcile(rows_read: int, products: int, rows_merged: int, set_aside: dict[str, int]) -> None:
    """Every row read is a product, part of one, or set aside.  Raises CatalogError: a row was lost or doubled."""
    aside = sum(set_aside.values())
    if rows_read != products + rows_merged + aside:
        raise CatalogError(
            f"{rows_read:,} rows were read, but {products:,} products + {rows_merged:,} merged + {aside:,} set aside "
            f"are {products + rows_merged + aside:,}; this is a fault of catalens, please report it"
        )


def report(catalog: Catalog, remarks: Sequence[str], seconds: float, *, unchanged: bool = False) -> IngestReport:
    """The report of a finished catalog."""
    info, taxonomy = catalog.info, catalog.taxonomy
    findings: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    for row in catalog.table("findings").to_pylist():
        if not row["set_aside"]:
            findings[row["cause"]] += 1
        shown = examples.setdefault(row["cause"], [])
        if len(shown) < EXAMPLES:
            shown.append(row["product_id"] if row["set_aside"] and row["product_id"] else row["source"])
    return IngestReport(
        format=info.made_by["key"]["format"],
        products=info.products,
        images=info.images,
        categories=info.categories,
        levels=[
            {"level": taxonomy.level_name(level), "categories": len(nodes)}
            for level, nodes in enumerate(taxonomy.level_nodes)
        ],
        rows_read=info.rows_read,
        rows_merged=info.made_by["rows_merged"],
        set_aside=info.set_aside,
        findings=dict(findings),
        examples=examples,
        digest=info.digest,
        seconds=round(seconds, 3),
        unchanged=unchanged,
        remarks=list(remarks),
    )


def _taxonomy(reader: Source, journal: Journal) -> tuple[Taxonomy, str]:
    """(tree, why a category of a product may not be one of its leaves).

    A tree that the dump lists is kept whole, with the leaves that no product has; else it is what the products have.
    """
    if reader.taxonomy is not None:
        return reader.taxonomy, "category not in the taxonomy"
    paths = journal.categories()
    inner = {path[:depth] for path in paths.values() for depth in range(1, len(path))}
    leaves = {leaf: path for leaf, path in paths.items() if path not in inner}
    return Taxonomy.from_paths(leaves, level_names=reader.level_names), "category has subcategories"


def _file_products(products: pa.Table, taxonomy: Taxonomy, cause: str) -> tuple[pa.Table, pa.Table]:
    """(products, findings): a product whose category is no leaf has none, and keeps what was said as an attribute."""
    findings = TABLES["findings"].empty_table()
    unfiled = set(products["category_id"].unique().to_pylist()) - set(taxonomy.leaves) - {None}
    if not unfiled:
        return products, findings
    rows, notes = products.to_pylist(), []
    for row in rows:
        category = row["category_id"]
        if category in unfiled:
            row["category_id"] = None
            row["attributes"] = [*row["attributes"], ("category", category)]
            place = {"source": row["source"], "product_id": row["product_id"]}
            notes.append({**place, "cause": cause, "detail": category, "set_aside": False})
    return pa.Table.from_pylist(rows, schema=PRODUCTS), pa.Table.from_pylist(notes, schema=TABLES["findings"])

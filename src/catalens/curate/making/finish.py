"""The end of an ingest: clean, join, reconcile.  catalog.json comes last and makes it a catalog."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import Any

from catalens import __version__
from catalens.core.catalog import IMAGES, PRODUCTS, Catalog, CatalogInfo, write_json
from catalens.core.errors import SourceError
from catalens.core.slices import read_slices
from catalens.core.taxonomy import Taxonomy
from catalens.curate.categories.clean_settings import IngestCleanSettings
from catalens.curate.categories.filing import INNER, UNKNOWN, Filing
from catalens.curate.clean import Plan, plan
from catalens.curate.making.contents import FINDINGS, Piece, write_contents
from catalens.curate.making.findings import reconcile, tally
from catalens.curate.making.journal import Journal
from catalens.curate.sources.protocol import Source, storable

SHOWN = 300  # characters of the detail of a finding


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What came of a dump.  rows_read = products + rows_merged + the sum of set_aside.

    `rows_merged` counts rows that joined a product another row had begun, `refiled` the products that are in another
    category than the dump says, for theirs was too small; `examples` gives a few ids or places a cause.
    """

    format: str
    products: int
    images: int
    categories: int
    levels: list[dict[str, Any]]
    rows_read: int
    rows_merged: int
    refiled: int
    set_aside: dict[str, int]
    findings: dict[str, int]
    examples: dict[str, list[str]]
    digest: str
    seconds: float
    unchanged: bool
    remarks: list[str]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def finish(
    catalog: Path, journal: Journal, reader: Source, settings: IngestCleanSettings, made_by: dict[str, Any]
) -> Catalog:
    """Join the sealed parts into a catalog, a part in memory at a time.  Raises SourceError if no product is left."""
    taxonomy, unknown = _taxonomy(reader, journal)
    filing = Filing(taxonomy, unknown=unknown, unknown_aside=settings.unknown_category == "set_aside")
    made = plan(filing, settings, partial(journal.parts, "products"))
    written = write_contents(catalog, made.filing.taxonomy, _pieces(journal, made))
    counted = tally(read_slices(catalog / "tables" / "findings.parquet", FINDINGS))
    rows_read, merged = journal.total("rows_read"), journal.total("rows_merged")
    reconcile(rows_read, written.products, merged, counted.set_aside)
    if not written.products:
        why = _causes(counted.set_aside) or "it has no rows"
        noted = f"; noted: {_causes(counted.noted)}" if counted.noted else ""
        first = _first_set_aside(catalog / "tables" / "findings.parquet")
        raise SourceError(f"no product could be used: {why}{noted}{first}", source=made_by["source"])
    info = CatalogInfo(
        name=storable(catalog.resolve().name).removesuffix(".catalog"),
        products=written.products,
        images=written.images,
        categories=len(made.filing.taxonomy.leaves),
        set_aside=counted.set_aside,
        rows_read=rows_read,
        digest=written.digest,
        made_by={"verb": "ingest", "version": __version__, "rows_merged": merged, "refiled": made.refiled, **made_by},
    )
    write_json(info.model_dump(mode="json"), catalog / "catalog.json")
    tidy(catalog)
    return Catalog(catalog)


def _pieces(journal: Journal, made: Plan) -> Iterator[Piece]:
    """The sealed parts, cleaned; what is to be said of categories comes last."""
    for part in zip(*map(journal.parts, ("products", "images", "findings")), strict=True):
        yield made.filing.apply(Piece(*part))
    yield Piece(PRODUCTS.empty_table(), IMAGES.empty_table(), made.findings)


def tidy(catalog: Path) -> None:
    """Delete what a finished catalog has no use for: shards of which cleaning left no photo, and the journal.

    Not before there is a catalog.json: an ingest that goes on would miss a sealed shard.
    """
    if not (catalog / "journal").exists():
        return
    used = {name for table in Catalog(catalog).image_slices(["shard"]) for name in table["shard"].unique().to_pylist()}
    for shard in (catalog / "images").glob("part-*"):
        if shard.name not in used:
            shard.unlink(missing_ok=True)
    shutil.rmtree(catalog / "journal", ignore_errors=True)


def report(catalog: Catalog, remarks: Sequence[str], seconds: float, *, unchanged: bool = False) -> IngestReport:
    """The report of a finished catalog."""
    info, taxonomy = catalog.info, catalog.taxonomy
    counted = tally(read_slices(catalog.path / "tables" / "findings.parquet", FINDINGS))
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
        refiled=info.made_by["refiled"],
        set_aside=info.set_aside,
        findings=counted.noted,
        examples=counted.examples,
        digest=info.digest,
        seconds=round(seconds, 3),
        unchanged=unchanged,
        remarks=list(remarks),
    )


def _causes(counts: Mapping[str, int]) -> str:
    """The most frequent first: "no usable photo (65), no photo (1)"."""
    return ", ".join(f"{cause} ({count:,})" for cause, count in sorted(counts.items(), key=lambda item: -item[1]))


def _first_set_aside(findings: Path) -> str:
    """The first row that was set aside, in its own words, and where the others stand; "" where there is none."""
    for rows in read_slices(findings, FINDINGS):
        for row in rows.filter(rows["set_aside"]).slice(0, 1).to_pylist():
            return f"; first, {row['source']}: {shorten(row['detail'] or '', SHOWN)}; all: {findings}"
    return ""


def _taxonomy(reader: Source, journal: Journal) -> tuple[Taxonomy, str]:
    """(tree, why a category of a product may not be one of its leaves).

    A tree that the dump lists is kept whole, with the leaves that no product has; else it is what the products have.
    """
    if reader.taxonomy is not None:
        return reader.taxonomy, UNKNOWN
    paths = journal.categories()
    inner = {path[:depth] for path in paths.values() for depth in range(1, len(path))}
    leaves = {leaf: path for leaf, path in paths.items() if path not in inner}
    return Taxonomy.from_paths(leaves, level_names=reader.level_names), INNER

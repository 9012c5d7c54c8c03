"""From a dump to a catalog: read, check every photo, write in parts that survive `kill -9`, reconcile."""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from catalens import __version__
from catalens.core.catalog import PRODUCTS, TABLES, Catalog, CatalogInfo, content_digest, write_json, write_parquet
from catalens.core.errors import CatalogError, SourceError
from catalens.core.progress import Progress, silent
from catalens.core.taxonomy import Taxonomy
from catalens.curate.check import CheckedRow, checked
from catalens.curate.journal import Journal, Part
from catalens.curate.sources import open_source
from catalens.curate.sources.protocol import IngestSettings, Note, Source, Unusable

_NOT_CONTENT = {"threads", "overwrite", "restart"}  # settings that do not change what is read
_EXAMPLES = 5


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
    unchanged: bool = False
    remarks: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def run(source: Path, catalog: Path, settings: IngestSettings, *, progress: Progress = silent) -> IngestReport:
    """Read a dump into a catalog folder.

    Run again after an interruption it goes on from the last sealed part; run again on a finished catalog of the same dump and
    settings it changes nothing.  Raises SourceError, ConfigError, or CatalogError if the folder is taken.
    """
    started = time.monotonic()
    name, reader = open_source(source, settings)
    key = {"format": name, "source fingerprint": reader.fingerprint, **_content_settings(settings)}
    if (catalog / "catalog.json").exists() and not settings.overwrite:
        return _finished(catalog, key, reader)
    _refuse_strangers(source, catalog, name)
    if (settings.overwrite and (catalog / "catalog.json").exists()) or settings.restart or not _begun(catalog):
        _clear(catalog)
    journal = Journal(catalog, key)
    read_parts(reader, journal, settings, progress)
    taxonomy, products, findings = _file_products(reader, journal)
    seconds = time.monotonic() - started
    return _write(catalog, journal, taxonomy, products, findings, {"source": str(source), "key": key}, reader, seconds)


def read_parts(reader: Source, journal: Journal, settings: IngestSettings, progress: Progress = silent) -> None:
    """Read from the journal's cursor to the end, sealing part after part."""
    if journal.done:
        return
    seen = {product for table in journal.parts("products") for product in table["product_id"].to_pylist()}
    cursor, part = journal.cursor, journal.next_part()
    for cursor, item in checked(reader.read(journal.cursor), settings):
        take(item, part, seen)
        progress(cursor, reader.total, f"{len(seen):,} products")
        if part.full:
            journal.seal(part, cursor, done=False)
            part = journal.next_part()
    journal.seal(part, cursor, done=True)


def take(item: CheckedRow | Unusable | Note, part: Part, seen: set[str]) -> None:
    """Put one item where it belongs: kept, set aside with its cause, or noted.  `seen` holds the products kept so far."""
    if isinstance(item, Note):
        part.note(item)
        return
    if isinstance(item, Unusable):
        part.set_aside(item)
        return
    row = item.row
    if row.product_id in seen:
        _set_aside(item, part, "duplicate product id", "an earlier row has this id")
        return
    for note in item.notes:
        part.note(note)
    if item.photos:
        seen.add(row.product_id)
        part.keep(item)
    else:
        why = "; ".join(f"{note.place}: {note.detail}" for note in item.notes[:3])
        _set_aside(item, part, "no usable photo", why)


def _set_aside(item: CheckedRow, part: Part, cause: str, detail: str) -> None:
    for place in item.row.places:
        part.set_aside(Unusable(place, cause, detail, item.row.product_id))


def _file_products(reader: Source, journal: Journal) -> tuple[Taxonomy, pa.Table, pa.Table]:
    """(taxonomy, products, findings).  A product filed at a category that is no leaf keeps its place as an attribute.

    The dump's own taxonomy is kept whole; else it is made of the categories that the kept products have.
    """
    if reader.taxonomy is not None:
        taxonomy, cause = reader.taxonomy, "category not in the taxonomy"
    else:
        paths, cause = journal.categories, "category has subcategories"
        inner = {path[:depth] for path in paths.values() for depth in range(1, len(path))}
        leaves = {leaf: path for leaf, path in paths.items() if path not in inner}
        taxonomy = Taxonomy.from_paths(leaves, level_names=reader.level_names)
    findings = journal.table("findings")
    products = journal.table("products")
    unfiled = set(products["category_id"].unique().to_pylist()) - set(taxonomy.leaves) - {None}
    if unfiled:
        rows, notes = products.to_pylist(), []
        for row in rows:
            category = row["category_id"]
            if category in unfiled:
                row["category_id"] = None
                row["attributes"] = [*row["attributes"], ("category", category)]
                notes.append(
                    {
                        "source": row["source"],
                        "product_id": row["product_id"],
                        "cause": cause,
                        "detail": category,
                        "set_aside": False,
                    }
                )
        products = pa.Table.from_pylist(rows, schema=PRODUCTS)
        findings = pa.concat_tables([findings, pa.Table.from_pylist(notes, schema=TABLES["findings"])])
    return taxonomy, products, findings


def _write(
    catalog: Path,
    journal: Journal,
    taxonomy: Taxonomy,
    products: pa.Table,
    findings: pa.Table,
    made_by: dict[str, Any],
    reader: Source,
    seconds: float,
) -> IngestReport:
    """Reconcile, write the tables, and catalog.json last: with it the catalog is finished."""
    images = journal.table("images")
    aside, _ = journal.causes()
    rows_read, merged = journal.total("rows_read"), journal.total("rows_merged")
    reconcile(rows_read, len(products), merged, dict(aside))
    if not len(products):
        why = ", ".join(f"{cause} ({count:,})" for cause, count in aside.most_common()) or "it has no rows"
        raise SourceError(f"no product could be used: {why}", source=made_by["source"])
    taxonomy.write(catalog / "taxonomy.parquet")
    write_parquet(products, catalog / "products.parquet")
    write_parquet(images, catalog / "images.parquet")
    (catalog / "tables").mkdir(exist_ok=True)
    write_parquet(findings, catalog / "tables" / "findings.parquet")
    info = CatalogInfo(
        name=catalog.name.removesuffix(".catalog"),
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
    return _report(Catalog(catalog), reader, seconds)


def reconcile(rows_read: int, products: int, rows_merged: int, set_aside: dict[str, int]) -> None:
    """Every row that was read is a product, part of one, or set aside.  Raises CatalogError: a row was lost or doubled."""
    accounted = products + rows_merged + sum(set_aside.values())
    if rows_read != accounted:
        raise CatalogError(
            f"{rows_read:,} rows were read, but {products:,} products + {rows_merged:,} merged + "
            f"{sum(set_aside.values()):,} set aside are {accounted:,}; please report this"
        )


def _report(catalog: Catalog, reader: Source, seconds: float, *, unchanged: bool = False) -> IngestReport:
    info, taxonomy = catalog.info, catalog.taxonomy
    findings: dict[str, int] = {}
    examples: dict[str, list[str]] = {}
    for row in catalog.table("findings").to_pylist():
        if not row["set_aside"]:
            findings[row["cause"]] = findings.get(row["cause"], 0) + 1
        shown = examples.setdefault(row["cause"], [])
        if len(shown) < _EXAMPLES:
            shown.append(row["product_id"] if row["set_aside"] and row["product_id"] else row["source"])
    levels = [
        {"level": taxonomy.level_name(level), "categories": len(taxonomy.level_nodes[level])}
        for level in range(taxonomy.depth)
    ]
    return IngestReport(
        format=info.made_by["key"]["format"],
        products=info.products,
        images=info.images,
        categories=info.categories,
        levels=levels,
        rows_read=info.rows_read,
        rows_merged=info.made_by["rows_merged"],
        set_aside=info.set_aside,
        findings=findings,
        examples=examples,
        digest=info.digest,
        seconds=round(seconds, 3),
        unchanged=unchanged,
        remarks=list(reader.remarks),
    )


def _content_settings(settings: IngestSettings) -> dict[str, Any]:
    return settings.model_dump(mode="json", exclude=_NOT_CONTENT | {"format"})


def _finished(folder: Path, key: dict[str, Any], reader: Source) -> IngestReport:
    """The report of a catalog that is there already.  Raises CatalogError if it was made of something else."""
    catalog = Catalog(folder)
    if catalog.info.made_by.get("key") != key:
        raise CatalogError(
            "is a finished catalog of another dump or other settings; choose another folder or pass --overwrite",
            source=str(folder),
        )
    shutil.rmtree(folder / "journal", ignore_errors=True)  # left by a kill between the last two steps
    return _report(catalog, reader, 0.0, unchanged=True)


def _begun(catalog: Path) -> bool:
    return (catalog / "journal" / "begin.json").exists()


def _refuse_strangers(source: Path, catalog: Path, name: str) -> None:
    """Raises CatalogError where writing would mix a catalog with something else."""
    if name == "folder" and catalog.resolve().is_relative_to(source.resolve()):
        raise CatalogError("lies inside the folder it would be read from; put it beside", source=str(catalog))
    ours = any((catalog / known).exists() for known in ("catalog.json", "journal"))
    if catalog.exists() and not ours and (not catalog.is_dir() or any(catalog.iterdir())):
        raise CatalogError("already exists and is not a catalog; choose another name", source=str(catalog))


def _clear(catalog: Path) -> None:
    """Delete what an earlier ingest and later stages wrote, and nothing else.  Its own kill leaves a journal without a beginning."""
    journal = catalog / "journal"
    journal.mkdir(parents=True, exist_ok=True)
    for file in ("catalog.json", "taxonomy.parquet", "products.parquet", "images.parquet"):
        (catalog / file).unlink(missing_ok=True)
    shutil.rmtree(catalog / "tables", ignore_errors=True)
    for file in (catalog / "images").glob("part-*"):
        file.unlink()
    (journal / "begin.json").unlink(missing_ok=True)
    for file in journal.iterdir():
        file.unlink()

"""A new catalog made of one that is there: fewer products, other categories, or both.  The first one is not touched."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from catalens import __version__
from catalens.core.catalog import (
    CONTENTS,
    IMAGES,
    PRODUCTS,
    TABLES,
    Catalog,
    CatalogInfo,
    write_json,
    write_parquet,
)
from catalens.core.durable import replacing_folder
from catalens.core.errors import CatalogError
from catalens.core.progress import Progress, silent
from catalens.core.slices import read_slices
from catalens.core.taxonomy import Taxonomy
from catalens.curate.categories.filing import Filing, Mask
from catalens.curate.making.contents import FINDINGS, Piece, pieces_of, write_contents
from catalens.curate.making.findings import reconcile, tally
from catalens.curate.making.photo_copy import PhotoCopy
from catalens.curate.sources.protocol import storable


@dataclass(frozen=True, slots=True)
class DeriveReport:
    """What became of a catalog's products: products_read = products + the sum of set_aside.

    `refiled` products are in another category than before; `digest` is the new catalog's, `parent` that of the one it
    was made of.  `findings` counts what was noted, `examples` gives a few ids or categories a cause.
    """

    products_read: int
    products: int
    images: int
    categories_before: int
    categories: int
    refiled: int
    set_aside: dict[str, int]
    findings: dict[str, int]
    examples: dict[str, list[str]]
    digest: str
    parent: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def derive(
    parent: Catalog,
    out: Path,
    how: Mapping[str, Any],
    *,
    filing: Filing,
    keep: Mask | None = None,
    left_out: str = "",
    findings: pa.Table | None = None,
    refiled: int = 0,
    overwrite: bool = False,
    progress: Progress = silent,
) -> DeriveReport:
    """Write the products that are kept, filed anew, as a catalog of its own, whole or not at all.

    `keep` is bool [products of the parent]; those that it leaves out are counted under the cause `left_out`, not
    listed.  `findings` are further rows for the new catalog's table, `how` says for catalog.json what was done.  Of
    side tables the split and translated names are taken along; what was learnt from photos is to be made anew.
    Raises CatalogError.
    """
    started = time.monotonic()
    refuse(parent, out, overwrite=overwrite)
    counts = Counter({left_out: int((~keep).sum())} if keep is not None and not keep.all() else {})
    with replacing_folder(out.resolve()) as folder:
        photos = PhotoCopy(parent.photos, parent.path / "images", folder / "images")
        for piece in _chosen(parent, filing, keep, progress):
            photos.keep(piece.images)
        photos.write(progress)
        written = write_contents(
            folder, filing.taxonomy, _relocated(_chosen(parent, filing, keep, progress), photos, findings)
        )
        counted = tally(read_slices(folder / "tables" / "findings.parquet", FINDINGS))
        counts.update(counted.set_aside)
        reconcile(parent.info.products, written.products, 0, counts)
        if not written.products:
            causes = ", ".join(f"{cause} ({count:,})" for cause, count in counts.most_common()) or "there is none"
            raise CatalogError(f"no product would be left: {causes}", source=str(parent.path))
        _take_split(parent, folder)
        _take_names(parent, folder, filing.taxonomy)
        info = CatalogInfo(
            name=storable(out.resolve().name).removesuffix(".catalog"),
            products=written.products,
            images=written.images,
            categories=len(filing.taxonomy.leaves),
            set_aside=dict(counts),
            rows_read=parent.info.products,
            digest=written.digest,
            made_by={"version": __version__, "refiled": refiled, **how, "parent": _origin(parent)},
        )
        write_json(info.model_dump(mode="json"), folder / "catalog.json")
    return DeriveReport(
        products_read=info.rows_read,
        products=info.products,
        images=info.images,
        categories_before=parent.info.categories,
        categories=info.categories,
        refiled=refiled,
        set_aside=info.set_aside,
        findings=counted.noted,
        examples=counted.examples,
        digest=info.digest,
        parent=parent.digest,
        seconds=round(time.monotonic() - started, 3),
    )


def refuse(parent: Catalog, out: Path, *, overwrite: bool) -> None:
    """Raises CatalogError where writing to `out` would harm the parent, another catalog, or what is no catalog."""
    here, there = parent.path.resolve(), out.resolve()
    if here == there or here in there.parents or there in here.parents:
        what = "is the catalog that it would be made of" if here == there else f"overlaps with {parent.path}"
        raise CatalogError(f"{what}; choose another folder", source=str(out))
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not any((out / known).exists() for known in ("catalog.json", "journal")):
        raise CatalogError("already exists and is not a catalog; choose another name", source=str(out))
    # replacing removes the whole folder: whatever else somebody keeps in it would be lost
    strange = {file.name.removesuffix(".partial") for file in out.iterdir()} - CONTENTS
    if strange:
        message = f"holds {min(strange)!r}, which is no part of a catalog; choose another name"
        raise CatalogError(message, source=str(out))
    if (out / "catalog.json").exists():
        Catalog(out)  # other programs have a catalog.json, too
    if not overwrite:
        raise CatalogError("is a catalog already; choose another folder or pass --overwrite", source=str(out))


def _chosen(parent: Catalog, filing: Filing, keep: Mask | None, progress: Progress) -> Iterator[Piece]:
    done = 0
    for piece in pieces_of(parent):
        start, done = done, done + len(piece.products)
        chosen = piece if keep is None else piece.of(piece.products.filter(pa.array(keep[start:done])))
        yield filing.apply(chosen)
        progress(done, parent.info.products, "products")


def _relocated(pieces: Iterable[Piece], photos: PhotoCopy, findings: pa.Table | None) -> Iterator[Piece]:
    for piece in pieces:
        yield Piece(piece.products, photos.relocate(piece.images), piece.findings)
    if findings is not None:
        yield Piece(PRODUCTS.empty_table(), IMAGES.empty_table(), findings)


def _take_split(parent: Catalog, folder: Path) -> None:
    """The parts of the products that are kept: a product that a model has learnt stays out of the test part."""
    if not parent.has_table("splits"):
        return
    ids = pq.read_table(folder / "products.parquet", columns=["product_id"])["product_id"].combine_chunks()
    table = parent.table("splits")
    write_parquet(table.filter(pc.is_in(table["product_id"], value_set=ids)), folder / "tables" / "splits.parquet")


def _take_names(parent: Catalog, folder: Path, taxonomy: Taxonomy) -> None:
    """The translations of names that are still what they were."""
    if parent.has_table("names"):
        rows = parent.table("names").to_pylist()
        known = {category.id: category.names.values() for category in taxonomy.categories}
        same = [row for row in rows if row["source"] in known.get(row["category_id"], ())]
        write_parquet(pa.Table.from_pylist(same, TABLES["names"]), folder / "tables" / "names.parquet")


def _origin(parent: Catalog) -> dict[str, Any]:
    return {
        "path": storable(str(parent.path)),
        **parent.info.model_dump(mode="json", include={"name", "products", "set_aside", "digest", "made_by"}),
    }

"""The vectors of a catalog under one bundle: computed once, in parts that survive `kill -9`, and kept as side tables.

`embeddings.<first 12 digits of the bundle's digest>` has a row a photo, `embeddings.<...>.products` a row a product.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from catalens.core.catalog import Catalog, is_marked, write_parquet
from catalens.core.errors import CatalogError
from catalens.core.prediction import Finding
from catalens.core.progress import Progress, silent
from catalens.core.scores import Floats, Scores, product_embeddings

PART_PHOTOS = 1024  # what a killed run has to do again

# rows of `catalog.images` -> a model's outputs on those photos that can be read, and findings on the others
Embed = Callable[[pa.Table, Progress], tuple[Scores, list[Finding]]]


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """How many `photos` and `products` have a vector now, `findings` on photos that have none, and how many photos had
    been looked at by an earlier run (`reused`)."""

    table: str
    photos: int
    products: int
    reused: int
    findings: tuple[Finding, ...]


def table_name(space: str) -> str:
    """The photo table of the bundle with digest `space`; the product table has ".products" behind."""
    return f"embeddings.{space[:12]}"


def run(embed: Embed, catalog: Catalog, *, space: str, progress: Progress = silent) -> EmbedReport:
    """Bring the catalog's vectors under the bundle with digest `space` up to date.

    Parts that an earlier run finished are kept, so a run may be killed at any moment and started again.
    Raises CatalogError if the catalog has no photos.
    """
    name = table_name(space)
    tables, folder = catalog.path / "tables", catalog.path / "tables" / f"{name}.parts"
    photos, products = tables / f"{name}.parquet", tables / f"{name}.products.parquet"
    marks = {"space": space, "catalog": catalog.digest}
    reused = 0
    if is_marked(photos, marks) and is_marked(products, marks):
        reused = catalog.info.images
    else:
        folder.mkdir(parents=True, exist_ok=True)
        parts = []
        for start, stop in _parts(catalog):
            part, part_marks = folder / f"part-{start:09}.parquet", {**marks, "stop": str(stop)}
            if is_marked(part, part_marks):
                reused += stop - start
            else:
                within = _from(progress, start, catalog.info.images)
                scores, findings = embed(catalog.images.slice(start, stop - start), within)
                write_parquet(_photo_table(scores, findings, part_marks), part)
            parts.append(part)
            progress(stop, catalog.info.images)
        _join(catalog, name, marks, parts)
    shutil.rmtree(folder, ignore_errors=True)
    schema = pq.read_schema(photos)
    return EmbedReport(name, _count(photos), _count(products), reused, _findings(schema))


def product_vectors(catalog: Catalog, *, space: str) -> tuple[tuple[str, ...], Floats]:
    """Product ids and their float32 [P, D].  Raises CatalogError if `catalens embed` has not made them."""
    table = _made_with(catalog, f"{table_name(space)}.products", space)
    return tuple(table["product_id"].to_pylist()), to_matrix(table["vector"])


def photo_vectors(catalog: Catalog, *, space: str) -> tuple[list[str], Floats]:
    """The id of every photo that has a vector, and float32 [N, D].  Raises CatalogError as `product_vectors` does."""
    table = _made_with(catalog, table_name(space), space)
    return table["image_id"].to_pylist(), to_matrix(table["vector"])


def _made_with(catalog: Catalog, name: str, space: str) -> pa.Table:
    if not is_marked(catalog.path / "tables" / f"{name}.parquet", {"space": space, "catalog": catalog.digest}):
        raise CatalogError(
            f"has no vectors of bundle {space[:12]}; run `catalens embed BUNDLE {catalog.path}` first",
            source=str(catalog.path),
            key=name,
        )
    return catalog.table(name)


def to_matrix(column: pa.ChunkedArray) -> Floats:
    """A column of N lists of D numbers -> float32 [N, D]."""
    dim = column.type.list_size
    chunks = [chunk.flatten().to_numpy().reshape(-1, dim) for chunk in column.chunks]
    return np.concatenate([np.empty((0, dim), np.float32), *chunks])


def _parts(catalog: Catalog) -> Iterator[tuple[int, int]]:
    """Runs of at least `PART_PHOTOS` rows of `images` that end where a product ends."""
    owners = catalog.images["product_id"].to_pylist()
    if not owners:
        raise CatalogError("has no photos", source=str(catalog.path))
    start = 0
    for stop in range(1, len(owners) + 1):
        if stop == len(owners) or (stop - start >= PART_PHOTOS and owners[stop] != owners[stop - 1]):
            yield start, stop
            start = stop


def _from(progress: Progress, start: int, whole: int) -> Progress:
    """For work that begins at `start` of the `whole`."""

    def report(done: int, total: int | None = None, note: str = "") -> None:
        progress(start + done, whole, note)

    return report


def _photo_table(scores: Scores, findings: list[Finding], marks: dict[str, str]) -> pa.Table:
    columns = {
        "image_id": pa.array(scores.image_ids, pa.string()),
        "product_id": pa.array(scores.product_ids, pa.string()),
        "vector": _to_column(scores.embeddings),
    }
    return pa.table(columns, metadata={**marks, "findings": json.dumps([asdict(finding) for finding in findings])})


def _join(catalog: Catalog, name: str, marks: dict[str, str], parts: list[Path]) -> None:
    """The parts as the two tables; a product's photos are within one part."""
    photos = [pq.read_table(part) for part in parts]
    findings = [asdict(finding) for table in photos for finding in _findings(table.schema)]
    products = []
    for table in photos:
        ids, vectors = product_embeddings(table["product_id"].to_pylist(), to_matrix(table["vector"]))
        products.append(pa.table({"product_id": pa.array(ids, pa.string()), "vector": _to_column(vectors)}))
    all_marks = {**marks, "findings": json.dumps(findings)}
    catalog.write_table(f"{name}.products", pa.concat_tables(products).replace_schema_metadata(all_marks))
    bare = [table.replace_schema_metadata(None) for table in photos]
    catalog.write_table(name, pa.concat_tables(bare).replace_schema_metadata(all_marks))


def _findings(schema: pa.Schema) -> tuple[Finding, ...]:
    return tuple(Finding(**values) for values in json.loads(schema.metadata[b"findings"]))


def _count(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)


def _to_column(vectors: npt.NDArray[np.float32]) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.astype(np.float32).ravel()), vectors.shape[1])

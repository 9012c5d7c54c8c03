"""The exact index: every query against every vector, in blocks.  The yardstick of all others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from catalens.core.catalog import Catalog
from catalens.core.durable import replacing_folder
from catalens.core.errors import DataError, IndexMismatch
from catalens.core.manifest import file_digest, parse, read_values, verify_files
from catalens.core.prediction import Neighbour
from catalens.core.taxonomy import Taxonomy
from catalens.search.index import IndexedProducts, Mask
from catalens.search.vectors import product_vectors

FORMAT_VERSION = 1
BLOCK = 16_384  # rows a step: at 1,280 numbers a row, 84 MB of a memory-mapped file
SCORES = 2**24  # held at a time: 64 MB, or those of one query
INFO, VECTORS, PRODUCTS, TAXONOMY = "index.json", "vectors.npy", "products.parquet", "taxonomy.parquet"


class IndexInfo(BaseModel):
    """index.json.  `space` is the bundle's digest, `files` maps every other file to its sha256."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format_version: int = FORMAT_VERSION
    kind: str = "exact"
    space: str
    model: str
    catalog: str  # where the catalog lay when the index was built
    catalog_digest: str
    products: int
    dim: int
    files: dict[str, str] = {}


class ExactIndex:
    """Cosine by blocked matrix product, over vectors in memory or mapped from disk."""

    def __init__(self, vectors: npt.NDArray[np.float32], products: IndexedProducts, info: IndexInfo) -> None:
        """`vectors` float32 [N, D], L2-normalised, in the order of `products`."""
        if vectors.ndim != 2 or vectors.shape != (len(products), info.dim) or info.products != len(products):
            raise IndexMismatch(f"expected vectors [{info.products}, {info.dim}], got {list(vectors.shape)}")
        self.vectors = vectors
        self.products = products
        self.info = info

    @property
    def space(self) -> str:
        return self.info.space

    def vector(self, product_id: str) -> npt.NDArray[np.float32]:
        """float32 [D].  Raises NotFound if there is no such product."""
        return np.asarray(self.vectors[self.products.row(product_id)])

    def search(self, vectors: npt.NDArray[np.float32], k: int, *, allow: Mask | None = None) -> list[list[Neighbour]]:
        """float32 [Q, D], L2-normalised -> for each query at most `k` neighbours, best first; equals in index order."""
        if vectors.ndim != 2 or vectors.shape[1] != self.info.dim:
            raise IndexMismatch(f"expected query vectors [Q, {self.info.dim}], got {list(vectors.shape)}")
        found: list[list[Neighbour]] = []
        together = max(1, SCORES // max(1, len(self.products)))
        for first in range(0, len(vectors), together):
            queries = vectors[first : first + together]
            scores = np.empty((len(queries), len(self.products)), dtype=np.float32)
            for start in range(0, len(self.products), BLOCK):
                np.matmul(queries, self.vectors[start : start + BLOCK].T, out=scores[:, start : start + BLOCK])
            found += [self._best(row, k, allow) for row in scores]
        return found

    def _best(self, scores: npt.NDArray[np.float32], k: int, allow: Mask | None) -> list[Neighbour]:
        rows = np.arange(len(scores)) if allow is None else np.flatnonzero(allow)
        candidates = scores if allow is None else scores[rows]
        if 0 < k < len(rows):
            # all that reach the k-th score, so that copies tie in index order and not as the partition left them
            cut = np.partition(candidates, len(rows) - k)[len(rows) - k]
            rows = rows[candidates >= cut]
        order = rows[np.lexsort((rows, -scores[rows]))][:k]
        ids = self.products.ids
        return [Neighbour(ids[row], float(np.clip(scores[row], -1.0, 1.0))) for row in order]

    def write(self, path: Path, *, overwrite: bool = False) -> None:
        """Write the folder, whole or not at all.  Raises DataError if `path` is taken, or is no index."""
        if path.exists() and not overwrite:
            raise DataError("already exists; choose another name or pass --overwrite", source=str(path))
        if path.exists() and not (path / INFO).is_file():
            raise DataError("is not an index, so it is not overwritten; choose another name", source=str(path))
        with replacing_folder(path) as partial:
            np.save(partial / VECTORS, self.vectors)
            pq.write_table(self.products.table, partial / PRODUCTS, compression="zstd")
            self.products.taxonomy.write(partial / TAXONOMY)
            digests = {name: file_digest(partial / name) for name in (VECTORS, PRODUCTS, TAXONOMY)}
            info = self.info.model_copy(update={"files": digests})
            (partial / INFO).write_text(info.model_dump_json(indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path, *, space: str | None = None) -> ExactIndex:
        """Open a folder; vectors stay on disk, mapped.  Raises IndexMismatch if it is damaged or not of `space`."""
        info = _read_info(path)
        if space is not None and info.space != space:
            raise IndexMismatch(
                f"was built with {info.model} (bundle {info.space[:12]}), this bundle is {space[:12]}: "
                "build it again with `catalens embed` and `catalens index`",
                source=str(path),
            )
        verify_files(path, info.files, kind="index", error=IndexMismatch)
        products = IndexedProducts(pq.read_table(path / PRODUCTS), Taxonomy.read(path / TAXONOMY))
        return cls(np.load(path / VECTORS, mmap_mode="r"), products, info)


def build(catalog: Catalog, *, space: str, model: str) -> ExactIndex:
    """All products of the catalog that have a vector of the bundle with digest `space`, called `model`.

    Raises CatalogError if `catalens embed` was not run.
    """
    ids, vectors = product_vectors(catalog, space=space)
    rows = pc.index_in(pa.array(ids, pa.string()), value_set=catalog.products["product_id"])
    info = IndexInfo(
        space=space,
        model=model,
        catalog=str(catalog.path.resolve()),
        catalog_digest=catalog.digest,
        products=len(ids),
        dim=vectors.shape[1],
    )
    return ExactIndex(vectors, IndexedProducts(catalog.products.take(rows), catalog.taxonomy), info)


def _read_info(path: Path) -> IndexInfo:
    values = read_values(path / INFO, what="an index", error=IndexMismatch)
    version = values.get("format_version") if isinstance(values, dict) else None
    if version != FORMAT_VERSION:
        raise IndexMismatch(f"expected index format {FORMAT_VERSION}, got {version}", source=str(path))
    return parse(values, IndexInfo, path / INFO, error=IndexMismatch)

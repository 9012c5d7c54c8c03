import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from catalens.core.errors import DataError, IndexMismatch, NotFound
from catalens.core.taxonomy import Taxonomy
from catalens.search import exact
from catalens.search.exact import ExactIndex, IndexInfo
from catalens.search.index import COLUMNS, IndexedProducts

TAXONOMY = Taxonomy.from_paths({"mug": ("Kitchen", "Mug"), "lamp": ("Home", "Lamp")})
SPACE = "5" * 64


def index_of(vectors: np.ndarray) -> ExactIndex:
    rows = [
        {"product_id": f"p{row}", "category_id": ("mug", "lamp")[row % 2], "attributes": []}
        for row in range(len(vectors))
    ]
    products = IndexedProducts(pa.Table.from_pylist(rows, COLUMNS), TAXONOMY)
    info = IndexInfo(
        space=SPACE, model="m@1", catalog="c", catalog_digest="d", products=len(vectors), dim=vectors.shape[1]
    )
    return ExactIndex(vectors, products, info)


def unit_vectors(count: int, dim: int = 8, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def by_definition(queries: np.ndarray, vectors: np.ndarray, k: int, allow: np.ndarray | None = None) -> list[list[str]]:
    """The slow way: sort everything."""
    found = []
    for query in queries:
        rows = [row for row in range(len(vectors)) if allow is None or allow[row]]
        rows.sort(key=lambda row: (-float(vectors[row] @ query), row))
        found.append([f"p{row}" for row in rows[:k]])
    return found


@pytest.mark.parametrize("count", [1, 5, 63, 64, 65, 200], ids=lambda count: f"{count} products, blocks of 64")
@pytest.mark.parametrize("k", [1, 5, 300])
def test_finds_what_sorting_everything_finds(count: int, k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "BLOCK", 64)
    monkeypatch.setattr(exact, "SCORES", 128)
    vectors, queries = unit_vectors(count), unit_vectors(3, seed=1)

    found = index_of(vectors).search(queries, k)

    assert [[neighbour.id for neighbour in row] for row in found] == by_definition(queries, vectors, k)
    assert found[0][0].score == pytest.approx(float((vectors @ queries[0]).max()), abs=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9], ids=lambda share: f"{share:.0%} allowed")
def test_only_allowed_products_are_neighbours(share: float) -> None:
    vectors, queries = unit_vectors(100), unit_vectors(4, seed=1)
    allow = np.random.default_rng(2).random(100) < share

    found = index_of(vectors).search(queries, 5, allow=allow)

    assert [[neighbour.id for neighbour in row] for row in found] == by_definition(queries, vectors, 5, allow)


def test_copies_come_in_index_order_and_never_beyond_one() -> None:
    vectors = np.repeat(unit_vectors(1), 50, axis=0)

    (found,) = index_of(vectors).search(vectors[:1] * np.float32(1.000001), 3)

    assert [neighbour.id for neighbour in found] == ["p0", "p1", "p2"]
    assert all(-1.0 <= neighbour.score <= 1.0 for neighbour in found)


def test_no_queries_no_neighbours() -> None:
    assert index_of(unit_vectors(5)).search(np.empty((0, 8), np.float32), 3) == []


def test_query_of_another_width_is_refused() -> None:
    with pytest.raises(IndexMismatch, match=r"expected query vectors \[Q, 8\], got \[1, 9\]"):
        index_of(unit_vectors(5)).search(unit_vectors(1, dim=9), 3)


def test_vector_of_a_product() -> None:
    vectors = unit_vectors(5)
    index = index_of(vectors)

    np.testing.assert_array_equal(index.vector("p3"), vectors[3])
    with pytest.raises(NotFound, match="no product 'p9'"):
        index.vector("p9")


def test_written_index_reads_back_mapped(tmp_path: Path) -> None:
    index = index_of(unit_vectors(20))
    index.write(tmp_path / "shop.index")

    read = ExactIndex.read(tmp_path / "shop.index", space=SPACE)

    assert isinstance(read.vectors, np.memmap)
    query = unit_vectors(1, seed=3)
    assert read.search(query, 5) == index.search(query, 5)
    assert read.products.path(1) == ("Home", "Lamp")
    assert [path.name for path in tmp_path.iterdir()] == ["shop.index"]


def test_index_of_another_bundle_is_refused(tmp_path: Path) -> None:
    index_of(unit_vectors(5)).write(tmp_path / "shop.index")

    with pytest.raises(IndexMismatch, match=r"built with m@1 \(bundle 555555555555\), this bundle is 666666666666"):
        ExactIndex.read(tmp_path / "shop.index", space="6" * 64)


@pytest.mark.parametrize("name", ["vectors.npy", "products.parquet", "taxonomy.parquet"])
def test_altered_file_is_named(tmp_path: Path, name: str) -> None:
    index_of(unit_vectors(5)).write(tmp_path / "shop.index")
    file = tmp_path / "shop.index" / name
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)

    with pytest.raises(IndexMismatch, match="expected sha256") as caught:
        ExactIndex.read(tmp_path / "shop.index")
    assert caught.value.key == name
    file.unlink()
    with pytest.raises(IndexMismatch, match="is missing from the index"):
        ExactIndex.read(tmp_path / "shop.index")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "has no index.json"),
        ("{", "is not JSON"),
        ("[]", "expected index format 1, got None"),
        (json.dumps({"format_version": 9}), "expected index format 1, got 9"),
        (json.dumps({"format_version": 1, "colour": "red"}), "space: Field required"),
    ],
    ids=["missing", "cut short", "a list", "of the future", "without a space"],
)
def test_folder_that_is_no_index(tmp_path: Path, content: str | None, says: str) -> None:
    if content is not None:
        (tmp_path / "index.json").write_text(content)

    with pytest.raises(IndexMismatch, match=says):
        ExactIndex.read(tmp_path)


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    index = index_of(unit_vectors(5))
    index.write(tmp_path / "shop.index")

    with pytest.raises(DataError, match="already exists"):
        index.write(tmp_path / "shop.index")
    with pytest.raises(DataError, match="is not an index"):
        index.write(tmp_path / "notes", overwrite=True)
    index_of(unit_vectors(7)).write(tmp_path / "shop.index", overwrite=True)
    assert len(ExactIndex.read(tmp_path / "shop.index").products) == 7

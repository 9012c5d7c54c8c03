import numpy as np
import pyarrow as pa
import pytest
from tests.builders.catalogs import striped_catalog

from catalens.core.catalog import Catalog
from catalens.core.errors import CatalogError
from catalens.core.prediction import Finding
from catalens.core.progress import Progress
from catalens.core.scores import Scores
from catalens.search import exact, vectors

SPACE = "ab" * 32


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return striped_catalog(tmp_path_factory.mktemp("vectors") / "s.catalog", products=10, photos=3, split=False)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch, catalog: Catalog) -> None:
    monkeypatch.setattr(vectors, "PART_PHOTOS", 4)
    for table in (catalog.path / "tables").glob("*.parquet"):
        table.unlink()


class Embedding:
    """Gives every photo a vector made of its id; photos in `bad` cannot be read, and call `dies_at` is killed."""

    def __init__(self, bad: tuple[str, ...] = (), dies_at: int | None = None) -> None:
        self.bad, self.dies_at = bad, dies_at
        self.asked: list[str] = []
        self.calls = 0

    def __call__(self, images: pa.Table, progress: Progress) -> tuple[Scores, list[Finding]]:
        if self.calls == self.dies_at:
            raise KeyboardInterrupt
        self.calls += 1
        rows = images.to_pylist()
        self.asked += [row["image_id"] for row in rows]
        good = [row for row in rows if row["image_id"] not in self.bad]
        matrix = np.array([vector_of(row["image_id"]) for row in good], np.float32).reshape(-1, 4)
        ids = tuple(row["image_id"] for row in good), tuple(row["product_id"] for row in good)
        findings = [Finding(row["image_id"], "unreadable", "torn") for row in rows if row["image_id"] in self.bad]
        progress(len(rows))
        return Scores(*ids, np.zeros((len(good), 2), np.float32), matrix), findings


def vector_of(image_id: str) -> np.ndarray:
    raw = np.frombuffer(bytes.fromhex(image_id[:8]), np.uint8) - 127.5
    return raw / np.linalg.norm(raw)


def expected_product(catalog: Catalog, product: str, bad: tuple[str, ...] = ()) -> np.ndarray:
    rows = [row for row in catalog.images.to_pylist() if row["product_id"] == product and row["image_id"] not in bad]
    mean = np.mean([vector_of(row["image_id"]) for row in rows], axis=0)
    return mean / np.linalg.norm(mean)


def test_every_photo_and_product_gets_its_vector(catalog: Catalog) -> None:
    told: list[tuple[int, int | None]] = []
    report = vectors.run(
        Embedding(), catalog, space=SPACE, progress=lambda done, total=None, note="": told.append((done, total))
    )

    assert told == sorted(told)
    assert told[-1] == (30, 30)
    assert (report.photos, report.products, report.reused, report.findings) == (30, 10, 0, ())
    table = catalog.table("embeddings.abababababab")
    assert table["image_id"].to_pylist() == catalog.images["image_id"].to_pylist()
    np.testing.assert_allclose(
        vectors.to_matrix(table["vector"])[7], vector_of(table["image_id"][7].as_py()), rtol=1e-5
    )
    ids, matrix = vectors.product_vectors(catalog, space=SPACE)
    assert ids == tuple(catalog.products["product_id"].to_pylist())
    for row, product in enumerate(ids):
        np.testing.assert_allclose(matrix[row], expected_product(catalog, product), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dies_at", [0, 1, 4], ids=lambda call: f"killed in part {call}")
def test_a_killed_run_goes_on_where_it_was(catalog: Catalog, dies_at: int) -> None:
    first, second = Embedding(dies_at=dies_at), Embedding()
    with pytest.raises(KeyboardInterrupt):
        vectors.run(first, catalog, space=SPACE)

    report = vectors.run(second, catalog, space=SPACE)

    assert first.asked + second.asked == catalog.images["image_id"].to_pylist()
    assert report.reused == len(first.asked)
    undisturbed = Embedding()
    whole = vectors.product_vectors(catalog, space=SPACE)[1]
    for table in (catalog.path / "tables").glob("*.parquet"):
        table.unlink()
    vectors.run(undisturbed, catalog, space=SPACE)
    np.testing.assert_array_equal(whole, vectors.product_vectors(catalog, space=SPACE)[1])
    assert not list((catalog.path / "tables").glob("*.parts"))


def test_a_finished_catalog_is_not_looked_at_again(catalog: Catalog) -> None:
    bad = (catalog.images["image_id"][3].as_py(),)
    first = vectors.run(Embedding(bad), catalog, space=SPACE)
    again = Embedding()

    report = vectors.run(again, catalog, space=SPACE)

    assert again.asked == []
    assert report.reused == 30
    assert report.findings == first.findings == (Finding(bad[0], "unreadable", "torn"),)


def test_photos_that_cannot_be_read_have_no_vector(catalog: Catalog) -> None:
    images = catalog.images.to_pylist()
    # one of a product's three, and all of another's, which make up a part alone
    bad = (images[0]["image_id"], *(row["image_id"] for row in images if row["product_id"] == images[3]["product_id"]))

    report = vectors.run(Embedding(bad), catalog, space=SPACE)

    assert (report.photos, report.products) == (26, 9)
    assert [finding.source for finding in report.findings] == list(bad)
    ids, matrix = vectors.product_vectors(catalog, space=SPACE)
    assert images[3]["product_id"] not in ids
    np.testing.assert_allclose(matrix[0], expected_product(catalog, ids[0], bad), rtol=1e-4, atol=1e-6)


def test_two_bundles_keep_apart(catalog: Catalog) -> None:
    vectors.run(Embedding(), catalog, space=SPACE)
    # another bundle whose digest begins the same
    twin = SPACE[:12] + "0" * 52

    with pytest.raises(CatalogError, match="run `catalens embed"):
        vectors.product_vectors(catalog, space=twin)
    again = Embedding()
    vectors.run(again, catalog, space=twin)
    assert len(again.asked) == 30


def test_index_of_a_catalog_knows_its_products(catalog: Catalog) -> None:
    bad = tuple(row["image_id"] for row in catalog.images.to_pylist() if row["product_id"] == "p001")
    vectors.run(Embedding(bad), catalog, space=SPACE)

    index = exact.build(catalog, space=SPACE, model="m@1")

    assert len(index.products) == 9
    assert index.info.catalog_digest == catalog.digest
    for product in ("p000", "p009"):
        row = index.products.row(product)
        assert index.products.category(row) == catalog.categories[product]
        np.testing.assert_allclose(index.vector(product), expected_product(catalog, product), rtol=1e-4, atol=1e-6)


def test_index_without_vectors_says_which_verb_is_missing(catalog: Catalog) -> None:
    with pytest.raises(CatalogError, match="run `catalens embed BUNDLE"):
        exact.build(catalog, space=SPACE, model="m@1")

"""The graph's runner: checks what it opens, and answers alike whatever the batch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from tests.builders.bundles import TAXONOMY, colour_graph, colour_of, tiny_bundle

from catalens.core.errors import BundleIncompatible
from catalens.core.preprocess import Preprocess
from catalens.predict.session import CHUNK, Session

CLASSES, DIM = len(TAXONOMY.leaves), 49


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return Session(tiny_bundle(tmp_path_factory.mktemp("session") / "tiny.bundle"), threads=1)


def _noise(count: int, size: int = 32) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize("count", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5])
def test_any_number_of_photos_gives_one_row_each(session: Session, count: int) -> None:
    logits, embeddings = session.run(_noise(count))
    assert logits.shape == (count, CLASSES)
    assert embeddings.shape == (count, DIM)
    assert logits.dtype == embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


def test_rows_of_a_chunked_batch_are_those_of_single_photos_in_order(session: Session) -> None:
    pixels = _noise(2 * CHUNK + 3)
    together = session.run(pixels)
    for row in (0, CHUNK - 1, CHUNK, 2 * CHUNK + 2):
        alone = session.run(pixels[row : row + 1])
        np.testing.assert_allclose(together[0][row], alone[0][0], atol=1e-4)
        np.testing.assert_allclose(together[1][row], alone[1][0], atol=1e-5)


def test_threads_share_a_session(session: Session) -> None:
    batches = [_noise(count) for count in range(1, 25)]
    expected = [session.run(batch)[0] for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        for got, alone in zip(pool.map(lambda batch: session.run(batch)[0], batches), expected, strict=True):
            np.testing.assert_array_equal(got, alone)


def test_the_tiny_bundle_knows_its_colours(session: Session) -> None:
    pixels = np.stack([np.full((32, 32, 3), colour_of(leaf), np.uint8) for leaf in TAXONOMY.leaves])
    assert session.run(pixels)[0].argmax(axis=1).tolist() == list(range(CLASSES))


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((1, 32, 32, 3), np.float32),
        np.zeros((1, 3, 32, 32), np.uint8),
        np.zeros((32, 32, 3), np.uint8),
        np.zeros((1, 33, 32, 3), np.uint8),
    ],
    ids=["float", "planes first", "no batch axis", "another size"],
)
def test_other_pixels_are_refused_by_shape(session: Session, pixels: np.ndarray) -> None:
    with pytest.raises(BundleIncompatible, match=r"expected pixels uint8 \[N, 32, 32, 3\], got"):
        session.run(pixels)


def _open(model: Path, *, size: int = 32, classes: int = CLASSES, dim: int = DIM) -> Session:
    return Session.of_graph(model, preprocess=Preprocess(size=size), classes=classes, embedding_dim=dim)


@pytest.mark.parametrize(
    ("promised", "words"),
    [
        ({"size": 64}, r"pixels to be tensor\(uint8\) \['N', 64, 64, 3\]"),
        ({"classes": 6}, r"logits to be .* \['N', 6\]"),
        ({"dim": 50}, r"embedding to be .* \['N', 50\]"),
    ],
    ids=["size", "classes", "embedding"],
)
def test_a_graph_of_other_shapes_is_refused(tmp_path: Path, promised: dict[str, int], words: str) -> None:
    onnx.save(colour_graph(TAXONOMY, 32), tmp_path / "model.onnx")
    with pytest.raises(BundleIncompatible, match=words):
        _open(tmp_path / "model.onnx", **promised)


def test_a_graph_with_a_fixed_batch_is_refused(tmp_path: Path) -> None:
    model = colour_graph(TAXONOMY, 32)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(BundleIncompatible, match=r"got tensor\(uint8\) \[2, 32, 32, 3\]"):
        _open(tmp_path / "model.onnx")


def test_a_graph_with_other_outputs_is_refused(tmp_path: Path) -> None:
    model = colour_graph(TAXONOMY, 32)
    del model.graph.output[1]
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(
        BundleIncompatible, match=r"expected the graph to have \['embedding', 'logits'\], got \['logits'\]"
    ):
        _open(tmp_path / "model.onnx")


def test_bytes_that_are_no_graph_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(BundleIncompatible, match=r"model\.onnx: ONNX Runtime .* does not open it"):
        _open(tmp_path / "model.onnx")

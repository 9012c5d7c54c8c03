"""Several photos to one answer: by hand, in any order, at any scale of the logits, and out of a bundle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.builders.bundles import brightness_gate, tiny_bundle

from catalens.core.bundle import MANIFEST, Bundle, _version
from catalens.core.errors import BundleCorrupt
from catalens.core.fusion import FILE, Fusion, read_fusion
from catalens.core.scores import log_softmax, product_logits, softmax

GATE = Fusion("gated", np.array([2.0, -1.0, 0.5], np.float32))
ALL = pytest.mark.parametrize("fusion", [Fusion(), Fusion("max"), GATE], ids=lambda fusion: fusion.kind)
RNG = np.random.default_rng(0)
PRODUCTS = [f"p{number}" for number in RNG.integers(0, 9, 40)]
LOGITS = (RNG.normal(size=(40, 5)) * 4).astype(np.float32)
EMBEDDINGS = RNG.normal(size=(40, 3)).astype(np.float32)


def test_gated_by_hand() -> None:
    embeddings = np.array([[np.log(3), 0], [0, 0], [7, 1]], np.float32)
    gate = Fusion("gated", np.array([1.0, 0.0], np.float32))
    np.testing.assert_allclose(gate.weights(["p", "p", "q"], embeddings), [0.75, 0.25, 1.0], rtol=1e-6)
    ids, logits = gate.fuse(["p", "p", "q"], np.array([[4.0, 0.0], [0.0, 8.0], [5.0, 1.0]]), embeddings)
    assert ids == ("p", "q")
    np.testing.assert_allclose(logits, [[3.0, 2.0], [5.0, 1.0]], rtol=1e-6)


def test_max_by_hand() -> None:
    photos = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])
    _, logits = Fusion("max").fuse(["p", "p"], np.log(photos), np.zeros((2, 3)))
    np.testing.assert_allclose(softmax(logits)[0], np.array([0.7, 0.3, 0.6]) / 1.6)


def test_mean_is_the_mean() -> None:
    ids, logits = Fusion().fuse(PRODUCTS, LOGITS, EMBEDDINGS)
    expected = product_logits(PRODUCTS, LOGITS)
    assert ids == expected[0]
    np.testing.assert_array_equal(logits, expected[1])
    np.testing.assert_allclose(Fusion().weights(["a", "b", "a"], np.zeros((3, 3))), [0.5, 1, 0.5])


@ALL
def test_one_photo_is_the_answer(fusion: Fusion) -> None:
    ids, logits = fusion.fuse([f"p{n}" for n in range(40)], LOGITS, EMBEDDINGS)
    assert len(ids) == 40
    for temperature in (1.0, 2.5):
        np.testing.assert_allclose(softmax(logits, temperature), softmax(LOGITS, temperature), atol=1e-12)


@ALL
def test_the_order_of_photos_changes_nothing(fusion: Fusion) -> None:
    order = np.random.default_rng(1).permutation(40)
    ids, logits = fusion.fuse(PRODUCTS, LOGITS, EMBEDDINGS)
    mixed_ids, mixed = fusion.fuse([PRODUCTS[row] for row in order], LOGITS[order], EMBEDDINGS[order])
    places = [mixed_ids.index(product) for product in ids]
    np.testing.assert_allclose(mixed[places], logits, atol=1e-12)


@ALL
def test_constants_of_a_photo_change_nothing(fusion: Fusion) -> None:
    """Logits say nothing but for their differences: a network may add any number to all of a photo's."""
    _, logits = fusion.fuse(PRODUCTS, LOGITS.astype(np.float64), EMBEDDINGS)
    _, moved = fusion.fuse(PRODUCTS, LOGITS + 100 * np.random.default_rng(2).normal(size=(40, 1)), EMBEDDINGS)
    np.testing.assert_allclose(softmax(moved, 1.7), softmax(logits, 1.7), atol=1e-9)


@ALL
def test_copies_of_a_photo_are_that_photo(fusion: Fusion) -> None:
    _, logits = fusion.fuse(["p"] * 3, LOGITS[[4, 4, 4]], EMBEDDINGS[[4, 4, 4]])
    np.testing.assert_allclose(softmax(logits), softmax(LOGITS[4:5]), atol=1e-12)


@ALL
def test_no_photos(fusion: Fusion) -> None:
    ids, logits = fusion.fuse([], np.zeros((0, 5), np.float32), np.zeros((0, 3), np.float32))
    assert ids == ()
    assert logits.shape == (0, 5)


def test_weights_of_a_steep_gate_do_not_overflow() -> None:
    steep = Fusion("gated", np.array([1e6, 0, 0], np.float32))
    np.testing.assert_allclose(steep.weights(["p", "p"], np.array([[1, 0, 0], [-1, 0, 0]])), [1, 0])


def test_log_softmax_is_the_logarithm_and_large_numbers_are_fine() -> None:
    np.testing.assert_allclose(log_softmax(LOGITS), np.log(softmax(LOGITS)))
    np.testing.assert_allclose(log_softmax(np.array([[1e4, -1e4]])), [[0, -2e4]])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Fusion("median"), "expected a fusion of mean, max, gated, got 'median'"),  # type: ignore[arg-type]
        (lambda: Fusion("gated"), "expected a gate with fusion 'gated'"),
        (lambda: Fusion("mean", np.zeros(3, np.float32)), "and no other, got 'mean'"),
        (lambda: Fusion("gated", np.array([np.nan], np.float32)), "a finite gate"),
        (lambda: Fusion("gated", np.zeros((2, 2), np.float32)), r"got \[2, 2\]"),
    ],
    ids=["unknown", "no gate", "a gate too many", "not a number", "a matrix"],
)
def test_what_does_not_fit_is_refused(make: Callable[[], Fusion], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_a_bundle_carries_the_gate(tmp_path: Path) -> None:
    bundle = Bundle(tiny_bundle(tmp_path / "a.bundle", fusion=brightness_gate()).path)
    assert FILE in bundle.manifest.files
    assert (bundle.manifest.fusion, bundle.fusion.kind) == ("gated", "gated")
    np.testing.assert_array_equal(bundle.fusion.gate, brightness_gate().gate)
    again = tiny_bundle(tmp_path / "b.bundle", fusion=brightness_gate())
    assert again.manifest.files[FILE] == bundle.manifest.files[FILE]
    assert tiny_bundle(tmp_path / "c.bundle", fusion=Fusion("max")).fusion.kind == "max"


def test_a_bundle_from_before_averages(tmp_path: Path) -> None:
    """Its manifest has no such field: it opens, under the version that it was written with."""
    path = tiny_bundle(tmp_path / "a.bundle").path / MANIFEST
    values = json.loads(path.read_text())
    del values["fusion"]
    values["version"] = _version(values)
    path.write_text(json.dumps(values))
    bundle = Bundle(path.parent)
    assert bundle.fusion.kind == "mean"
    assert bundle.name == f"tiny@{values['version']}"


def test_a_gate_that_is_not_in_the_bundle(tmp_path: Path) -> None:
    path = tiny_bundle(tmp_path / "a.bundle").path / MANIFEST
    values = json.loads(path.read_text()) | {"fusion": "gated"}
    path.write_text(json.dumps(values | {"version": _version(values)}))
    with pytest.raises(BundleCorrupt, match=r"the manifest lists no fusion\.npz"):
        Bundle(path.parent)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut"], ids=["empty", "text", "cut"])
def test_a_file_that_holds_no_gate(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(BundleCorrupt, match="does not hold a gate"):
        read_fusion("gated", tmp_path, dim=3)


def test_a_gate_for_other_embeddings(tmp_path: Path) -> None:
    GATE.write(tmp_path)
    with pytest.raises(BundleCorrupt, match="expected a gate over embeddings of 8 numbers, got 3"):
        read_fusion("gated", tmp_path, dim=8)

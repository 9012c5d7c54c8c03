from __future__ import annotations

import numpy as np
import pytest

from catalens.core.scores import product_embeddings, product_logits, softmax


def test_softmax_by_hand() -> None:
    np.testing.assert_allclose(softmax(np.log([[1.0, 2.0, 5.0]])), [[0.125, 0.25, 0.625]])


def test_softmax_at_a_temperature() -> None:
    np.testing.assert_allclose(softmax(np.log([[1.0, 4.0]]), temperature=2.0), [[1 / 3, 2 / 3]])


def test_softmax_of_large_and_of_integer_logits() -> None:
    np.testing.assert_allclose(softmax(np.array([[10_000.0, 10_000.0, -10_000.0]])), [[0.5, 0.5, 0.0]])
    logits = np.array([[1, 1]])
    np.testing.assert_allclose(softmax(logits), [[0.5, 0.5]])
    np.testing.assert_array_equal(logits, [[1, 1]])  # the caller's array is not written to


def test_softmax_of_nothing() -> None:
    assert softmax(np.zeros((0, 4))).shape == (0, 4)


def test_photos_of_a_product_are_averaged_wherever_they_stand() -> None:
    ids, logits = product_logits(["b", "a", "b"], np.array([[1.0, 0.0], [5.0, 5.0], [3.0, 2.0]], np.float32))
    assert ids == ("b", "a")
    np.testing.assert_allclose(logits, [[2.0, 1.0], [5.0, 5.0]])


def test_the_mean_of_logits_is_the_geometric_mean_of_probabilities() -> None:
    photos = np.random.default_rng(0).normal(size=(3, 5)) * 4
    geometric = np.exp(np.log(softmax(photos, 1.7)).mean(axis=0))
    _, logits = product_logits(["p"] * 3, photos)
    np.testing.assert_allclose(softmax(logits, 1.7)[0], geometric / geometric.sum())


def test_no_photos() -> None:
    ids, logits = product_logits([], np.zeros((0, 3), np.float32))
    assert ids == ()
    assert logits.shape == (0, 3)


def test_embeddings_are_the_mean_direction() -> None:
    ids, vectors = product_embeddings(["p", "p", "q"], np.array([[1, 0], [0, 1], [0, -1]], np.float32))
    assert ids == ("p", "q")
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, [[np.sqrt(0.5), np.sqrt(0.5)], [0, -1]], rtol=1e-6)


def test_photos_that_point_apart_make_no_nan() -> None:
    _, vectors = product_embeddings(["p", "p"], np.array([[1, 0], [-1, 0]], np.float32))
    assert np.isfinite(vectors).all()


def test_ids_and_rows_must_agree() -> None:
    with pytest.raises(ValueError, match="shape"):
        product_logits(["p"], np.zeros((2, 3)))

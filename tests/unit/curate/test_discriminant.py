"""The discriminant in closed form, and what the folds leave out of it."""

from __future__ import annotations

import numpy as np
import pytest

from catalens.curate.labels.discriminant import SHRINKAGE, fit_without_each
from catalens.curate.labels.folds import deal, probabilities


def clouds(sizes: list[int], *, dim: int = 6, apart: float = 3.0, seed: int = 0):
    """(vectors float32 [M, D], labels int64 [M]): a cloud a class, of one shape, far from the origin."""
    rng = np.random.default_rng(seed)
    shape = rng.normal(0, 1, (dim, dim))
    labels = np.repeat(np.arange(len(sizes)), sizes)
    means = rng.normal(0, apart, (len(sizes), dim)) + 10
    return (rng.normal(0, 1, (len(labels), dim)) @ shape / 2 + means[labels]).astype(np.float32), labels


def test_the_same_as_from_the_definition():
    vectors, labels = clouds([40, 25, 60])
    fold = np.arange(len(labels)) % 4
    heads = fit_without_each(vectors, labels, fold, classes=3)
    assert len(heads) == 4
    for number, head in enumerate(heads):
        seen, own = vectors[fold != number].astype(np.float64), labels[fold != number]
        means = np.array([seen[own == c].mean(axis=0) for c in range(3)])
        spread = sum((x - means[c])[:, None] * (x - means[c]) for x, c in zip(seen, own, strict=True)) / (len(own) - 3)
        covariance = (1 - SHRINKAGE) * spread + SHRINKAGE * np.trace(spread) / 6 * np.eye(6)
        inside = vectors[fold == number].astype(np.float64)
        away = inside[:, None] - means
        distance = np.einsum("ncd,de,nce->nc", away, np.linalg.inv(covariance), away)
        expected = np.log(np.bincount(own) / len(own)) - distance / 2
        found = head.logits(vectors[fold == number])
        # up to a constant a row
        assert found - found[:, :1] == pytest.approx(expected - expected[:, :1], rel=1e-3, abs=5e-2)


def test_more_dimensions_than_vectors():
    vectors, labels = clouds([6, 6, 6], dim=64, apart=6)
    heads = fit_without_each(vectors, labels, np.arange(18) % 3, classes=3)
    right = [
        head.logits(vectors[np.arange(18) % 3 == n]).argmax(axis=1) == labels[np.arange(18) % 3 == n]
        for n, head in enumerate(heads)
    ]
    assert np.concatenate(right).mean() == 1


def test_vectors_that_are_all_the_same():
    head = fit_without_each(np.ones((8, 4), np.float32), np.arange(8) % 2, np.arange(8) // 4, classes=2)[0]
    assert np.isfinite(head.logits(np.ones((1, 4), np.float32))).all()


def test_no_product_and_no_copy_teaches_about_itself():
    # labels without any meaning: whoever has seen a label, or its copy's, beats chance
    rng = np.random.default_rng(0)
    vectors = np.repeat(rng.normal(0, 1, (300, 200)), 2, axis=0).astype(np.float32)
    labels = np.repeat(rng.integers(0, 3, 300), 2)
    groups = np.repeat(np.arange(300), 2)
    names, leaves = [f"p{n}" for n in range(600)], [str(label) for label in labels]
    fold = deal(names, leaves, groups, folds=5, seed=0)
    assert (fold[::2] == fold[1::2]).all()
    right = np.zeros(600, dtype=bool)
    for rows, block in probabilities(vectors, labels, fold, classes=3)():
        right[rows] = block.argmax(axis=1) == labels[rows]
    assert right.mean() == pytest.approx(1 / 3, abs=0.07)
    apart = deal(names, leaves, np.arange(600), folds=5, seed=0)
    for rows, block in probabilities(vectors, labels, apart, classes=3)():
        right[rows] = block.argmax(axis=1) == labels[rows]
    assert right.mean() > 0.5, "with the copies dealt apart the same model remembers"


def test_probabilities_come_in_blocks_that_can_be_read_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("catalens.curate.labels.folds.BLOCK_VALUES", 30)
    vectors, labels = clouds([40, 25, 60])
    blocks = probabilities(vectors, labels, np.arange(125) % 5, classes=3)
    first, second = list(blocks()), list(blocks())
    assert max(len(rows) for rows, _ in first) == 10
    assert sorted(np.concatenate([rows for rows, _ in first])) == list(range(125))
    for (rows, block), (again, same) in zip(first, second, strict=True):
        assert (rows == again).all()
        assert (block == same).all()
        assert block.sum(axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("stray", [0.0, 0.1])
@pytest.mark.parametrize("apart", [0.6, 3.0], ids=["classes that overlap", "classes apart"])
def test_a_model_is_as_sure_as_it_is_right(apart: float, stray: float):
    # 60 dimensions for 1,500 vectors: without a temperature the model is far too sure
    rng = np.random.default_rng(0)
    vectors, labels = clouds([150] * 10, dim=60, apart=apart)
    given = np.where(rng.random(1500) < stray, rng.integers(0, 10, 1500), labels)
    confidence, right = np.zeros(1500), np.zeros(1500, dtype=bool)
    for rows, block in probabilities(vectors, given, rng.integers(0, 5, 1500), classes=10)():
        confidence[rows] = block.max(axis=1)
        right[rows] = block.argmax(axis=1) == labels[rows]
    assert 0.3 < right.mean() <= 1
    assert confidence.mean() == pytest.approx(right.mean(), abs=0.06), "of the true labels, not of the stray ones"


def test_every_fold_gets_its_share_of_every_leaf():
    leaves = [leaf for leaf, size in (("a", 50), ("b", 10), ("c", 5)) for _ in range(size)]
    names = [f"p{n}" for n in range(65)]
    fold = deal(names, leaves, np.arange(65), folds=5, seed=0)
    for leaf, size in (("a", 10), ("b", 2), ("c", 1)):
        assert np.bincount(fold[np.array(leaves) == leaf], minlength=5).tolist() == [size] * 5
    order = np.random.default_rng(0).permutation(65)
    again = deal([names[n] for n in order], [leaves[n] for n in order], np.arange(65), folds=5, seed=0)
    assert (again == fold[order]).all(), "whatever the order of the rows"
    assert (deal(names, leaves, np.arange(65), folds=5, seed=1) != fold).any()

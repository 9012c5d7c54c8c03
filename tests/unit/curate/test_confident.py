"""Confident learning in blocks finds what a plain, dense implementation of the paper finds, and what cleanlab finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from catalens.core.errors import SourceError
from catalens.curate.labels.confident import Blocks, Prune, blocks_of, find

PRUNE: dict[Prune, str] = {"noise_rate": "prune_by_noise_rate", "class": "prune_by_class", "both": "both"}


def noisy(count: int, classes: int, *, noise: float, seed: int, sharp: float = 4.0):
    """(given labels int64 [M], true labels int64 [M], probabilities float32 [M, C]) of a model that is often right."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, classes, count)
    given = np.where(rng.random(count) < noise, rng.integers(0, classes, count), true)
    logits = rng.normal(0, 1, (count, classes))
    logits[np.arange(count), true] += sharp * rng.random(count)
    weights = np.exp(1.5 * logits)
    return given, true, (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def in_blocks(matrix: np.ndarray, size: int = 37, seed: int | None = None) -> Blocks:
    """Blocks of rows, shuffled where there is a seed."""
    order = np.arange(len(matrix)) if seed is None else np.random.default_rng(seed).permutation(len(matrix))
    return lambda: ((rows, matrix[rows]) for rows in np.array_split(order, max(1, len(order) // size)))


def dense(labels: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """(calibrated joint int [C, C], {prune: issue bool [M]}) by loops over items and pairs of classes."""
    count, classes = p.shape
    thresholds = np.array([p[labels == c, c].mean() for c in range(classes)]) - 1e-6
    joint = np.zeros((classes, classes))
    for item in range(count):
        own = p[item, labels[item]]
        sure = [c for c in range(classes) if p[item, c] >= thresholds[c] and p[item, c] >= own]
        if sure:
            joint[labels[item], max(sure, key=lambda c: p[item, c])] += 1
    np.fill_diagonal(joint, joint.diagonal().clip(min=1))
    for c in range(classes):
        size, counted = int((labels == c).sum()), int(joint[c].sum())
        whole, rest = np.divmod(joint[c].astype(int) * size, counted)
        for place in sorted(range(classes), key=lambda j: (-rest[j], j))[: size - whole.sum()]:
            whole[place] += 1
        joint[c] = whole
    by_rate, by_class = np.zeros(count, bool), np.zeros(count, bool)
    for c in range(classes):
        inside = np.flatnonzero(labels == c)
        for other in set(range(classes)) - {c}:
            margin = p[inside, other] - p[inside, c]
            by_rate[inside[np.argsort(-margin, kind="stable")[: int(joint[c, other])]]] = True
        by_class[inside[np.argsort(p[inside, c], kind="stable")[: int(joint[c].sum() - joint[c, c])]]] = True
    contradicted = p.argmax(axis=1) != labels
    by_rate &= contradicted
    by_class &= contradicted
    return joint, {"noise_rate": by_rate, "class": by_class, "both": by_rate & by_class}


CASES = [(300, 4, 0.1), (1500, 10, 0.2), (1200, 40, 0.1), (1500, 3, 0.4)]


@pytest.mark.parametrize("prune", PRUNE)
@pytest.mark.parametrize(("count", "classes", "noise"), CASES)
def test_the_same_as_by_loops(count: int, classes: int, noise: float, prune: Prune):
    labels, _, p = noisy(count, classes, noise=noise, seed=classes)
    joint, issues = dense(labels, p)
    found = find(labels, in_blocks(p, seed=1), classes=classes, prune=prune)
    mine = np.zeros_like(joint)
    mine[found.joint.given, found.joint.true] = found.joint.count
    assert (mine == joint).all()
    assert (found.issue == issues[prune]).all()
    assert issues[prune].any()
    assert found.thresholds == pytest.approx([p[labels == c, c].mean() for c in range(classes)], abs=1e-6)


@pytest.mark.parametrize("prune", PRUNE)
@pytest.mark.parametrize(("count", "classes", "noise"), CASES)
def test_the_same_issues_as_cleanlab(count: int, classes: int, noise: float, prune: Prune):
    try:
        from cleanlab.filter import find_label_issues
    except ImportError:
        pytest.skip("cleanlab is not installed")
    labels, _, p = noisy(count, classes, noise=noise, seed=classes, sharp=8)
    theirs = find_label_issues(labels, p, filter_by=PRUNE[prune], n_jobs=1)
    mine = find(labels, in_blocks(p), classes=classes, prune=prune).issue
    # which of several equal remainders of the joint is rounded up is not the same; with 30 items a class it counts most
    assert (mine & theirs).sum() / (mine | theirs).sum() > (0.8 if count < 100 * classes else 0.95)
    assert abs(int(mine.sum()) - int(theirs.sum())) <= 0.02 * count


@pytest.mark.parametrize("prune", PRUNE)
def test_wrong_labels_are_found_and_come_first(prune: Prune):
    labels, true, p = noisy(3000, 8, noise=0.1, seed=0, sharp=8)
    found = find(labels, in_blocks(p), classes=8, prune=prune)
    wrong = labels != true
    assert wrong[found.issue].mean() > 0.55
    assert found.issue[wrong].mean() > 0.7
    first = np.argsort(found.rank)[:100]
    assert wrong[first].mean() > 0.95
    assert sorted(found.rank) == list(range(1, 3001))
    assert found.rank[found.issue].max() == found.issue.sum()
    assert found.noise == pytest.approx(np.full(8, wrong.mean()), abs=0.15)


def test_what_is_said_of_an_item():
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.1, 0.3, 0.6], [0.05, 0.05, 0.9]], dtype=np.float32)
    labels = np.array([0, 1, 2, 0])
    found = find(labels, in_blocks(p, size=1), classes=3)
    assert found.suggested.tolist() == [1, 0, 1, 2]
    assert found.self_confidence == pytest.approx([0.7, 0.8, 0.6, 0.05])
    assert found.margin == pytest.approx([-0.5, -0.7, -0.3, 0.85])
    assert found.issue.tolist() == [False, False, False, True]
    assert found.rank[3] == 1
    pairs = zip(found.joint.given, found.joint.true, found.joint.count, strict=True)
    assert {(int(i), int(j)): int(n) for i, j, n in pairs if n} == {(0, 0): 1, (0, 2): 1, (1, 1): 1, (2, 2): 1}
    assert found.noise.tolist() == [0.5, 0, 0]


def test_a_class_that_nothing_can_learn_does_not_take_everything():
    # class 2 has a self-confidence of next to 0, so that every item passes its threshold
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [500, 500, 3])
    p = np.full((1003, 3), 0.001)
    p[:, 0] = np.where(labels == 0, rng.uniform(0.4, 1, 1003), rng.uniform(0, 0.3, 1003))
    p[:, 1] = 0.999 - p[:, 0]
    found = find(labels, in_blocks(p), classes=3)
    to_it = found.joint.count[(found.joint.true == 2) & (found.joint.given != 2)]
    assert to_it.sum() == 0


def test_a_class_without_items_is_never_suspected_of_anything():
    labels, _, p = noisy(200, 4, noise=0.1, seed=1)
    wider = np.concatenate([p * 0.9, np.full((200, 1), 0.1, np.float32)], axis=1)
    found = find(labels, in_blocks(wider), classes=5)
    assert np.isnan(found.thresholds[4])
    assert found.noise[4] == 0
    assert 4 not in found.joint.true


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_file_is_read_in_blocks(tmp_path: Path, dtype: type):
    labels, _, p = noisy(500, 12, noise=0.2, seed=3)
    np.save(tmp_path / "p.npy", p.astype(dtype))
    blocks = blocks_of(tmp_path / "p.npy", values=100)
    assert max(len(rows) for rows, _ in blocks()) == 8
    mine, whole = find(labels, blocks, classes=12), find(labels, in_blocks(p.astype(dtype)), classes=12)
    assert (mine.issue == whole.issue).all()
    assert mine.self_confidence == pytest.approx(p[np.arange(500), labels], abs=2e-3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read as an .npy file"),
        (b"\x93NUMPY cut", "cannot be read as an .npy file"),
        (np.zeros(3, np.float32), r"expected probabilities float \[M, C\], got float32 \[3\]"),
        (np.zeros((3, 2), np.int64), r"got int64 \[3, 2\]"),
        (np.array([[{}]]), "cannot be read as an .npy file"),
    ],
    ids=["empty", "cut", "one axis", "whole numbers", "objects"],
)
def test_a_file_that_is_no_matrix_is_an_error(tmp_path: Path, content: bytes | np.ndarray, message: str):
    path = tmp_path / "p.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content, allow_pickle=True)
    with pytest.raises(SourceError, match=message):
        blocks_of(path)


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([(np.arange(2), np.full((2, 3), 0.3))], "expected probabilities of 4 rows, got 2"),
        ([(np.arange(4), np.full((4, 2), 0.5))], r"expected a block of shape \[4, 3\], got \[4, 2\]"),
        ([(np.arange(4), np.full((4, 3), np.nan))], r"expected probabilities in \[0, 1\]"),
        ([(np.arange(4), np.full((4, 3), -1.0))], r"expected probabilities in \[0, 1\]"),
        ([(np.arange(4), np.full((4, 3), 3.0))], r"expected probabilities in \[0, 1\]"),
        ([(np.arange(4), np.full((4, 3), 0.3))] * 2, "got one in two"),
    ],
    ids=["rows missing", "width", "not a number", "negative", "logits", "twice"],
)
def test_blocks_that_are_no_probabilities_are_an_error(blocks: list[tuple[np.ndarray, np.ndarray]], message: str):
    with pytest.raises(ValueError, match=message):
        find(np.array([0, 1, 2, 0]), lambda: iter(blocks), classes=3)

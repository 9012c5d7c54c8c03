"""What holds for every input of the core, looked for by hypothesis."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from catalens.core.preprocess import Preprocess
from catalens.core.promise import LevelRule, Promise
from catalens.core.scores import product_logits, softmax
from catalens.core.taxonomy import Taxonomy

FEW = settings(max_examples=60, deadline=None, derandomize=True)
# leaf ids apart from any path, so that every draw is a tree
trees = st.dictionaries(
    st.integers(0, 999).map(lambda number: f"#{number}"),
    st.lists(st.sampled_from(["x", "y", "z"]), min_size=1, max_size=4).map(tuple),
    min_size=1,
    max_size=12,
)
seeds = st.integers(0, 2**32 - 1)


def probabilities(seed: int, rows: int, columns: int) -> np.ndarray:
    return softmax(np.random.default_rng(seed).normal(size=(rows, columns)) * 5)


@FEW
@given(
    height=st.integers(1, 5000),
    width=st.integers(1, 5000),
    size=st.integers(8, 64),
    resize=st.sampled_from(["pad", "crop", "squash"]),
    interpolation=st.sampled_from(["bilinear", "bicubic", "lanczos"]),
)
def test_any_photo_becomes_a_square(height: int, width: int, size: int, resize: str, interpolation: str) -> None:
    if height * width > 2_000_000:  # thin ones keep their length, square ones are scaled down: time, not kind
        height, width = max(1, height // 10), max(1, width // 10)
    image = np.full((height, width, 3), (255, 0, 7), np.uint8)
    preprocess = Preprocess(size=size, resize=resize, interpolation=interpolation, fill=(255, 0, 7))
    square = preprocess.fit(image)
    assert square.shape == (size, size, 3)
    assert square.dtype == np.uint8
    assert (square == (255, 0, 7)).all()  # no edge darkens, no fill shows


@FEW
@given(paths=trees, seed=seeds)
def test_probabilities_of_every_level_sum_to_one(paths: dict[str, tuple[str, ...]], seed: int) -> None:
    tree = Taxonomy.from_paths(paths)
    leaves = probabilities(seed, 3, len(tree.leaves))
    above = None
    for level in range(tree.depth):
        nodes = tree.level_probabilities(leaves, level)
        assert nodes.shape == (3, len(tree.level_nodes[level]))
        np.testing.assert_allclose(nodes.sum(axis=1), 1)
        if above is not None:  # a node is never surer than its parent
            assert (nodes.max(axis=1) <= above + 1e-12).all()
        above = nodes.max(axis=1)


@FEW
@given(paths=trees)
def test_a_tree_survives_its_table_and_keeps_its_leaves(paths: dict[str, tuple[str, ...]]) -> None:
    tree = Taxonomy.from_paths(paths)
    back = Taxonomy.from_table(tree.to_table())
    assert back == tree
    assert back.digest == tree.digest
    assert set(tree.leaves) == set(paths)
    assert all(tree.path_names(leaf) == paths[leaf] for leaf in paths)


@FEW
@given(paths=trees, seed=seeds)
def test_a_subset_is_a_tree_in_the_same_order(paths: dict[str, tuple[str, ...]], seed: int) -> None:
    tree = Taxonomy.from_paths(paths)
    kept = {leaf for leaf in tree.leaves if np.random.default_rng(seed).random() < 0.5} or {tree.leaves[0]}
    part = tree.subset(kept)
    assert part.leaves == tuple(leaf for leaf in tree.leaves if leaf in kept)
    assert all(part.path(leaf) == tree.path(leaf) for leaf in kept)


@FEW
@given(products=st.lists(st.sampled_from("abcd"), min_size=1, max_size=12), seed=seeds)
def test_the_order_of_photos_does_not_matter(products: list[str], seed: int) -> None:
    chance = np.random.default_rng(seed)
    logits = chance.normal(size=(len(products), 3)).astype(np.float32)
    order = chance.permutation(len(products))
    ids, means = product_logits(products, logits)
    shuffled_ids, shuffled = product_logits([products[row] for row in order], logits[order])
    place = {product: row for row, product in enumerate(shuffled_ids)}
    assert set(ids) == set(shuffled_ids) == set(products)
    np.testing.assert_allclose(means, shuffled[[place[product] for product in ids]], atol=1e-9)


@FEW
@given(paths=trees, seed=seeds, thresholds=st.lists(st.none() | st.floats(0, 1), min_size=4, max_size=4))
def test_what_is_filed_was_allowed_and_deeper_was_not(
    paths: dict[str, tuple[str, ...]], seed: int, thresholds: list[float | None]
) -> None:
    tree = Taxonomy.from_paths(paths)
    leaves = probabilities(seed, 5, len(tree.leaves))
    rules = tuple(LevelRule(level, thresholds[level]) for level in range(tree.depth - 1, -1, -1))
    choice = Promise(0.9, 0.05, rules).choose(tree, leaves)
    best = [tree.level_probabilities(leaves, level).max(axis=1) for level in range(tree.depth)]
    for row in range(5):
        for level in range(tree.depth):
            threshold = thresholds[level]
            allowed = threshold is not None and best[level][row] >= threshold
            if level > choice.level[row]:
                assert not allowed
            elif level == choice.level[row]:
                assert allowed
                assert choice.confidence[row] == best[level][row]

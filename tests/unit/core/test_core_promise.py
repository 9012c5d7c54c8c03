from __future__ import annotations

import json

import numpy as np
import pytest

from catalens.core.promise import LevelRule, Promise
from catalens.core.taxonomy import Taxonomy

SHOP = Taxonomy.from_paths({"a": ("x", "A"), "b": ("x", "B"), "c": ("y", "C")})
SURE, TORN, LOST = [0.96, 0.02, 0.02], [0.5, 0.45, 0.05], [0.3, 0.25, 0.45]


def promise(deep: float | None, top: float | None) -> Promise:
    return Promise(0.98, 0.05, (LevelRule(1, deep), LevelRule(0, top)))


def test_the_deepest_trusted_level_wins_and_the_rest_climb() -> None:
    choice = promise(0.9, 0.8).choose(SHOP, np.array([SURE, TORN, LOST]))
    assert choice.level.tolist() == [1, 0, -1]
    assert [SHOP.level_nodes[max(level, 0)][node] for level, node in zip(choice.level, choice.node, strict=True)] == [
        "a",
        "x",
        "x",  # not filed; the top level's best node is still told
    ]
    np.testing.assert_allclose(choice.confidence, [0.96, 0.95, 0.55])
    assert choice.filed.tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("deep", "top", "levels"),
    [
        (None, 0.8, [0, 0, -1]),
        (0.9, None, [1, -1, -1]),
        (None, None, [-1, -1, -1]),
        (0.0, 0.0, [1, 1, 1]),
        (0.96, 0.95, [1, 0, -1]),
        (0.9601, 0.9501, [0, -1, -1]),
    ],
    ids=["none below", "none above", "none at all", "all", "exactly at the threshold", "just under it"],
)
def test_thresholds(deep: float | None, top: float | None, levels: list[int]) -> None:
    choice = promise(deep, top).choose(SHOP, np.array([SURE, TORN, LOST]))
    assert choice.level.tolist() == levels


def test_no_products() -> None:
    choice = promise(0.9, 0.8).choose(SHOP, np.zeros((0, 3)))
    assert choice.level.shape == choice.node.shape == choice.confidence.shape == (0,)


def test_one_product_is_decided_as_in_a_crowd() -> None:
    crowd = np.array([SURE, TORN, LOST] * 5)
    together = promise(0.9, 0.8).choose(SHOP, crowd)
    for row in range(len(crowd)):
        alone = promise(0.9, 0.8).choose(SHOP, crowd[row : row + 1])
        assert (alone.level[0], alone.node[0], alone.confidence[0]) == (
            together.level[row],
            together.node[row],
            together.confidence[row],
        )


def test_json_and_back() -> None:
    made = Promise(0.98, 0.05, (LevelRule(1, 0.9123456789, 100, 99, 0.953), LevelRule(0, None)))
    assert Promise.from_json(json.loads(json.dumps(made.to_json()))) == made

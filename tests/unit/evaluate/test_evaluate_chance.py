"""Exact tests of counts, the risk curve and the word of each category, against values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from tests.builders.outcomes import outcomes_of

from catalens.core.taxonomy import Taxonomy
from catalens.evaluate import category_trust, risk
from catalens.evaluate.chance import holm, mcnemar

TREE = Taxonomy.from_paths({"mug": ("Mug",), "pan": ("Pan",)})


@pytest.mark.parametrize(
    ("won", "lost", "p"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (5, 0, 2 / 32),
        (0, 6, 2 / 64),
        (2, 8, 2 * (1 + 10 + 45) / 1024),  # 0.109375
        (4, 4, 1.0),
        (10, 30, 0.0022214),  # 2 * P(X <= 10), X ~ B(40, 1/2)
    ],
)
def test_mcnemar_by_hand(won: int, lost: int, p: float) -> None:
    assert mcnemar(won, lost) == pytest.approx(p, rel=1e-4)
    assert mcnemar(lost, won) == mcnemar(won, lost)


def test_holm_by_hand() -> None:
    # smallest times 4, next times 3, ...; never below the one before, never above 1
    assert holm([0.04, 0.01, 0.03, 0.9]) == pytest.approx([0.09, 0.04, 0.09, 0.9])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_the_risk_curve_files_equally_sure_products_together() -> None:
    confidence = np.array([0.9, 0.8, 0.8, 0.8, 0.1])
    correct = np.array([True, True, False, True, False])
    points = risk.curve(confidence, correct, points=5)
    assert [point["filed"] for point in points] == pytest.approx([0.2, 0.8, 1.0])
    assert [point["precision"] for point in points] == pytest.approx([1.0, 0.75, 0.6])
    assert [point["confidence"] for point in points] == [0.9, 0.8, 0.1]


def test_a_mean_that_is_honest_may_hide_a_category_that_is_not() -> None:
    rng = np.random.default_rng(0)
    answer = np.repeat([0, 1], 200)
    said = np.full(400, 0.8)
    right = np.concatenate([rng.random(200) < 0.97, rng.random(200) < 0.63])
    rows = category_trust.by_category(outcomes_of(np.where(right, answer, 1 - answer), answer, said), TREE)
    assert [(row["id"], row["over_confident"]) for row in rows] == [("pan", True), ("mug", False)]
    worst = rows[0]
    assert worst["answers"] == 200
    assert worst["z"] == pytest.approx((160 - worst["right"]) / np.sqrt(200 * 0.8 * 0.2))
    assert rows[1]["z"] < 0


def test_few_answers_are_not_judged() -> None:
    few = outcomes_of(np.zeros(19, int), np.ones(19, int), np.full(19, 0.999))
    assert category_trust.by_category(few, TREE) == []


def test_honest_categories_are_hardly_ever_accused() -> None:
    tree = Taxonomy.from_paths({f"c{number}": (f"c{number}",) for number in range(20)})
    accused = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        answer, said = rng.integers(0, 20, 2000), rng.uniform(0.3, 1, 2000)
        truth = np.where(rng.random(2000) < said, answer, (answer + 1) % 20)
        accused += any(
            row["over_confident"] for row in category_trust.by_category(outcomes_of(truth, answer, said), tree)
        )
    assert accused <= 4  # of 40 worlds, one in twenty at most in the long run


def test_one_wrong_answer_of_a_softmax_at_one_is_no_impossibility() -> None:
    truth = np.array([1, *[0] * 99])
    rows = category_trust.by_category(outcomes_of(truth, np.zeros(100, int), np.ones(100)), TREE)
    assert 0 < rows[0]["p"] < 1e-3

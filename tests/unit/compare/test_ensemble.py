"""The geometric mean against numpy's own, and who is asked to join."""

from __future__ import annotations

import numpy as np
import pytest

from catalens.compare.ensemble import Voice, geometric_mean, pick
from catalens.compare.measure import Answers, read_answers, write_answers
from catalens.compare.rows import Row
from catalens.core.calibrator import Calibrator
from catalens.core.taxonomy import Taxonomy

TREE = Taxonomy.from_paths({name: (name,) for name in "abc"})
TRUTH = np.array([0, 1, 2, 0, 1, 2, -1])


def voice(name: str, logits: np.ndarray) -> Voice:
    answers = {"val": Answers(tuple(f"p{row}" for row in range(len(logits))), logits.astype(np.float32))}
    return Voice(Row(name=name, kind="model", test=0.5), answers, Calibrator(), TREE)


def test_the_geometric_mean_of_calibrated_probabilities() -> None:
    rng = np.random.default_rng(0)
    logits, temperatures = [rng.normal(size=(5, 3)) * 3 for _ in range(3)], [0.5, 1.0, 2.0]
    said = [np.exp(one / heat) for one, heat in zip(logits, temperatures, strict=True)]
    expected = np.prod([one / one.sum(axis=1, keepdims=True) for one in said], axis=0) ** (1 / 3)
    expected /= expected.sum(axis=1, keepdims=True)
    assert np.exp(geometric_mean(logits, [Calibrator(one) for one in temperatures])) == pytest.approx(expected)
    # not what an arithmetic mean, or one without temperatures, gives
    assert np.exp(geometric_mean(logits, [Calibrator()] * 3)) != pytest.approx(expected, abs=0.01)


def test_greedy_by_nll_takes_who_helps_and_nobody_else() -> None:
    known = np.eye(3)[np.maximum(TRUTH, 0)]
    noise = np.random.default_rng(1).normal(size=(3, len(TRUTH), 3))
    good = voice("good", 3 * known + 1.5 * noise[0])
    helps = voice("helps", 3 * known - 1.5 * noise[0])  # errs the other way: together they are right
    random = voice("random", 20 * noise[1])
    assert {one.row.name for one in pick([random, good, helps], TRUTH, "val", 3)} == {"good", "helps"}
    assert len(pick([random, good, helps], TRUTH, "val", 1)) == 1


def test_answers_are_kept(tmp_path) -> None:  # type: ignore[no-untyped-def]
    answers = {
        "val": Answers(("a", "schräg"), np.float32([[1, 2], [3, 4]])),
        "test": Answers((), np.empty((0, 2), "f")),
    }
    write_answers(tmp_path / "answers.npz", answers)
    found = read_answers(tmp_path / "answers.npz")
    assert found["val"].product_ids == ("a", "schräg")
    assert (found["val"].logits == answers["val"].logits).all()
    assert found["test"].logits.shape == (0, 2)

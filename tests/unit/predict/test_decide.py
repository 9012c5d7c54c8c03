"""Decisions in words: file at a leaf, climb, suggest, object, reject."""

from __future__ import annotations

import numpy as np
import pytest
from tests.builders.bundles import TAXONOMY, default_promises

from catalens.core.prediction import Finding
from catalens.core.promise import LevelRule, Promise
from catalens.predict.decide import best_labels, decide, disagreement, percent, reject

PROMISE = default_promises(TAXONOMY)[2]  # 0.98 at every level
LEAVES = TAXONOMY.leaves
KEPT = "and such answers are right at least 98 % of the time."


def _probabilities(**shares: float) -> np.ndarray:
    """What is not given is spread over all leaves."""
    rest = (1 - sum(shares.values())) / len(LEAVES)
    return np.array([shares.get(leaf, 0.0) + rest for leaf in LEAVES])


@pytest.mark.parametrize(
    ("shares", "action", "node", "level", "words"),
    [
        (
            {"sneaker": 0.992},
            "file",
            "sneaker",
            "type",
            f"Filed under Fashion > Footwear > Sneaker: 99.3 % sure, {KEPT}",
        ),
        (
            {"sneaker": 0.6, "boot": 0.395},
            "file",
            "Fashion > Footwear",
            "family",
            f"Sure of Fashion > Footwear (99.6 %), not of the kind within it: filed there, {KEPT}",
        ),
        (
            {"sneaker": 0.5, "dress": 0.49},
            "file",
            "Fashion",
            "department",
            f"Sure of Fashion (99.5 %), not of the kind within it: filed there, {KEPT}",
        ),
        (
            {"sneaker": 0.5, "apple": 0.4},
            "suggest",
            None,
            None,
            "Not sure enough for any promise: ask a person; "
            "best guesses Sneaker (51.4 %), Apple (41.4 %), Dress (1.4 %).",
        ),
        (
            {"lamp": 0.99},
            "file",
            "lamp",
            "family",
            f"Filed under Home > Lamp: 99.1 % sure, {KEPT}",
        ),
    ],
    ids=[
        "leaf",
        "climbs to the family",
        "climbs to the department",
        "suggests",
        "a leaf that is not at the last level",
    ],
)
def test_decision(shares: dict[str, float], action: str, node: str | None, level: str | None, words: str) -> None:
    decision = decide(PROMISE, TAXONOMY, _probabilities(**shares))
    assert (decision.action, decision.node, decision.level) == (action, node, level)
    assert decision.reason == words
    assert decision.promise == (0.98 if action == "file" else None)
    assert decision.path == (TAXONOMY.path_names(node) if node else ())


def test_confidence_is_the_nodes_own() -> None:
    probabilities = _probabilities(sneaker=0.6, boot=0.395)
    decision = decide(PROMISE, TAXONOMY, probabilities)
    assert decision.confidence == pytest.approx(
        probabilities[LEAVES.index("sneaker")] + probabilities[LEAVES.index("boot")]
    )


def test_thresholds_are_per_level() -> None:
    promise = Promise(0.9, 0.05, (LevelRule(2, None), LevelRule(1, 0.999), LevelRule(0, 0.5)))
    decision = decide(promise, TAXONOMY, _probabilities(sneaker=0.99))
    assert (decision.action, decision.node) == ("file", "Fashion")


def test_an_unsupported_promise_and_none_at_all_say_so() -> None:
    sure = _probabilities(sneaker=0.999)
    unsupported = decide(default_promises(TAXONOMY)[3], TAXONOMY, sure)
    assert (unsupported.action, unsupported.reason[:32]) == ("suggest", "No level supports this promise: ")
    without = decide(None, TAXONOMY, sure)
    assert (without.action, without.reason[:31]) == ("suggest", "This bundle makes no promises: ")


@pytest.mark.parametrize(
    ("photos", "objects"),
    [
        ([{"sneaker": 0.97}, {"boot": 0.97}], True),
        ([{"sneaker": 0.97}, {"sneaker": 0.95}], False),
        ([{"sneaker": 0.97}, {"boot": 0.8}], False),
        ([{"sneaker": 0.5}, {"sneaker": 0.97}, {"lamp": 0.2}, {"apple": 0.95}], True),
        ([{"sneaker": 0.97}], False),
    ],
    ids=["two leaves", "one leaf", "second not sure", "the second and the fourth", "one photo"],
)
def test_photos_disagree_only_when_each_is_sure_of_another_leaf(photos: list[dict[str, float]], objects: bool) -> None:
    names = [f"{number}.jpg" for number in range(len(photos))]
    reason = disagreement(TAXONOMY, names, np.array([_probabilities(**shares) for shares in photos]))
    assert (reason is not None) == objects


def test_disagreement_names_photos_and_what_they_look_like() -> None:
    photos = np.array([_probabilities(sneaker=0.97), _probabilities(lamp=0.95)])
    reason = disagreement(TAXONOMY, ["front.jpg", "back.jpg"], photos)
    assert reason == (
        "The photos do not show the same thing: front.jpg looks like Sneaker (97.4 %), "
        "back.jpg looks like Lamp (95.7 %); ask a person."
    )


def test_labels_are_best_first_and_ties_follow_the_taxonomy() -> None:
    labels = best_labels(TAXONOMY, _probabilities(lamp=0.4, apple=0.2, banana=0.2), 3)
    assert [label.id for label in labels] == ["lamp", "apple", "banana"]
    assert labels[0].path == ("Home", "Lamp")
    assert len(best_labels(TAXONOMY, _probabilities(), 50)) == len(LEAVES)


def test_reject_names_each_cause_once() -> None:
    findings = [
        Finding("a", "unreadable", "cut short"),
        Finding("b", "unreadable", "cut short"),
        Finding("c", "too large"),
    ]
    assert reject(findings).reason.count("cut short") == 1
    assert "too large" in reject(findings).reason


@pytest.mark.parametrize(
    ("probability", "words"), [(0.9996, "99.9 %"), (1.0, "100.0 %"), (0.0, "0.0 %"), (0.4567, "45.6 %")]
)
def test_percent_never_rounds_up(probability: float, words: str) -> None:
    assert percent(probability) == words

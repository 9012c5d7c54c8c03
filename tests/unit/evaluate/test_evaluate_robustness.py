"""Figures under corruption by hand, and a promise is broken only where errors are too many for chance."""

from __future__ import annotations

import json

import numpy as np
import pytest

from catalens.core.promise import LevelRule, Promise
from catalens.core.rules import Rules
from catalens.core.taxonomy import Taxonomy
from catalens.evaluate.binomial import at_most
from catalens.evaluate.corruptions import CORRUPTIONS
from catalens.evaluate.robustness import Robustness, measure

SHOP = Taxonomy.from_paths({"r": ("warm", "r"), "g": ("cold", "g"), "b": ("cold", "b")})
RED = SHOP.leaf_index["r"]
COLOURS = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200]], np.uint8)
CHANNEL = {"r": 0, "g": 1, "b": 2}
ORDER = [CHANNEL[leaf] for leaf in SHOP.leaves]  # the channel of each leaf
PROMISES = (
    Promise(0.9, 0.05, (LevelRule(1, 0.8), LevelRule(0, 0.9))),
    Promise(0.98, 0.05, (LevelRule(1, 0.99), LevelRule(0, None))),
)


def photos(products: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Squares of 16 pixels, each of the colour of its leaf in the middle of white."""
    truth = np.random.default_rng(seed).integers(0, 3, products)
    squares = np.full((products, 16, 16, 3), 255, np.uint8)
    squares[:, 3:13, 3:13] = COLOURS[np.array(ORDER)[truth]][:, None, None]
    return squares, truth


def colours(squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A model that looks at the mean colour: less light makes it less sure, a colour cast misleads it."""
    means = squares.mean(axis=(1, 2))[:, ORDER]
    logits = ((means - means.mean(axis=1, keepdims=True)) / 4).astype(np.float32)
    return logits, np.zeros((len(squares), 2), np.float32)


def measured(products: int = 120, **options: object) -> Robustness:
    squares, truth = photos(products)
    return measure(colours, squares, truth, Rules(promises=PROMISES), SHOP, **options)


WHOLE = measured()


def test_every_condition_is_there_once_and_the_clean_one_first():
    assert [(one.corruption, one.severity) for one in WHOLE.conditions] == [
        ("clean", 0),
        *((name, severity) for name in CORRUPTIONS for severity in (1, 2, 3, 4, 5)),
    ]
    assert WHOLE.clean.top1 == 1.0
    assert WHOLE.products == 120


def test_darkness_costs_coverage_and_a_colour_cast_precision():
    by_name = {(one.corruption, one.severity): one for one in WHOLE.conditions}
    clean, dark, tinted = by_name["clean", 0], by_name["dark", 5], by_name["colour cast", 5]
    assert clean.promises[0].filed == 1.0
    assert dark.promises[0].kept
    assert dark.promises[0].filed < 0.5
    assert tinted.promises[0].filed > 0.3
    assert not tinted.promises[0].kept
    assert next(iter(WHOLE.mean_top1)) == "colour cast"


def test_by_hand():
    """Ten photos, all sure of red; seven are."""
    truth = np.array([RED] * 7 + [(RED + 1) % 3] * 3)
    probabilities = np.full((10, 3), 0.02)
    probabilities[:, RED] = 0.96
    result = measure(
        lambda squares: [np.log(probabilities[: len(squares)]), np.zeros((len(squares), 2))],
        np.zeros((10, 16, 16, 3), np.uint8),
        truth,
        Rules(promises=PROMISES),
        SHOP,
        corruptions=(),
    )
    (clean,) = result.conditions
    assert clean.top1 == 0.7
    assert clean.ece == pytest.approx(0.316), "ten bins of one: 7 times 0.04 and 3 times 0.96 apart, over 10"
    nine, ninety_eight = clean.promises
    assert (nine.filed, nine.precision) == (1.0, 0.7)
    # three errors or more of ten, where one in ten is promised
    assert nine.p_value == pytest.approx(1 - 0.9**10 - 10 * 0.1 * 0.9**9 - 45 * 0.01 * 0.9**8)
    assert nine.kept, "seven of ten may happen to a promise of 90 % (p = 0.07)"
    assert (ninety_eight.filed, ninety_eight.precision, ninety_eight.kept) == (0.0, None, True)


@pytest.mark.parametrize(("products", "kept"), [(40, True), (4000, False)], ids=["few", "many"])
def test_the_same_precision_breaks_a_promise_only_where_there_are_enough(products: int, kept: bool):
    truth = np.where(np.arange(products) % 8, RED, (RED + 1) % 3)  # 87.5 %
    sure = np.full((products, 3), 0.01)
    sure[:, RED] = 0.98
    result = measure(
        lambda squares: [np.log(sure[: len(squares)]), np.zeros((len(squares), 2))],
        np.zeros((products, 8, 8, 3), np.uint8),
        truth,
        Rules(promises=PROMISES[:1]),
        SHOP,
        corruptions=(),
    )
    (one,) = result.clean.promises
    assert (one.precision, one.kept) == (0.875, kept)
    assert one.p_value == pytest.approx(at_most(products * 7 // 8, products, 0.9))


def test_a_promise_that_just_holds_is_rarely_called_broken():
    broken = 0
    for seed in range(300):
        truth = np.where(np.random.default_rng(seed).random(500) < 0.9, RED, (RED + 1) % 3)
        sure = np.tile(np.where(np.arange(3) == RED, 0.98, 0.01), (500, 1))
        result = measure(
            lambda squares, sure=sure: [np.log(sure[: len(squares)]), np.zeros((len(squares), 2))],
            np.zeros((500, 8, 8, 3), np.uint8),
            truth,
            Rules(promises=PROMISES[:1]),
            SHOP,
            corruptions=(),
            batch=500,
        )
        broken += not result.clean.promises[0].kept
    assert broken <= 9, "of 300, at one in a hundred"


def test_batches_change_nothing():
    options = {"corruptions": ("noise", "clutter"), "severities": (2, 4)}
    assert measured(50, **options) == measured(50, batch=7, **options)


def test_the_seed_counts():
    options = {"corruptions": ("colour cast",), "severities": (4,)}
    assert measured(50, **options) == measured(50, seed=0, **options)
    assert measured(50, **options).conditions[1] != measured(50, seed=1, **options).conditions[1]


def test_the_sentence_names_what_hurts_most_and_what_breaks():
    mean = WHOLE.mean_top1["colour cast"]
    least = min(severity for promise, name, severity in WHOLE.broken() if (promise, name) == (0.9, "colour cast"))
    start = f"On clean photos 100.0 % of answers are right; colour cast hurts most, with {100 * mean:.1f} % over its"
    assert WHOLE.sentence().startswith(f"{start} severities. Promises broken: 90 % under ")
    assert f"colour cast (from severity {least})" in WHOLE.sentence()
    mild = measured(corruptions=("dark",), severities=(1,))
    assert mild.sentence().endswith("dark hurts most, with 100.0 % over its severities. All promises hold.")


def test_without_promises_or_corruptions():
    squares, truth = photos(5)
    bare = measure(colours, squares, truth, Rules(), SHOP, corruptions=())
    assert bare.sentence() == "On clean photos 100.0 % of answers are right. No promise was tested."
    assert bare.mean_top1 == {}


def test_a_promise_broken_on_clean_photos_says_so():
    squares, truth = photos(60)
    wrong = measure(colours, squares, (truth + 1) % 3, Rules(promises=PROMISES[:1]), SHOP, corruptions=())
    assert wrong.broken() == [(0.9, "clean", 0)]
    assert wrong.sentence().endswith("Promises broken: 90 % under clean.")


def test_table():
    rows = WHOLE.table()
    assert len(rows) == len(WHOLE.conditions)
    first = rows[0]
    assert (first["corruption"], first["severity"], first["top1"], first["change"]) == ("clean", 0, 1.0, 0.0)
    assert {"ece", "filed@0.9", "precision@0.9", "kept@0.9", "filed@0.98", "precision@0.98", "kept@0.98"} < set(first)
    assert all(row["change"] == row["top1"] - 1 for row in rows)


def test_json_and_back():
    values = json.loads(json.dumps(WHOLE.to_json()))
    assert Robustness.from_json(values) == WHOLE
    assert values["sentence"] == WHOLE.sentence()
    assert values["broken"][0].keys() == {"promise", "corruption", "severity"}


def test_progress_rises_to_its_total():
    seen: list[tuple[int, int | None, str]] = []
    measured(10, corruptions=("blur",), severities=(1, 3), batch=4, progress=lambda *given: seen.append(given))
    assert [done for done, _, _ in seen] == [4, 8, 10, 14, 18, 20, 24, 28, 30]
    assert {total for _, total, _ in seen} == {30}
    assert [note for _, _, note in seen[::3]] == ["clean", "blur 1", "blur 3"]


def test_nothing_is_run_for_a_corruption_that_there_is_not():
    def never(squares: np.ndarray) -> list[np.ndarray]:
        raise AssertionError("was run")

    squares, truth = photos(3)
    for options, words in (({"corruptions": ["fog"]}, "unknown corruption 'fog'"), ({"severities": [9]}, "got 9")):
        with pytest.raises(ValueError, match=words):
            measure(never, squares, truth, Rules(), SHOP, **options)


@pytest.mark.parametrize(("squares", "labels"), [((0, 8, 8, 3), 0), ((3, 8, 8, 3), 2), ((8, 8, 3), 8)])
def test_photos_without_labels(squares: tuple[int, ...], labels: int):
    with pytest.raises(ValueError, match="and a label for each, got"):
        measure(colours, np.zeros(squares, np.uint8), np.zeros(labels, int), Rules(), SHOP)

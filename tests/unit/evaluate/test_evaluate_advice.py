"""Advice follows from the confusions, says its numbers, and keeps quiet where there is nothing to say."""

from __future__ import annotations

import numpy as np
import pytest
from tests.builders.outcomes import outcomes_of

from catalens.core.taxonomy import Taxonomy
from catalens.evaluate.advice import Advice, advise

TREE = Taxonomy.from_paths(
    {"flat": ("Shoes", "Flats"), "heel": ("Shoes", "Heels"), "scarf": ("Wear", "Scarves"), "top": ("Wear", "Tops")}
)
PLENTY = dict.fromkeys(TREE.leaves, 500)


def told(
    table: dict[tuple[str, str], int], *, sure: float = 0.6, train: dict[str, int] | None = PLENTY, trust: tuple = ()
) -> tuple[Advice, ...]:
    """{(truth, answer): products}; wrong answers are `sure`, right ones 0.97."""
    pairs = [pair for pair, count in table.items() for _ in range(count)]
    truth, said = (np.array([TREE.leaf_index[pair[side]] for pair in pairs]) for side in (0, 1))
    return advise(outcomes_of(truth, said, np.where(truth == said, 0.97, sure)), TREE, train, trust)


def test_siblings_that_are_taken_for_each_other() -> None:
    (one,) = told({("flat", "flat"): 8, ("flat", "heel"): 15, ("heel", "flat"): 13, ("heel", "heel"): 54})
    assert (one.kind, one.category, one.other, one.products) == ("merge", "flat", "heel", 28)
    assert one.say == "Merge “Flats” and “Heels”, or file both one level up, under “Shoes”."
    assert "15 of 23 “Flats” are taken for “Heels”, and 13 of 67 the other way round" in one.why
    assert "As one category, 100 % of their products would be right, now 69 %." in one.why


@pytest.mark.parametrize(
    "table",
    [
        {("flat", "heel"): 6, ("flat", "flat"): 40, ("heel", "heel"): 40},
        {("flat", "heel"): 2, ("heel", "flat"): 2, ("flat", "flat"): 5, ("heel", "heel"): 9},
        {("flat", "heel"): 4, ("heel", "flat"): 4, ("flat", "flat"): 90, ("heel", "heel"): 90},
        {("heel", "top"): 9, ("top", "heel"): 9, ("heel", "heel"): 9, ("top", "top"): 9},
    ],
    ids=["one way only", "few", "seldom", "no siblings"],
)
def test_others_are_not_merged(table: dict[tuple[str, str], int]) -> None:
    assert [one.kind for one in told(table)] == []


def test_wrong_answers_that_are_very_sure_point_to_labels() -> None:
    (one,) = told({("scarf", "scarf"): 30, ("scarf", "top"): 3, ("top", "top"): 60}, sure=0.99)
    assert (one.kind, one.category, one.other, one.products) == ("labels", "scarf", "top", 3)
    assert "3 of 33 are taken for “Tops” with at least 95 % confidence (3 in all)" in one.why
    assert "of answers so sure, 97 % are right" in one.why
    assert one.examples == ("p30", "p31", "p32")


def test_one_that_is_sure_of_another_branch_is_enough() -> None:
    assert [one.kind for one in told({("flat", "top"): 1, ("flat", "flat"): 40}, sure=0.99)] == ["labels"]
    assert told({("scarf", "top"): 1, ("scarf", "scarf"): 40}, sure=0.99) == ()


def test_few_training_products_that_are_seldom_found() -> None:
    missed = {("scarf", other): 1 for other in ("flat", "heel", "top")}
    table = {("scarf", "scarf"): 1, ("top", "top"): 8, ("top", "flat"): 2, **missed}
    (one,) = told(table, train=PLENTY | {"scarf": 12})
    assert (one.kind, one.category, one.products) == ("photos", "scarf", 3)
    assert one.say == "More photos of “Scarves”: 12 products in training now."
    assert one.why == "It finds 1 of 4, a recall of 25 %; categories with 100 or more have 80 % in the mean."
    assert told(table) == ()
    assert told(table, train=None) == ()


def test_a_larger_neighbour_swallows() -> None:
    found = told({("scarf", "scarf"): 20, ("scarf", "top"): 6, ("top", "top"): 99}, train=PLENTY | {"scarf": 100})
    assert [(one.kind, one.products) for one in found] == [("swallowed", 6)]
    assert "6 of 26 are taken for “Tops”, 0 the other way round; training had 100 products" in found[0].why


def test_over_confident_categories_are_passed_on() -> None:
    row = {
        "id": "top",
        "answers": 96,
        "right": 55,
        "stated": 0.78,
        "precision": 0.573,
        "p": 2e-4,
        "over_confident": True,
    }
    found = told({("top", "top"): 9}, trust=(row, row | {"id": "flat", "over_confident": False}))
    assert [(one.kind, one.category, one.products) for one in found] == [("bold", "top", 41)]
    assert "Its 96 answers say 78 % and 57 % are right; chance alone would do that in 1 of 5,000 cases." in found[0].why


def test_all_right_needs_no_advice() -> None:
    assert told({("top", "top"): 5, ("flat", "flat"): 5}) == ()

"""Groups that span leaves are dealt so that shares hold overall and in the leaves."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalens.curate.parts.balance import balance

GROUPS = st.lists(st.dictionaries(st.sampled_from("abcde"), st.integers(1, 9), min_size=1), max_size=40)


def held(groups: list[dict[str, int]], chosen: list[int], places: int) -> list[Counter[str]]:
    """What each place got, by leaf."""
    found: list[Counter[str]] = [Counter() for _ in range(places)]
    for group, place in zip(groups, chosen, strict=True):
        found[place].update(group)
    return found


def test_sellers_of_mixed_stock_give_every_leaf_its_shares():
    groups = [{leaf: 1 + (seller + at) % 4 for at, leaf in enumerate("abc")} for seller in range(100)]
    got = held(groups, balance(groups, (0.7, 0.1, 0.1, 0.1)), 4)
    totals = sum(got, Counter[str]())
    for place, share in enumerate((0.7, 0.1, 0.1, 0.1)):
        for leaf in "abc":
            assert got[place][leaf] / totals[leaf] == pytest.approx(share, abs=0.03)


def test_a_rare_leaf_decides_between_groups_of_one_size():
    # five groups each are equal shares in any way; only one way gives both a product of the rare leaf
    groups = [{"common": 10}] * 8 + [{"common": 9, "rare": 1}] * 2
    got = held(groups, balance(groups, (0.5, 0.5)), 2)
    assert [place["rare"] for place in got] == [1, 1]
    assert [place.total() for place in got] == [50, 50]


def test_a_group_of_more_than_half_goes_to_the_largest_share():
    groups = [{"a": 1}, {"a": 60}, *({"a": 1} for _ in range(39))]
    chosen = balance(groups, (0.2, 0.8))
    assert chosen[1] == 1
    assert held(groups, chosen, 2)[0]["a"] == 20


@given(GROUPS)
@settings(max_examples=50, deadline=None)
def test_shares_of_zero_stay_empty_and_nothing_is_lost(groups: list[dict[str, int]]):
    chosen = balance(groups, (0.5, 0.0, 0.5))
    assert len(chosen) == len(groups)
    assert set(chosen) <= {0, 2}


@given(st.lists(st.integers(1, 9), min_size=1, max_size=60))
@settings(max_examples=50, deadline=None)
def test_no_place_is_off_by_more_than_the_largest_group(sizes: list[int]):
    groups = [{"a": size} for size in sizes]
    got = held(groups, balance(groups, (0.6, 0.4)), 2)
    for place, share in enumerate((0.6, 0.4)):
        assert abs(got[place].total() - share * sum(sizes)) <= max(sizes) + 1e-9

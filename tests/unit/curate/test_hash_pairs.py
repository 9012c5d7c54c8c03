"""All pairs within a radius, each once, whatever the hashes look like."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalens.curate.copies.hash_pairs import distance, members_of, pairs_between, pairs_within

# few bits that vary, so that near pairs abound; and any 64 bits
HASHES = st.lists(st.one_of(st.integers(0, 2**9 - 1), st.integers(0, 2**64 - 1)), max_size=60)


def one_by_one(first: np.ndarray, second: np.ndarray, radius: int) -> set[tuple[int, int]]:
    rows, columns = np.nonzero(np.bitwise_count(first[:, None] ^ second[None, :]) <= radius)
    return set(zip(rows.tolist(), columns.tolist(), strict=True))


def listed(blocks) -> list[tuple[int, int]]:
    return [pair for one, two in blocks for pair in zip(one.tolist(), two.tolist(), strict=True)]


@given(HASHES, st.integers(0, 8))
@settings(max_examples=60, deadline=None)
def test_within_is_what_comparing_one_by_one_gives(values: list[int], radius: int):
    hashes = np.unique(np.array(values, dtype=np.uint64))
    found = listed(pairs_within(hashes, radius))
    assert len(found) == len(set(found))
    assert set(found) == {(one, two) for one, two in one_by_one(hashes, hashes, radius) if one < two}


@given(HASHES, HASHES, st.integers(0, 8))
@settings(max_examples=60, deadline=None)
def test_between_is_what_comparing_one_by_one_gives(left: list[int], right: list[int], radius: int):
    first, second = (np.unique(np.array(values, dtype=np.uint64)) for values in (left, right))
    found = listed(pairs_between(first, second, radius))
    assert len(found) == len(set(found))
    assert set(found) == one_by_one(first, second, radius)


def test_small_blocks_give_the_same(monkeypatch: pytest.MonkeyPatch):
    hashes = np.unique(np.random.default_rng(0).integers(0, 2**14, 400, dtype=np.uint64))
    expected = sorted(listed(pairs_within(hashes, 6)))
    monkeypatch.setattr("catalens.curate.copies.hash_pairs.AT_A_TIME", 7)
    assert sorted(listed(pairs_within(hashes, 6))) == expected


def test_the_radius_is_kept_to_the_bit():
    origin = np.uint64(0x0123456789ABCDEF)
    bits = [np.uint64(sum(1 << (9 * bit % 64) for bit in range(count))) for count in range(9)]
    hashes = np.unique(np.array([origin ^ mask for mask in bits]))
    near = {int(distance(hashes[one], hashes[two])) for one, two in listed(pairs_within(hashes, 6))}
    assert max(near) == 6


def test_who_holds_a_hash():
    values, holders = members_of(np.array([7, 3, 7, 7, 9], dtype=np.uint64))
    assert values.tolist() == [3, 7, 9]
    pairs = [(0, 1), (1, 2)]
    found = listed(holders.pairs_with(holders, *np.array(pairs).T))
    assert sorted(found) == [(0, 4), (1, 0), (1, 2), (1, 3), (2, 4), (3, 4)]

"""The plan of a run, and which photos stand in which batch: resumed, divided, and of growing size."""

from __future__ import annotations

import numpy as np
import pytest

from catalens.train.batches import EpochBatches, InOrder, Plan, make_plan
from catalens.train.settings import TrainSettings


def order(epoch: int) -> np.ndarray:
    return np.random.default_rng(epoch).permutation(20)


PLAN = Plan(photos=20, sizes=(32, 32), batch_sizes=(6, 6), accumulate=2)


def test_sizes_share_the_epochs_and_smaller_photos_come_in_larger_batches() -> None:
    plan = make_plan(TrainSettings(epochs=6, sizes=(64, 96, 128), size=128), photos=1000, batch=32)
    assert plan.sizes == (64, 64, 96, 96, 128, 128)
    assert plan.batch_sizes == (64, 64, 56, 56, 32, 32), "never more than twice, never more pixels than at full size"
    assert [plan.batches(epoch) for epoch in (0, 2, 5)] == [15, 17, 31]
    assert plan.total_steps == 2 * (15 + 17 + 31)


def test_every_size_has_its_turn_even_in_few_epochs() -> None:
    assert make_plan(TrainSettings(epochs=3, sizes=(64, 128)), 100, 8).sizes == (64, 64, 128)
    few = make_plan(TrainSettings(epochs=2, sizes=(64, 96, 128)), 100, 32)
    assert (few.sizes, few.batch_sizes) == ((64, 96), (64, 56)), "the batch is of the largest size, reached or not"
    assert make_plan(TrainSettings(epochs=3, size=96), 100, 8).sizes == (96, 96, 96)


def test_a_batch_is_divided_evenly_among_processes() -> None:
    plan = make_plan(TrainSettings(epochs=1, devices=3), photos=100, batch=32)
    assert plan.batch_sizes == (30,)


def test_steps_are_batches_over_accumulation_rounded_up() -> None:
    assert PLAN.batches(0) == 3
    assert PLAN.steps(0) == 2
    assert Plan(4, (32,), (6,), 1).batches(0) == 1, "fewer photos than a batch are one batch"


def test_work_done_counts_pixels() -> None:
    plan = Plan(100, (32, 64), (10, 10), 1)
    assert plan.done(0, 0) == 0
    assert plan.done(0, 10) == pytest.approx(0.2)
    assert plan.done(1, 5) == pytest.approx(0.6)
    assert plan.done(1, 10) == 1


def test_an_epoch_has_each_photo_once_but_for_the_rest() -> None:
    batches = list(EpochBatches(PLAN, order))
    assert [len(batch) for batch in batches] == [6, 6, 6]
    photos = [photo for batch in batches for _, photo in batch]
    assert len(set(photos)) == 18
    assert photos == order(0)[:18].tolist()


def test_a_resumed_epoch_goes_on_with_the_next_batch_and_the_one_after_is_whole() -> None:
    resumed, whole = EpochBatches(PLAN, order, start=(1, 2)), EpochBatches(PLAN, order)
    whole.set_epoch(1)
    assert list(resumed) == list(whole)[2:]
    resumed.set_epoch(0)
    assert len(list(resumed)) == 3


def test_nothing_is_left_after_the_last_epoch() -> None:
    assert list(EpochBatches(PLAN, order, start=(2, 0))) == []


def test_processes_share_each_batch() -> None:
    one = list(EpochBatches(PLAN, order))
    two = [list(EpochBatches(PLAN, order, rank=rank, world=2)) for rank in (0, 1)]
    for whole, first, second in zip(one, *two, strict=True):
        assert len(first) == len(second) == 3
        assert set(first) | set(second) == set(whole)


def test_in_order_covers_all_photos_among_all_processes() -> None:
    shares = [[photo for batch in InOrder(11, 4, rank=rank, world=2) for _, photo in batch] for rank in (0, 1)]
    assert sorted(shares[0] + shares[1]) == list(range(11))
    assert len(InOrder(11, 4)) == 3

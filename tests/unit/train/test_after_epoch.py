"""`last.ckpt` after an epoch: the first and the last always, between them every few seconds."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from catalens.train.epochs import LAST
from catalens.train.trainer import SAVED_S, AfterEpoch


def saved(folder: Path, seconds: list[float], *, stops_after: int | None = None) -> list[int]:
    """The epochs (from 0) of so many seconds each after which it was written."""
    now, found = [0.0], []
    callback = AfterEpoch(folder, clock=lambda: now[0])

    def save(path: Path) -> None:
        assert path == folder / LAST
        found.append(trainer.current_epoch)

    trainer: Any = SimpleNamespace(max_epochs=len(seconds), world_size=1, should_stop=False, save_checkpoint=save)
    for epoch, length in enumerate(seconds):
        now[0] += length
        trainer.current_epoch = epoch
        trainer.should_stop = epoch == stops_after
        callback.on_train_epoch_end(trainer, None)  # type: ignore[arg-type]
        if trainer.should_stop:
            break
    return found


def test_long_epochs_are_each_saved(tmp_path: Path) -> None:
    assert saved(tmp_path, [SAVED_S] * 4) == [0, 1, 2, 3]


def test_of_short_ones_the_first_the_last_and_some_between(tmp_path: Path) -> None:
    assert saved(tmp_path, [SAVED_S / 4] * 11) == [0, 4, 8, 10]


def test_the_one_that_training_stops_after_is_saved(tmp_path: Path) -> None:
    assert saved(tmp_path, [SAVED_S / 100] * 9, stops_after=5) == [0, 5]

"""What is kept in a run's folder: nothing lost, nothing twice, whatever happens to the disk and the process."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from catalens.core.errors import ConfigError
from catalens.track import outbox as outbox_module
from catalens.track.outbox import EVENTS, STATE, Outbox, State, open_outbox, read_state


def opened(folder: Path) -> Outbox:
    return open_outbox(folder, uri="http://127.0.0.1:1", experiment="shop")


def steps(box: Outbox) -> list[int]:
    return [event["step"] for event in box.events]


def test_comes_back_as_it_was(tmp_path: Path) -> None:
    box = opened(tmp_path)
    box.add("metrics", step=1, values={"loss": 0.5})
    box.keep(replace(box.state, run_id="abc", sent=1))
    box.add("metrics", step=2, values={"loss": 0.25})
    again = open_outbox(tmp_path, uri="http://elsewhere", experiment="other")
    assert again.state == box.state, "the run stays where it was begun"
    assert (again.events, again.pending) == (box.events, 1)


def test_a_step_is_kept_once(tmp_path: Path) -> None:
    assert opened(tmp_path).add("metrics", step=3, values={"loss": 0.5})
    resumed = opened(tmp_path)
    assert not resumed.add("metrics", step=3, values={"loss": 0.5})
    assert steps(resumed) == [3]


def test_a_line_cut_short_by_a_kill_is_dropped(tmp_path: Path) -> None:
    box = opened(tmp_path)
    for step in (1, 2):
        box.add("metrics", step=step, values={"loss": 0.5})
    path = tmp_path / EVENTS
    path.write_bytes(path.read_bytes()[:-7])
    after = opened(tmp_path)
    after.add("metrics", step=2, values={"loss": 0.5})
    assert steps(after) == steps(opened(tmp_path)) == [1, 2]


def test_a_full_disk_is_no_reason_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = opened(tmp_path)
    box.add("metrics", step=1, values={"loss": 0.5})

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(outbox_module, "_append", full)
        box.add("metrics", step=2, values={"loss": 0.4})
        assert box.trouble == "No space left on device"
        assert box.pending == 2
    box.add("metrics", step=3, values={"loss": 0.3})
    assert box.trouble is None
    assert steps(opened(tmp_path)) == [1, 2, 3], "what was held in memory is written when there is room"


def test_a_half_written_append_is_cut_back(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    (tmp_path / EVENTS).symlink_to("/dev/full")
    state = State("http://127.0.0.1:1", "shop")
    with pytest.raises(OSError, match="No space left"):
        outbox_module._append(tmp_path / EVENTS, b"x" * 10)
    (tmp_path / EVENTS).unlink()
    assert Outbox(tmp_path, state).events == []


def test_a_folder_that_was_not_tracked(tmp_path: Path) -> None:
    assert read_state(tmp_path) is None


def test_a_damaged_state_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / STATE).write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"tracking\.json: is damaged .* delete it"):
        read_state(tmp_path)

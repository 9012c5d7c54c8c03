"""The thread that sends: it tries again, it says so once, and it never holds a run up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from catalens.core.errors import ConfigError, MissingExtra
from catalens.track import client, sender, tracker
from catalens.track.outbox import Outbox, State
from catalens.track.send import Refused
from catalens.track.sender import Sender
from catalens.track.tracker import Tracker, wanted


class Server:
    """Takes events while it is up."""

    def __init__(self) -> None:
        self.up = True
        self.got: list[int] = []
        self.tries = 0
        self.arrived = threading.Event()

    def send(self, outbox: Outbox) -> int:
        self.tries += 1
        if not self.up:
            raise ConnectionError("connection refused")
        sent = 0
        while outbox.pending:
            event = outbox.events[outbox.state.sent]
            self.got.append(event.get("step", 0))
            outbox.keep(replace(outbox.state, sent=outbox.state.sent + 1))
            sent += 1
        self.arrived.set()
        return sent


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def make(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[Outbox], int]], Tracker]:
    monkeypatch.setattr(sender, "FIRST_WAIT_S", 0.02)
    monkeypatch.setattr(sender, "SERVER_GRACE_S", 0.5)

    def made(send: Callable[[Outbox], int]) -> Tracker:
        box = Outbox(tmp_path, State("http://user:secret@mlflow:5000", "shop"))
        return Tracker(box, Sender(box, say=said.append, send=send), say=said.append)

    return made


def rows(*epochs: int) -> list[dict[str, float]]:
    return [{"epoch": float(epoch), "train_loss": 1 / epoch, "val_loss": float("nan")} for epoch in epochs]


def test_all_arrives_and_nothing_is_said(make: Callable[..., Tracker], said: list[str]) -> None:
    server = Server()
    run = make(server.send)
    run.start(name="first", params={}, tags={})
    run.rows(rows(1))
    run.rows(rows(1, 2))
    assert run.finish({"best": {"epoch": 2, "val_top1": 0.5}})
    assert server.got == [0, 1, 2, 0, 0]
    assert said == []
    assert run.outbox.events[1]["values"] == {"train_loss": 1.0}, "what was not measured is not sent"


def test_a_server_that_goes_and_comes_back(make: Callable[..., Tracker], said: list[str]) -> None:
    server = Server()
    run = make(server.send)
    run.start(name="first", params={}, tags={})
    assert server.arrived.wait(5)
    server.up = False
    server.arrived.clear()
    run.rows(rows(1))
    run.rows(rows(2))
    while server.tries < 4:
        time.sleep(0.005)
    server.up = True
    assert server.arrived.wait(5)
    assert run.finish({})
    assert server.got == [0, 1, 2, 0, 0]
    assert len(said) == 2, said
    assert "http://mlflow:5000 cannot be reached (ConnectionError: connection refused); the run goes on" in said[0]
    assert said[1] == "tracking: MLflow is back; 2 entries that were kept were sent"


def test_a_server_that_is_down_to_the_end(make: Callable[..., Tracker], said: list[str]) -> None:
    server = Server()
    server.up = False
    run = make(server.send)
    run.start(name="first", params={}, tags={})
    run.rows(rows(1))
    assert not run.finish({})
    assert len(said) == 2
    assert (
        f"4 entries have not arrived at http://mlflow:5000; send them later: catalens track {run.outbox.folder}"
        in (said[1])
    )


def test_a_server_that_hangs_holds_nothing_up(make: Callable[..., Tracker], said: list[str]) -> None:
    forever = threading.Event()

    def hang(outbox: Outbox) -> int:
        forever.wait(20)
        return 0

    run = make(hang)
    run.start(name="first", params={}, tags={})
    began = time.monotonic()
    for epoch in range(1, 51):
        run.rows(rows(epoch))
    assert time.monotonic() - began < 0.4, "keeping an epoch takes milliseconds"
    assert not run.finish({})
    assert time.monotonic() - began < 1.5, "the end waits its grace and no longer"
    forever.set()


def test_a_server_that_refuses_is_not_asked_again(make: Callable[..., Tracker], said: list[str]) -> None:
    tries: list[int] = []

    def refuse(outbox: Outbox) -> int:
        tries.append(1)
        raise Refused("the run was deleted")

    run = make(refuse)
    run.start(name="first", params={}, tags={})
    run.rows(rows(1))
    run.rows(rows(2))
    assert not run.finish({})
    assert len(tries) == 1
    assert "refuses this run (the run was deleted)" in said[0]


def test_a_stopped_run_says_why(make: Callable[..., Tracker]) -> None:
    run = make(Server().send)
    run.start(name="first", params={}, tags={})
    run.fail(KeyboardInterrupt())
    assert run.outbox.events[-1]["status"] == "KILLED"


@pytest.mark.parametrize(
    ("setting", "environment", "installed", "expected"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"CATALENS_TRACKING": "none"}, True, False),
        ("auto", {"CATALENS_TRACKING": "mlflow"}, True, True),
        ("none", {"CATALENS_TRACKING": "mlflow"}, True, False),
        ("mlflow", {"CATALENS_TRACKING": "none"}, True, True),
    ],
)
def test_when_a_run_is_tracked(
    setting: str, environment: dict[str, str], installed: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker, "installed", lambda: installed)
    said: list[str] = []
    assert wanted(setting, say=said.append, environment=environment) is expected
    assert said == []


def test_asked_for_and_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker, "installed", lambda: False)
    with pytest.raises(MissingExtra, match=r"catalens\[track\]"):
        wanted("mlflow", say=print, environment={})
    said: list[str] = []
    assert not wanted("auto", say=said.append, environment={"MLFLOW_TRACKING_URI": "http://x"})
    assert "MLFLOW_TRACKING_URI is set, but" in said[0]
    with pytest.raises(ConfigError, match="expected CATALENS_TRACKING to be one of"):
        wanted("auto", say=print, environment={"CATALENS_TRACKING": "wandb"})


def test_where_the_stores_are(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "first"
    beside = f"sqlite:///{tmp_path}/runs/mlruns/mlflow.db"
    assert client.tracking_uri(run, {}) == beside
    assert client.tracking_uri(run, {"MLFLOW_TRACKING_URI": "http://x"}) == "http://x"
    assert client.registry_uri({}, tmp_path) == f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    (tmp_path / "runs" / "mlruns").mkdir(parents=True)
    (tmp_path / "runs" / "mlruns" / "mlflow.db").touch()
    assert client.registry_uri({}, tmp_path) == beside
    both = {"MLFLOW_TRACKING_URI": "http://x", "MLFLOW_REGISTRY_URI": "http://y"}
    assert client.registry_uri(both, tmp_path) == "http://y"
    assert client.shown("http://user:secret@x:5000/a") == "http://x:5000/a"

"""What a run has to tell MLflow, kept in its folder until it was sent.

`tracking.jsonl` has one event a line in the order in which they happened; `tracking.json` says which MLflow run they
belong to and how many of them have arrived.  A kill leaves both readable: a line that was cut short is dropped, and an
event that arrived without being counted is sent again with the same time, which MLflow takes for the same.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from catalens.core.durable import replacing
from catalens.core.errors import ConfigError

EVENTS, STATE = "tracking.jsonl", "tracking.json"

Event = dict[str, Any]


@dataclass(frozen=True)
class State:
    """`key` is ours and known before the server gives its `run_id`; `sent` counts events that arrived."""

    uri: str
    experiment: str
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    run_id: str | None = None
    sent: int = 0


class Outbox:
    """The events of one run.  Held in memory too: a full disk loses nothing while the process lives.  Thread safe."""

    def __init__(self, folder: Path, state: State) -> None:
        self.folder = folder
        self.state = state
        self.events = _read_events(folder / EVENTS)
        self.trouble: str | None = None  # why the last write failed, None where it did not
        self._written = len(self.events)
        self._lock = threading.Lock()
        self._steps = {event["step"] for event in self.events if event["kind"] == "metrics"}
        self.keep(replace(state, sent=min(state.sent, len(self.events))))

    @property
    def pending(self) -> int:
        """Events that have not arrived."""
        return len(self.events) - self.state.sent

    def add(self, kind: str, **values: Any) -> bool:
        """Keep an event.  Metrics of a step that is there already, as after a resumption, are passed over: False."""
        with self._lock:
            if kind == "metrics":
                if values["step"] in self._steps:
                    return False
                self._steps.add(values["step"])
            self.events.append({"kind": kind, "time": int(time.time() * 1000), **values})
            self._flush()
            return True

    def keep(self, state: State) -> None:
        """Take over a state and write it down."""
        self.state = state
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(self.folder / STATE) as partial:
                partial.write_text(json.dumps(asdict(state), indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            self.trouble = error.strerror or str(error)

    def _flush(self) -> None:
        """Append what is not on the disk yet; after a failure, the file is cut back to whole lines."""
        path = self.folder / EVENTS
        lines = "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in self.events[self._written :])
        try:
            if self._written == 0:
                path.unlink(missing_ok=True)
            _append(path, lines.encode())
        except OSError as error:
            self.trouble = error.strerror or str(error)
            return
        self._written, self.trouble = len(self.events), None


def open_outbox(folder: Path, *, uri: str, experiment: str) -> Outbox:
    """The outbox of a run folder; one that is there goes on with its own MLflow run, wherever that is."""
    return Outbox(folder, read_state(folder) or State(uri, experiment))


def read_state(folder: Path) -> State | None:
    """What tracking.json says; None where the run was not tracked.  Raises ConfigError if it is damaged."""
    try:
        return State(**json.loads((folder / STATE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"is damaged ({error}); delete it to start a new MLflow run", source=str(folder / STATE)
        ) from None


def _read_events(path: Path) -> list[Event]:
    """Whole lines; what a kill cut short is dropped from the file too, so that the next line does not continue it."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        path.write_bytes(whole)
    return [json.loads(line) for line in whole.splitlines()]


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        size = file.tell()
        try:
            file.write(data)
            file.flush()
        except OSError:
            file.truncate(size)
            raise

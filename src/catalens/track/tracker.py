"""One training run on its way to MLflow.  Whatever happens there, the training does not hear of it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from catalens.core.errors import ConfigError, MissingExtra
from catalens.track.client import TRACKING_URI, installed, shown, tracking_uri
from catalens.track.outbox import Outbox, open_outbox
from catalens.track.sender import SERVER_GRACE_S, Sender

SWITCH = "CATALENS_TRACKING"  # "none" or "mlflow": what `auto` means
CHOICES = ("auto", "mlflow", "none")
FILES = ("curves.png", "confusion.png", "metrics.csv", "run.json")


class Tracker:
    """Keeps what a run measures in its folder and has it sent in the background."""

    def __init__(self, outbox: Outbox, sender: Sender, *, say: Callable[[str], None]) -> None:
        self.outbox = outbox
        self._sender = sender
        self._say = say
        self._told_of_disk = False

    def start(self, *, name: str, params: Mapping[str, Any], tags: Mapping[str, Any]) -> None:
        """Begin, or go on with, the MLflow run of the folder."""
        resumed = bool(self.outbox.events)
        self._keep("start", name=name, params={} if resumed else params, tags={} if resumed else tags, resumed=resumed)
        self._sender.start()

    def rows(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Epochs, of which those that were kept before are passed over; what was not measured (NaN) is left out."""
        for row in rows:
            values = {key: value for key, value in row.items() if key != "epoch" and math.isfinite(value)}
            self._keep("metrics", step=int(row["epoch"]), values=values)

    def finish(self, info: Mapping[str, Any], files: Sequence[str] = FILES) -> bool:
        """The run is done: its files of these names go too.  Waits some seconds at most; True if all has arrived."""
        best = info.get("best") or {}
        self._keep("files", names=list(files))
        self._keep("end", status="FINISHED", tags={f"best.{key}": value for key, value in best.items()})
        return self._close()

    def fail(self, error: BaseException) -> bool:
        """The run was stopped; `--resume` goes on with the same MLflow run."""
        status = "FAILED" if isinstance(error, Exception) else "KILLED"
        reason = f"{type(error).__name__}: {error}"[:500]
        self._keep("files", names=[name for name in FILES if (self.outbox.folder / name).is_file()])
        self._keep("end", status=status, tags={"error": reason})
        return self._close(SERVER_GRACE_S)  # who stopped it does not want to wait

    def _keep(self, kind: str, **values: Any) -> None:
        self.outbox.add(kind, **values)
        if self.outbox.trouble and not self._told_of_disk:
            self._told_of_disk = True
            self._say(f"tracking: {self.outbox.folder} cannot be written to ({self.outbox.trouble}); kept in memory")
        self._sender.wake()

    def _close(self, grace_s: float | None = None) -> bool:
        arrived = self._sender.close(grace_s)
        if not arrived:
            self._say(
                f"tracking: {self.outbox.pending} entries have not arrived at {shown(self.outbox.state.uri)}; "
                f"send them later: catalens track {self.outbox.folder}"
            )
        return arrived


def wanted(
    tracking: Literal["auto", "mlflow", "none"],
    *,
    say: Callable[[str], None],
    environment: Mapping[str, str] = os.environ,
) -> bool:
    """Whether a run is tracked.  `auto`: as `CATALENS_TRACKING` says, else where MLflow is installed.

    Raises MissingExtra where MLflow was asked for and is not installed, ConfigError for another word.
    """
    choice = environment.get(SWITCH, "auto") if tracking == "auto" else tracking
    if choice not in CHOICES:
        raise ConfigError(f"expected {SWITCH} to be one of {', '.join(CHOICES)}, got {choice!r}", key=SWITCH)
    if choice == "none" or installed():
        return choice != "none"
    missing = MissingExtra("tracking with MLflow", "track")
    if choice == "mlflow":
        raise missing
    if environment.get(TRACKING_URI):
        say(f"tracking: {TRACKING_URI} is set, but {missing}")
    return False


def open_run(
    folder: Path,
    *,
    experiment: str,
    params: Mapping[str, Any],
    tags: Mapping[str, Any],
    say: Callable[[str], None],
) -> Tracker:
    """Track the run of a folder: in its own MLflow run where it has one, else in a new one."""
    outbox = open_outbox(folder, uri=tracking_uri(folder), experiment=experiment)
    tracker = Tracker(outbox, Sender(outbox, say=say), say=say)
    say(f"tracking: experiment {outbox.state.experiment!r} of MLflow at {shown(outbox.state.uri)}")
    tracker.start(name=folder.resolve().name, params=params, tags=tags)
    return tracker

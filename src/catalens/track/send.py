"""Events of an outbox, to MLflow: each arrives once, whatever is sent twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalens.track.client import connect, experiment_of
from catalens.track.outbox import Event, Outbox

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

KEY = "catalens.key"  # the tag by which a run is found again whose id never arrived here
MOST = 100  # parameters, metrics and tags in a request, of the server
LONGEST = 500  # characters of a parameter that every MLflow takes


class Refused(Exception):
    """MLflow answers, and will not take this: trying again does not help."""


def deliver(outbox: Outbox) -> int:
    """Send all pending events in order; how many.

    Raises Refused, or whatever MLflow and the network raise; what arrived before that is counted.
    """
    from mlflow.exceptions import MlflowException

    client = connect(outbox.state.uri)
    sent = 0
    while outbox.pending:
        state = outbox.state
        event = outbox.events[state.sent]
        try:
            run_id = state.run_id or _run_id(client, outbox, event)
            outbox.keep(replace(outbox.state, run_id=run_id))
            _SENDERS[event["kind"]](client, run_id, event, outbox.folder)
        except MlflowException as error:
            if error.get_http_status_code() < 500 and error.error_code not in _TRANSIENT:
                raise Refused(str(error).splitlines()[0]) from error
            raise
        outbox.keep(replace(outbox.state, sent=state.sent + 1))
        sent += 1
    return sent


_TRANSIENT = {"REQUEST_LIMIT_EXCEEDED", "TEMPORARILY_UNAVAILABLE", "INTERNAL_ERROR"}


def _run_id(client: MlflowClient, outbox: Outbox, event: Event) -> str:
    """The MLflow run of this outbox: the one that bears its key, else a new one."""
    state = outbox.state
    experiment = experiment_of(client, state.experiment, state.uri)
    found = client.search_runs([experiment], filter_string=f"tags.`{KEY}` = '{state.key}'", max_results=1)
    if found:
        return str(found[0].info.run_id)
    name = event.get("name") or outbox.folder.resolve().name
    run = client.create_run(experiment, start_time=event["time"], tags={KEY: state.key}, run_name=name)
    return str(run.info.run_id)


def _start(client: MlflowClient, run_id: str, event: Event, folder: Path) -> None:
    from mlflow.entities import Param, RunTag

    params = [Param(key, str(value)[:LONGEST]) for key, value in event["params"].items()]
    for begin in range(0, len(params), MOST):
        client.log_batch(run_id, params=params[begin : begin + MOST])
    client.log_batch(run_id, tags=[RunTag(key, str(value)) for key, value in event["tags"].items()])
    if event.get("resumed"):
        client.update_run(run_id, status="RUNNING")


def _metrics(client: MlflowClient, run_id: str, event: Event, folder: Path) -> None:
    from mlflow.entities import Metric

    values: dict[str, Any] = event["values"]
    client.log_batch(run_id, [Metric(key, value, event["time"], event["step"]) for key, value in values.items()])


def _files(client: MlflowClient, run_id: str, event: Event, folder: Path) -> None:
    for name in event["names"]:
        if (folder / name).is_file():
            client.log_artifact(run_id, str(folder / name))


def _end(client: MlflowClient, run_id: str, event: Event, folder: Path) -> None:
    from mlflow.entities import RunTag

    client.log_batch(run_id, tags=[RunTag(key, str(value)) for key, value in event["tags"].items()])
    client.set_terminated(run_id, status=event["status"], end_time=event["time"])


_SENDERS = {"start": _start, "metrics": _metrics, "files": _files, "end": _end}

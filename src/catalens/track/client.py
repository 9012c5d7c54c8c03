"""Where MLflow's store is, and a client for it that gives up soon."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from catalens.core.errors import MissingExtra

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

STORE = "mlruns"  # the folder of an embedded store: mlflow.db, and the files of runs in artifacts/
TRACKING_URI, REGISTRY_URI = "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"
# MLflow waits for minutes by default, which a thread that sends, and a person, should not.  What the user set wins.
PATIENCE = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # seconds
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",  # nothing is sent to anybody but the server the user named
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # stdout is data
}


def installed() -> bool:
    return find_spec("mlflow") is not None


def embedded(beside: Path) -> str:
    """The URI of the SQLite store in `mlruns/` in a folder, which need not be there yet."""
    return f"sqlite:///{(beside / STORE / 'mlflow.db').resolve()}"


def tracking_uri(run: Path, environment: Mapping[str, str] = os.environ) -> str:
    """Where a run's metrics go: `MLFLOW_TRACKING_URI`, else the embedded store beside the run's folder."""
    return environment.get(TRACKING_URI) or embedded(run.resolve().parent)


def registry_uri(environment: Mapping[str, str] = os.environ, folder: Path = Path()) -> str:
    """Where models are: `MLFLOW_REGISTRY_URI`, `MLFLOW_TRACKING_URI`, else the embedded store in `folder`.

    The embedded store is mlruns/, or runs/mlruns/ where only that is there.
    """
    named = environment.get(REGISTRY_URI) or environment.get(TRACKING_URI)
    if named:
        return named
    places = [folder, folder / "runs"]
    return embedded(next((place for place in places if (place / STORE / "mlflow.db").exists()), folder))


def store_folder(uri: str) -> Path | None:
    """The folder of an embedded store, None for a server."""
    return Path(uri.removeprefix("sqlite:///")).parent if uri.startswith("sqlite:///") else None


def shown(uri: str) -> str:
    """A URI for people, without a password that may be in it."""
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def connect(uri: str) -> MlflowClient:
    """A client.  Raises MissingExtra where MLflow is not installed.

    What is wrong with the server shows at its first use; that of an embedded store makes it, which takes seconds.
    """
    for key, value in PATIENCE.items():
        os.environ.setdefault(key, value)
    try:
        from mlflow.tracking import MlflowClient
    except ImportError:
        raise MissingExtra("MLflow", "track") from None
    for name in ("mlflow", "alembic"):  # tables it makes and links it would print
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # a line a retry
    folder = store_folder(uri)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def experiment_of(client: MlflowClient, name: str, uri: str) -> str:
    """The id of an experiment, which is made where it is not there."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        folder = store_folder(uri)
        try:
            place = (folder / "artifacts").as_uri() if folder else None
            return str(client.create_experiment(name, artifact_location=place))
        except MlflowException:  # two runs that start together
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return str(found.experiment_id)

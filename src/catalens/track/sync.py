"""Send what a run has kept, from another process than the one that trained it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from catalens.core.errors import ConfigError, MissingExtra, Overloaded
from catalens.track.client import installed, shown
from catalens.track.outbox import Outbox, read_state
from catalens.track.send import Refused, deliver


@dataclass(frozen=True, slots=True)
class Sent:
    """How many entries were sent, to which MLflow run, where."""

    sent: int
    run_id: str | None
    uri: str


def sync(folder: Path) -> Sent:
    """Send what is pending of a run's folder to the server it was begun with.

    Raises ConfigError where the run was not tracked or is refused, MissingExtra, or Overloaded where no server answers.
    """
    state = read_state(folder)
    if state is None:
        raise ConfigError("was not tracked: it has no tracking.json", source=str(folder))
    if not installed():
        raise MissingExtra("MLflow", "track")
    outbox = Outbox(folder, state)
    where = shown(state.uri)
    try:
        sent = deliver(outbox)
    except Refused as error:
        raise ConfigError(f"MLflow at {where} refuses it ({error})", source=str(folder)) from None
    except OSError as error:  # requests raises these too
        raise Overloaded(
            f"MLflow at {where} cannot be reached ({error}); nothing is lost", source=str(folder)
        ) from None
    except Exception as error:
        raise _unreachable(error, where, folder) from None
    return Sent(sent, outbox.state.run_id, where)


def mlflow_run(folder: Path) -> tuple[str, str]:
    """(URI, run id) of a tracked run, after what it kept was sent.  Raises as `sync` does."""
    sync(folder)
    state = read_state(folder)
    if state is None or state.run_id is None:
        raise ConfigError("is in no MLflow run", source=str(folder))
    return state.uri, state.run_id


def _unreachable(error: Exception, where: str, folder: Path) -> Exception:
    """MLflow's own error in our words; any other as it is."""
    from mlflow.exceptions import MlflowException

    if not isinstance(error, MlflowException):
        return error
    first = str(error).splitlines()[0][:200]
    return Overloaded(f"MLflow at {where} cannot be reached ({first}); nothing is lost", source=str(folder))

"""`catalens track`: what could not be sent while a run went on."""

from __future__ import annotations

from pathlib import Path

import click

from catalens.cli.console import FOLDER, emit, json_option, say


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=FOLDER)
@json_option
def command(runs: tuple[Path, ...], as_json: bool) -> None:
    """Send what runs have kept for MLflow.

    Needed where the server was away until a run's end. Nothing arrives twice, however often it is sent.

    \b
    Example:
      catalens track runs/shirts
      catalens track runs/* --json
    """
    from catalens.track.sync import sync

    for run in runs:
        done = sync(run)
        say(f"{run}: {done.sent} entries sent to MLflow run {done.run_id} at {done.uri}")
        if as_json:
            emit({"run": str(run), "sent": done.sent, "run_id": done.run_id, "uri": done.uri})

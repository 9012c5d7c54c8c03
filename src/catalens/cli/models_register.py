"""`catalens models register`."""

from __future__ import annotations

from pathlib import Path

import click

from catalens.cli.console import FOLDER, emit, json_option, say


@click.command()
@click.argument("bundle", type=FOLDER)
@click.argument("model")
@click.option("--alias", "aliases", multiple=True, help="An alias for it, such as champion; may be repeated.")
@click.option("--run", type=FOLDER, help="The run it was exported from: the model stands with its metrics then.")
@json_option
def command(bundle: Path, model: str, aliases: tuple[str, ...], run: Path | None, as_json: bool) -> None:
    """Put a bundle in the registry as a new version of a model.

    A bundle that is there already is not put there twice.

    \b
    Example:
      catalens models register shirts.bundle shirts --run runs/shirts --alias champion
    """
    from dataclasses import asdict

    from catalens.core.bundle import Bundle
    from catalens.track.client import registry_uri, shown
    from catalens.track.registry import register
    from catalens.track.sync import mlflow_run

    opened = Bundle(bundle)
    uri, run_id = mlflow_run(run) if run else (registry_uri(), None)
    version = register(opened, model, uri=uri, run_id=run_id, aliases=aliases)
    named = "".join(f" @{alias}" for alias in version.aliases)
    say(f"{version.uri}{named}: {version.bundle}, in MLflow at {shown(uri)}")
    if as_json:
        emit(asdict(version) | {"uri": version.uri})

"""`catalens models download`."""

from __future__ import annotations

from pathlib import Path

import click

from catalens.cli.console import FOLDER, emit, json_option, say


@click.command()
@click.argument("name")
@click.argument("bundle", type=FOLDER)
@json_option
def command(name: str, bundle: Path, as_json: bool) -> None:
    """Write the bundle of a version to a folder.

    NAME is models:/MODEL@ALIAS or models:/MODEL/VERSION. What arrives is checked against its digest.

    \b
    Example:
      catalens models download models:/shirts@champion shirts.bundle
    """
    from catalens.track.registry import fetch

    written = fetch(name, bundle)
    say(f"{bundle}: {written.name}")
    if as_json:
        emit({"bundle": str(bundle), "name": written.name, "digest": written.digest})

"""`catalens models promote`."""

from __future__ import annotations

import click

from catalens.cli.console import emit, json_option, say


@click.command()
@click.argument("model")
@click.argument("version", type=click.IntRange(min=1))
@click.argument("alias", default="champion")
@json_option
def command(model: str, version: int, alias: str, as_json: bool) -> None:
    """Let an alias such as champion name a version.

    Services that are started with models:/MODEL@ALIAS from then on serve it.

    \b
    Example:
      catalens models promote shirts 3
      catalens models promote shirts 4 challenger
    """
    from dataclasses import asdict

    from catalens.track.registry import point

    named = point(model, alias, version)
    say(f"models:/{model}@{alias} is version {named.version}, {named.bundle}")
    if as_json:
        emit(asdict(named) | {"uri": named.uri})

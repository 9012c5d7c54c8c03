"""`catalens models list`."""

from __future__ import annotations

import click

from catalens.cli.console import emit, json_option


@click.command()
@click.argument("model", required=False)
@json_option
def command(model: str | None, as_json: bool) -> None:
    """List the models of the registry with their versions.

    \b
    Example:
      catalens models list
      catalens models list shirts --json
    """
    from dataclasses import asdict

    from catalens.track.registry import models

    found = models(model)
    if as_json:
        return emit([asdict(version) | {"uri": version.uri} for version in found])
    for version in found:
        named = " ".join(f"@{alias}" for alias in version.aliases)
        click.echo(f"{version.uri:32} {named:24} {version.bundle or 'not a bundle'}")
    return None

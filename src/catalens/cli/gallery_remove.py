"""`catalens gallery remove`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from catalens.cli.console import BUNDLE, FOLDER, emit, json_option


@click.command()
@click.argument("bundle", type=BUNDLE)
@click.argument("new_bundle", type=FOLDER)
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--name", help="The new bundle's name; the old one's where not given.")
@click.option("--overwrite", is_flag=True, default=None, help="Replace a bundle that is there, BUNDLE itself included.")
@json_option
def command(bundle: Path, new_bundle: Path, ids: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Write a bundle without some of the categories that were added.

    Categories that were trained stay. `catalens gallery list` names the ids.

    \b
    Example:
      catalens gallery remove new.bundle newer.bundle "Fruit > Mango"
    """
    from catalens.cli.gallery_list import described, show
    from catalens.core.bundle import Bundle
    from catalens.export import gallery

    given = {name: value for name, value in flags.items() if value is not None}
    written = gallery.remove(Bundle(bundle), new_bundle, ids, gallery.GallerySettings(**given))
    if as_json:
        emit(described(written))
    else:
        show(written)

"""`catalens clean`: a cleaned copy of a catalog."""

from __future__ import annotations

from pathlib import Path

import click

from catalens.cli.cleaning import cleaning_options
from catalens.cli.console import FOLDER, configurable, emit, json_option, progress_bar, settings


@click.command()
@click.argument("catalog", type=FOLDER)
@click.argument("out", type=FOLDER)
@cleaning_options
@click.option("--overwrite", is_flag=True, help="Replace a catalog that is already there.")
@configurable
@json_option
def command(
    catalog: Path,
    out: Path,
    overwrite: bool,
    config: Path | None,
    assignments: tuple[str, ...],
    as_json: bool,
    **flags: object,
) -> None:
    """Write a cleaned copy of a catalog.

    `catalens ingest` has the same options, for a dump that is still to be read.

    \b
    Example:
      catalens clean shop.catalog clean.catalog --require seller --min-products 20 --small-categories merge
    """
    from catalens.cli.derived import summarise
    from catalens.core.catalog import Catalog
    from catalens.curate import clean
    from catalens.curate.categories.clean_settings import CleanSettings

    given = {name: value for name, value in flags.items() if value not in (None, ())}
    chosen = settings(CleanSettings, "clean", config, assignments, given)
    with progress_bar(f"clean {catalog.name}") as progress:
        report = clean.run(Catalog(catalog), out, chosen, overwrite=overwrite, progress=progress)
    summarise(report, out)
    if as_json:
        emit(report.to_json())

"""`catalens taxonomy export`."""

from __future__ import annotations

from pathlib import Path

import click

from catalens.cli.console import FILE, FOLDER, emit, json_option, say


@click.command()
@click.argument("catalog", type=FOLDER)
@click.argument("file", type=FILE)
@click.option("--overwrite", is_flag=True, help="Replace a file that is already there.")
@json_option
def command(catalog: Path, file: Path, overwrite: bool, as_json: bool) -> None:
    """Write the categories to a file that --taxonomy reads again.

    A .csv has a row a category: its id, then its names from the top. A .parquet has the names in all languages too.

    \b
    Example:
      catalens taxonomy export shop.catalog names.csv
    """
    from catalens.core.catalog import Catalog
    from catalens.curate.categories.listing import write_listing

    categories = write_listing(Catalog(catalog).taxonomy, file, overwrite=overwrite)
    say(f"{categories:,} categories in {file}")
    if as_json:
        emit({"file": str(file), "categories": categories})

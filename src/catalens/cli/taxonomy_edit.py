"""`catalens taxonomy edit`."""

from __future__ import annotations

from pathlib import Path

import click

from catalens.cli.console import FILE, FOLDER, configurable, emit, json_option, progress_bar, say, settings


@click.command()
@click.argument("catalog", type=FOLDER)
@click.argument("out", type=FOLDER)
@click.option("--taxonomy", type=FILE, help="Take this tree instead: a CSV of ids and names, or a taxonomy.parquet.")
@click.option("--edits", type=FILE, help="A table of edits: action (rename, merge, drop, move), category, target.")
@click.option("--rename", multiple=True, metavar="ID=NAME", help="Give a category another name; may be repeated.")
@click.option("--merge", multiple=True, metavar="A,B=C", help="File the products of A and B under C; may be repeated.")
@click.option("--drop", multiple=True, metavar="ID", help="Remove a category and all below it; may be repeated.")
@click.option("--move", multiple=True, metavar="ID=PARENT", help="Put a category below another one; may be repeated.")
@click.option("--roll-up", metavar="LEVEL", help="Make a level, by number from the top or by name, the deepest one.")
@click.option("--level-names", metavar="A,B,C", help="What the levels are called, from the top.")
@click.option(
    "--dropped",
    type=click.Choice(["unfile", "set_aside"]),
    help="What becomes of products that lose their category: kept without one, or set aside.",
)
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
    """Write a catalog with other categories.

    Categories are named by id; by name, or by path of names such as "Fruit > Apple", where only one has it.
    Edits are done in the order in which the options stand below. Photos are linked, not copied.

    \b
    Example:
      catalens taxonomy edit shop.catalog new.catalog --merge "T-shirts,Tees=Shirts" --drop "Not sure"
      catalens taxonomy edit shop.catalog coarse.catalog --roll-up 2
    """
    from catalens.cli.derived import summarise
    from catalens.core.catalog import Catalog
    from catalens.curate import edit_taxonomy

    given = {name: value for name, value in flags.items() if value not in (None, ())}
    chosen = settings(edit_taxonomy.EditSettings, "taxonomy-edit", config, assignments, given)
    with progress_bar(f"edit {catalog.name}") as progress:
        report = edit_taxonomy.run(Catalog(catalog), out, chosen, overwrite=overwrite, progress=progress)
    summarise(report.catalog, out)
    say(f"edits: {report.edits:,}; levels now: {', '.join(report.levels)}")
    if as_json:
        emit(report.to_json())

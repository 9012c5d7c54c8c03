"""`catalens sample`: a smaller catalog."""

from __future__ import annotations

from pathlib import Path

import click

from catalens.cli.console import FOLDER, configurable, emit, json_option, progress_bar, say, settings


@click.command()
@click.argument("catalog", type=FOLDER)
@click.argument("out", type=FOLDER)
@click.option("--min-class", type=int, metavar="N", help="Only categories with N products or more.")
@click.option("--max-class", type=int, metavar="N", help="Only categories with N products or fewer.")
@click.option("--balanced", type=int, metavar="N", help="N products of each category; those with fewer are left out.")
@click.option("--cap", type=int, metavar="N", help="At most N products of each category; smaller ones whole.")
@click.option("--products", type=int, metavar="N", help="N products of what is left, each with the same chance.")
@click.option("--seed", type=int, help="Another number, another sample; the same number, the same sample anywhere.")
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
    **flags: int | None,
) -> None:
    """Write a smaller catalog: some categories, some of their products.

    Options combine, and are done in the order in which they stand below.

    \b
    Example:
      catalens sample shop.catalog small.catalog --products 10000
      catalens sample shop.catalog even.catalog --balanced 1000
    """
    from catalens.cli.derived import say_next
    from catalens.core.catalog import Catalog
    from catalens.curate import sample

    chosen = settings(sample.SampleSettings, "sample", config, assignments, flags)
    with progress_bar(f"sample {catalog.name}") as progress:
        report = sample.run(Catalog(catalog), out, chosen, overwrite=overwrite, progress=progress)
    for step in report.steps:
        say(f"{step.step}: {step.products:,} products of {step.categories:,} categories")
    made = report.catalog
    say(f"{out}: {made.images:,} photos, digest {made.digest[:12]}, {made.seconds:.1f} s")
    say_next(out)
    if as_json:
        emit(report.to_json())

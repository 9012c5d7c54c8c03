"""`catalens ingest`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from catalens.cli.cleaning import cleaning_options
from catalens.cli.console import PATH, configurable, emit, json_option, progress_bar, say, settings

if TYPE_CHECKING:
    from catalens.curate.making.finish import IngestReport

FORMATS = ("auto", "folder", "table", "parquet", "urls", "grocery", "fashion", "products10k", "bson", "idx")
_IN_WEB = {"downloads": "web.downloads", "allow_private": "web.allow_private"}  # option -> setting


@click.command()
@click.argument("places", metavar="[SOURCE] CATALOG", type=PATH, nargs=-1)
@click.option("--dataset", metavar="NAME", help="Fetch a public data set and read it, instead of SOURCE.")
@click.option("--datasets", "listing", is_flag=True, help="List the data sets that are known, and stop.")
@click.option("--format", type=click.Choice(FORMATS), help="What SOURCE is; auto looks at its names and header.")
@click.option("--taxonomy", type=PATH, help="CSV of category ids and their level names, or a taxonomy.parquet.")
@click.option(
    "--image-column", "image", multiple=True, help="table: a column with photo paths, or URLs; may be repeated."
)
@click.option("--product-column", "product_id", help="table: rows with the same value are one product.")
@click.option("--category-column", "category", multiple=True, help="table: the category, or one a level from the top.")
@click.option("--category-separator", help='table: splits a category such as "Fruit > Apple" into levels.')
@click.option("--seller-column", "seller", help="table: who sells it.")
@click.option("--group-column", "group", help="table: products of one group never straddle a split.")
@click.option("--split-column", "split", help="table: the part of the split the dump puts a product in.")
@click.option(
    "--unknown-category",
    type=click.Choice(["keep", "set_aside"]),
    help="Keep products without a category, or set them aside, if theirs is not a leaf of the taxonomy.",
)
@cleaning_options
@click.option("--sample", type=click.IntRange(min=1), help="bson: read that many products, each with the same chance.")
@click.option("--seed", type=int, help="bson: of the sample.  [default: 0]")
@click.option("--encoding", help="Of text files, and of names in archives that do not say theirs, such as cp1252.")
@click.option("--downloads", type=PATH, help="urls: where photos are kept.  [default: SOURCE.downloads]")
@click.option(
    "--allow-private",
    multiple=True,
    metavar="HOST",
    help="Host, host:port or network that may be fetched from although it is private; may be repeated.",
)
@click.option("--overwrite", is_flag=True, default=None, help="Replace a finished catalog.")
@click.option("--restart", is_flag=True, default=None, help="Forget an unfinished ingest and begin afresh.")
@configurable
@json_option
def command(
    places: tuple[Path, ...],
    dataset: str | None,
    listing: bool,
    config: Path | None,
    assignments: tuple[str, ...],
    as_json: bool,
    **flags: object,
) -> None:
    """Read a dump of products and photos into a catalog.

    SOURCE is a folder, a file or an archive; or --dataset names a public data set, which is fetched.
    An ingest that was interrupted goes on where it was when run again.

    \b
    Example:
      catalens ingest photos/ shop.catalog
      catalens ingest listings.csv shop.catalog --category-column label --seller-column sender_id
      catalens ingest rare-shoes.csv rare.catalog --format urls
      catalens ingest --dataset fashion-mnist mnist.catalog
    """
    if listing:
        return _list_datasets(as_json)
    if len(places) != (1 if dataset else 2):
        raise click.UsageError("expected CATALOG alone beside --dataset" if dataset else "expected SOURCE and CATALOG")
    from catalens.curate.ingest import run
    from catalens.curate.sources import IngestSettings

    given = {_IN_WEB.get(name, name): value for name, value in flags.items() if value not in (None, ())}
    chosen = settings(IngestSettings, "ingest", config, assignments, given)
    source, catalog = places[0], places[-1]
    if dataset:
        from catalens.curate.datasets.fetch import fetch

        with progress_bar(f"fetch {dataset}") as progress:
            ready = fetch(dataset, chosen.web, progress=progress)
        for remark in ready.remarks:
            say(f"  {remark}")
        source, chosen = ready.source, ready.completed(chosen)
    with progress_bar(f"ingest {dataset or source.name}") as progress:
        report = run(source, catalog, chosen, progress=progress)
    summarise(report, catalog)
    if as_json:
        emit(report.to_json())
    return None


def _list_datasets(as_json: bool) -> None:
    """What can be fetched, how large it is, and under which licence."""
    from catalens.curate.datasets.table import datasets

    if as_json:
        return emit([{"name": name, **dataset.model_dump(mode="json")} for name, dataset in datasets().items()])
    for name, dataset in datasets().items():
        say(f"{name}: {dataset.title}\n    licence: {dataset.licence}")
        say(f"    needs a login: {dataset.login}" if dataset.login else f"    {dataset.homepage}")
    return None


def summarise(report: IngestReport, catalog: Path) -> None:
    """What was read, kept and set aside, and why, for a person."""
    from rich.console import Console
    from rich.table import Table

    if report.unchanged:
        say(f"{catalog} is finished and of the same dump and settings: nothing to do.")
    for remark in report.remarks:
        say(f"  {remark}")
    table = Table("", "count", "for example", title=f"{report.format} -> {catalog}", title_justify="left")
    table.columns[1].justify = "right"
    table.add_row("rows read", f"{report.rows_read:,}")
    if report.rows_merged:
        table.add_row("rows that joined a product", f"{report.rows_merged:,}")
    table.add_row("products kept", f"{report.products:,}")
    if report.refiled:
        table.add_row("of these in another category", f"{report.refiled:,}")
    table.add_row("photos", f"{report.images:,}", end_section=True)
    for level in report.levels:
        table.add_row(f"categories: {level['level']}", f"{level['categories']:,}")
    table.add_section()
    for word, counts in (("set aside", report.set_aside), ("noted", report.findings)):
        for cause, count in sorted(counts.items(), key=lambda item: -item[1]):
            table.add_row(f"{word}: {cause}", f"{count:,}", ", ".join(report.examples[cause]))
    console = Console(stderr=True)
    console.print(table)
    say(f"digest {report.digest[:12]}, {report.seconds:.1f} s; findings: {catalog / 'tables' / 'findings.parquet'}")
    say(f"next: catalens split {catalog}")

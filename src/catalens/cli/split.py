"""`catalens split`: divide a catalog, and say what a person should know about the parts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from catalens.cli.console import FILE, FOLDER, configurable, emit, json_option, say, settings

if TYPE_CHECKING:
    from catalens.curate.split import SplitReport


@click.command()
@click.argument("catalog", type=FOLDER)
@click.option("--ratios", metavar="A,B,C,D", help="Shares of train, val, calib and test; they sum to 1.")
@click.option(
    "--by", type=FILE, help="CSV or Parquet: product_id and group (stay together), or part (goes there), or both."
)
@click.option("--seed", type=int, help="Another number, another split; the same number, the same split anywhere.")
@click.option("--given-only", is_flag=True, default=None, help="Use only products that the dump put into a part.")
@click.option("--min-products", type=int, help="Leave leaves with fewer products unused.")
@click.option(
    "--carve", multiple=True, metavar="PART=SHARE", help="Take a share of train for a part that is not there yet."
)
@configurable
@json_option
def command(
    catalog: Path,
    ratios: str | None,
    by: Path | None,
    seed: int | None,
    given_only: bool | None,
    min_products: int | None,
    carve: tuple[str, ...],
    config: Path | None,
    assignments: tuple[str, ...],
    as_json: bool,
) -> None:
    """Divide a catalog into train, val, calib and test, without leaks.

    Products that share a photo or a group stay together, and every category is spread over the parts.
    Parts that the dump itself gives are kept.

    \b
    Example:
      catalens split shop.catalog --ratios 0.7,0.1,0.1,0.1
      catalens split grocery.catalog --given-only --carve calib=0.1
    """
    from catalens.core.catalog import Catalog
    from catalens.curate import split

    flags = {
        "ratios": ratios,
        "by": by,
        "seed": seed,
        "given_only": given_only,
        "min_products": min_products,
        "carve": _shares(carve) or None,
    }
    report = split.run(Catalog(catalog), settings(split.SplitSettings, "split", config, assignments, flags))
    if as_json:
        emit(report.to_json())
    _show(report)


def _shares(carve: tuple[str, ...]) -> dict[str, str]:
    """("calib=0.1",) -> {"calib": "0.1"}."""
    wrong = next((text for text in carve if "=" not in text), None)
    if wrong is not None:
        raise click.BadParameter(f"expected PART=SHARE, such as calib=0.1, got {wrong!r}", param_hint="--carve")
    return dict(text.split("=", 1) for text in carve)


def _show(report: SplitReport) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("part", box=None, header_style="bold")
    for name in ("products", "share", "images", "categories", "copies in train"):
        table.add_column(name, justify="right")
    total = sum(part.products for name, part in report.parts.items() if name != "unused") or 1
    for name, part in report.parts.items():
        share = "" if name == "unused" else f"{part.products / total:.1%}"
        leak = f"{report.leaks[name]:,}" if name in report.leaks else ""
        table.add_row(name, f"{part.products:,}", share, f"{part.images:,}", f"{part.categories:,}", leak)
    Console(stderr=True).print(table)

    say(f"{report.groups:,} groups of products that stay together.")
    notes = [
        (report.given, "products keep the part the dump gave them."),
        (report.singletons, "categories consist of one group: it is in train, and nothing measures them."),
        (report.contradictory, "groups hold copies under different categories; they stay together."),
        (report.without_category, "products have no category: unused."),
        (report.small_products, f"products of {report.small:,} categories below --min-products: unused."),
        (sum(report.leaks.values()), "products outside train have a copy in train: the given parts leak."),
    ]
    for count, text in notes:
        if count:
            say(f"{count:,} {text}")

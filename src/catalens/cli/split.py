"""`catalens split`: divide a catalog, or check how it is divided, and say what a person should know about the parts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from catalens.cli.console import FILE, FOLDER, configurable, emit, json_option, say, settings

if TYPE_CHECKING:
    from catalens.curate.leaks import LeakReport
    from catalens.curate.parts.split_report import SplitReport

SHOWN_LEAKS = 10


@click.command()
@click.argument("catalog", type=FOLDER)
@click.option("--ratios", metavar="A,B,C,D", help="Shares of train, val, calib and test; they sum to 1.")
@click.option(
    "--by", type=FILE, help="CSV or Parquet: product_id and group (stay together), or part (goes there), or both."
)
@click.option(
    "--together",
    multiple=True,
    metavar="KIND",
    help="What else stays together: near or pixel (copies), seller, attribute:NAME; may be repeated.",
)
@click.option(
    "--time", metavar="COLUMN", help="Older products into earlier parts, by attribute:NAME or by counting product_id."
)
@click.option("--seed", type=int, help="Another number, another split; the same number, the same split anywhere.")
@click.option("--given-only", is_flag=True, default=None, help="Use only products that the dump put into a part.")
@click.option("--anew", is_flag=True, default=None, help="Take no notice of the parts that the dump gave.")
@click.option("--min-products", type=int, help="Leave leaves with fewer products unused.")
@click.option(
    "--carve", multiple=True, metavar="PART=SHARE", help="Take a share of train for a part that is not there yet."
)
@click.option("--check", is_flag=True, help="Divide nothing: say what the parts that are there share with train.")
@configurable
@json_option
def command(
    catalog: Path,
    carve: tuple[str, ...],
    together: tuple[str, ...],
    check: bool,
    config: Path | None,
    assignments: tuple[str, ...],
    as_json: bool,
    **given: Any,
) -> None:
    """Divide a catalog into train, val, calib and test, without leaks.

    Products that share a photo or a group stay together, and every category is spread over the parts.
    Parts that the dump itself gives are kept.

    \b
    Example:
      catalens split shop.catalog --ratios 0.7,0.1,0.1,0.1
      catalens split grocery.catalog --given-only --carve calib=0.1
      catalens split shop.catalog --together near --together seller --anew
      catalens split shop.catalog --time attribute:year
      catalens split shop.catalog --check
    """
    from catalens.core.catalog import Catalog
    from catalens.curate import leaks, split
    from catalens.curate.parts.split_settings import SplitSettings

    flags = {**given, "carve": _shares(carve) or None, "together": together or None}
    if check:
        if config or assignments or any(value is not None for value in flags.values()):
            raise click.UsageError("--check looks at the parts that are there; it goes with no other option but --json")
        found = leaks.audit(Catalog(catalog))
        if as_json:
            emit(found.to_json())
        _show_leaks(found)
        return
    report = split.run(Catalog(catalog), settings(SplitSettings, "split", config, assignments, flags))
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
    for name in ("products", "share", "images", "categories", "leaks"):
        table.add_column(name, justify="right")
    total = sum(part.products for name, part in report.parts.items() if name != "unused") or 1
    for name, part in report.parts.items():
        share = "" if name == "unused" else f"{part.products / total:.1%}"
        leak = f"{report.leaks[name]:,}" if name in report.leaks else ""
        table.add_row(name, f"{part.products:,}", share, f"{part.images:,}", f"{part.categories:,}", leak)
    Console(stderr=True).print(table)

    say(f"{report.groups:,} groups of products that stay together; the largest holds {report.largest_group:,}.")
    far = {part: value for part, value in report.off.items() if abs(value) >= 0.02}
    if far:
        shares = ", ".join(f"{part} {100 * value:+.1f}" for part, value in far.items())
        say(f"whole groups did not allow the shares that were asked; percentage points off: {shares}")
    if empty := [part for part, value in report.off.items() if value < 0 and part not in report.parts]:
        say(f"no product is in {', '.join(empty)}.")
    notes = [
        (report.given, "products keep the part the dump gave them."),
        (report.singletons, "categories consist of one group: it is in one part, and nothing measures them."),
        (report.not_in_train, "categories are in other parts, but not in train: nothing learns them."),
        (report.contradictory, "groups hold copies under different categories; they stay together."),
        (report.without_category, "products have no category: unused."),
        (report.small_products, f"products of {report.small:,} categories below --min-products: unused."),
        (
            sum(report.leaks.values()),
            "products outside train belong with some in train: the given parts leak (--anew takes no notice of them).",
        ),
    ]
    if report.order:
        say("parts begin at: " + ", ".join(f"{part} {text}" for part, text in report.order.begins.items()))
        notes += [
            (report.order.without_time, "products have no time: unused."),
            (report.order.older, "products are older than their part; a newer product of their group is in it."),
        ]
    for count, text in notes:
        if count:
            say(f"{count:,} {text}")


def _show_leaks(report: LeakReport) -> None:
    from rich.console import Console
    from rich.table import Table

    where = "the table splits" if report.split == "splits" else "the dump"
    say(f"parts from {where}; what shares something with train:")
    kinds = list(next(iter(report.parts.values())).kinds) if report.parts else []
    table = Table("part", box=None, header_style="bold")
    for name in ("products", "any copy", *kinds):
        table.add_column(name, justify="right")
    for name, part in report.parts.items():
        table.add_row(name, f"{part.products:,}", f"{part.copy:,}", *(f"{count:,}" for count in part.kinds.values()))
    if report.parts:
        Console(stderr=True).print(table)
    else:
        say("no product is in another part than train.")
    for kind, reason in report.not_looked_at.items():
        say(f"{kind}: not looked at: {reason}")
    copies = [leak for leak in report.leaks if leak.kind not in ("group", "seller")]
    for leak in copies[:SHOWN_LEAKS]:
        more = f" and {leak.in_train - 1:,} more" if leak.in_train > 1 else ""
        say(f"{leak.part}: {leak.product_id} has a copy ({leak.kind}) in train: {leak.example}{more}")
    if len(report.leaks) > len(copies[:SHOWN_LEAKS]):
        say(f"all {len(report.leaks):,} rows are in the table leaks, and in --json")

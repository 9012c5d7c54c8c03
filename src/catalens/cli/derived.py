"""What `clean`, `sample` and `taxonomy edit` say of the catalog that they have made of another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from catalens.cli.console import say

if TYPE_CHECKING:
    from catalens.curate.derive import DeriveReport


def summarise(report: DeriveReport, out: Path) -> None:
    """What was kept, moved and set aside, and why, for a person."""
    from rich.console import Console
    from rich.table import Table

    table = Table("", "count", "for example", title=f"-> {out}", title_justify="left")
    table.columns[1].justify = "right"
    table.add_row("products read", f"{report.products_read:,}")
    table.add_row("products kept", f"{report.products:,}")
    if report.refiled:
        table.add_row("of these in another category", f"{report.refiled:,}")
    table.add_row("photos", f"{report.images:,}")
    table.add_row("categories before", f"{report.categories_before:,}")
    table.add_row("categories now", f"{report.categories:,}", end_section=True)
    for word, counts in (("set aside", report.set_aside), ("noted", report.findings)):
        for cause, count in sorted(counts.items(), key=lambda item: -item[1]):
            table.add_row(f"{word}: {cause}", f"{count:,}", ", ".join(report.examples.get(cause, [])))
    Console(stderr=True).print(table)
    if report.refiled:
        say('Products in another category keep the one they had as the attribute "original category".')
    say(f"digest {report.digest[:12]}, {report.seconds:.1f} s; findings: {out / 'tables' / 'findings.parquet'}")
    say_next(out)


def say_next(out: Path) -> None:
    """That the catalog is to be split, or that it was before."""
    if (out / "tables" / "splits.parquet").exists():
        say(f"products are in the parts they were in; `catalens split {out}` divides them anew")
    else:
        say(f"next: catalens split {out}")

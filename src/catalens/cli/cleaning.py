"""The options of cleaning, which `catalens ingest` and `catalens clean` share."""

from __future__ import annotations

import click

from catalens.cli.console import Command

CLEANING = (
    click.option(
        "--require",
        multiple=True,
        metavar="FIELD",
        help="Set aside products without it: category, seller, group, split, or an attribute; may be repeated.",
    ),
    click.option("--min-products", type=int, metavar="N", help="A category with fewer than N products is small."),
    click.option(
        "--small-categories",
        type=click.Choice(["keep", "drop", "merge"]),
        help="Keep small categories, set their products aside, or merge them into their parent.",
    ),
    click.option("--other-name", help='What small siblings are called once merged; "Other {parent}" if not given.'),
)


def cleaning_options(command: Command) -> Command:
    """Add --require, --min-products, --small-categories and --other-name."""
    for option in reversed(CLEANING):
        command = option(command)
    return command

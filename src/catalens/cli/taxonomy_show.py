"""`catalens taxonomy show`."""

from __future__ import annotations

from pathlib import Path

import click

from catalens.cli.console import FOLDER, emit, json_option, say


@click.command()
@click.argument("catalog", type=FOLDER)
@click.option("--depth", type=click.IntRange(min=1), help="Print this many levels from the top; all where not given.")
@click.option("--language", default="", help="Names in this language, such as en, where the catalog has them.")
@json_option
def command(catalog: Path, depth: int | None, language: str, as_json: bool) -> None:
    """Print the tree of categories with the products of each.

    A line is the name, the number of products, and the id where it is not the path of names.

    \b
    Example:
      catalens taxonomy show shop.catalog --depth 2
    """
    from catalens.core.catalog import Catalog
    from catalens.core.taxonomy import path_id
    from catalens.curate.categories.tree import tree

    found = tree(Catalog(catalog), language=language)
    if as_json:
        emit(found.to_json())
        return
    names: list[str] = []
    for node in found.nodes:
        names[node.level :] = [node.name]
        if depth is None or node.level < depth:
            identity = "" if node.id == path_id(names) else f"  [{node.id}]"
            click.echo(f"{'  ' * node.level}{node.name}  {node.products:,}{identity}")
    leaves = sum(node.leaf for node in found.nodes)
    say(f"{leaves:,} categories in {len(found.levels)} levels ({', '.join(found.levels)}); {found.products:,} products")
    if found.without_category:
        say(f"{found.without_category:,} products have no category.")

"""`catalens index`: from a catalog's vectors to a folder that finds similar products."""

from __future__ import annotations

from pathlib import Path

import click

from catalens.cli.console import BUNDLE, FOLDER, emit, json_option, say


@click.command()
@click.argument("bundle", type=BUNDLE)
@click.argument("catalog", type=FOLDER)
@click.argument("index", type=FOLDER)
@click.option("--overwrite", is_flag=True, help="Replace an index that is already there.")
@json_option
def command(bundle: Path, catalog: Path, index: Path, overwrite: bool, as_json: bool) -> None:
    """Build an index of similar products from a catalog's vectors.

    `catalens embed` makes the vectors. The index keeps the bundle's digest and answers to no other bundle.

    \b
    Example:
      catalens embed shirts.bundle shop.catalog
      catalens index shirts.bundle shop.catalog shop.index
    """
    from catalens.core.bundle import Bundle
    from catalens.core.catalog import Catalog
    from catalens.search import exact

    opened, shop = Bundle(bundle), Catalog(catalog)
    built = exact.build(shop, space=opened.digest, model=opened.name)
    built.write(index, overwrite=overwrite)
    without = shop.info.products - built.info.products
    if as_json:
        emit({"index": str(index), **built.info.model_dump(include={"space", "model", "products", "dim"})})
        return
    say(f"{built.info.products:,} products of {shop.info.name} in {index}, under {opened.name}")
    if without:
        say(f"{without:,} products have no vector: none of their photos could be read")

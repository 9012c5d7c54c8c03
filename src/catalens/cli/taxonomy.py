"""`catalens taxonomy VERB`: the categories of a catalog."""

from __future__ import annotations

import click

from catalens.cli.group import VerbGroup, VerbTable

# verb -> (module, what `catalens taxonomy --help` says of it)
TAXONOMY_VERBS: VerbTable = {
    "show": ("catalens.cli.taxonomy_show", "Print the tree of categories with the products of each."),
    "edit": ("catalens.cli.taxonomy_edit", "Write a catalog with other categories."),
    "export": ("catalens.cli.taxonomy_export", "Write the categories to a file that --taxonomy reads again."),
    "translate": ("catalens.cli.taxonomy_translate", "Fill in the names of categories in another language."),
}


@click.group(cls=VerbGroup, table=TAXONOMY_VERBS)
def command() -> None:
    """Look at the categories of a catalog and change them.

    \b
    Example:
      catalens taxonomy show shop.catalog
    """

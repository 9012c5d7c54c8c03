"""`catalens gallery VERB`: categories that are added to a bundle by a few photos."""

from __future__ import annotations

import click

from catalens.cli.group import VerbGroup, VerbTable

# verb -> (module, what `catalens gallery --help` says of it)
GALLERY_VERBS: VerbTable = {
    "add": ("catalens.cli.gallery_add", "Write a bundle with more categories, each defined by a few photos."),
    "list": ("catalens.cli.gallery_list", "List the categories that were added to a bundle."),
    "remove": ("catalens.cli.gallery_remove", "Write a bundle without some of the categories that were added."),
}


@click.group(cls=VerbGroup, table=GALLERY_VERBS)
def command() -> None:
    """Teach a bundle new categories from a few photos, without training.

    A category that was added has no promise: products that look like it are suggested to a person, until the bundle
    is calibrated on products of it.

    \b
    Example:
      catalens gallery add shop.bundle new.bundle --category "Fruit > Mango" mangos/ --catalog shop.catalog
      catalens gallery list new.bundle
    """

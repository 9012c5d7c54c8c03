"""`catalens gallery add`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from catalens.cli.console import BUNDLE, FOLDER, configurable, emit, json_option, progress_bar, settings

if TYPE_CHECKING:
    from catalens.core.taxonomy import Taxonomy
    from catalens.export.gallery import NewCategory


@click.command()
@click.argument("bundle", type=BUNDLE)
@click.argument("new_bundle", type=FOLDER)
@click.argument("folders", type=FOLDER, required=False)
@click.option(
    "--category",
    "named",
    type=(str, FOLDER),
    multiple=True,
    metavar="PATH PHOTOS",
    help='A category by its names from the top, as "Fruit > Mango" or "ID=Fruit > Mango", and the folder of its '
    "photos; may be repeated.",
)
@click.option("--parent", metavar="CATEGORY", help="Where new categories stand: an id, or names from the top.")
@click.option("--catalog", type=FOLDER, help="The catalog the bundle was trained on; needed the first time.")
@click.option("--cost", type=float, metavar="SHARE", help="The most accuracy that trained categories may lose.")
@click.option("--name", help="The new bundle's name; the old one's where not given.")
@click.option("--overwrite", is_flag=True, default=None, help="Replace a bundle that is there, BUNDLE itself included.")
@configurable
@json_option
def command(
    bundle: Path,
    new_bundle: Path,
    folders: Path | None,
    named: tuple[tuple[str, Path], ...],
    parent: str | None,
    catalog: Path | None,
    config: Path | None,
    assignments: tuple[str, ...],
    as_json: bool,
    **flags: Any,
) -> None:
    """Write a bundle with more categories, each defined by a few photos.

    3 to 8 photos of each do, 20 at most. FOLDERS is a folder of folders: each one's name is a category's, and what
    lies in it its photos. Nothing is trained: products are compared with these photos. A gate keeps the trained
    categories from losing more than --cost; it is fitted on the catalog the bundle was trained on, the first time and
    whenever --catalog is given again, which finds more products of what is added.

    \b
    Example:
      catalens gallery add shop.bundle new.bundle --category "Fruit > Mango" mangos/ --catalog shop.catalog
      catalens gallery add new.bundle newer.bundle fruit_photos/ --parent Fruit
    """
    from catalens.cli.gallery_list import described, show
    from catalens.core.bundle import Bundle
    from catalens.core.catalog import Catalog
    from catalens.core.errors import ConfigError
    from catalens.export import gallery

    chosen = settings(gallery.GallerySettings, "gallery", config, assignments, flags)
    opened = Bundle(bundle)
    wanted = [(*_named(text), folder) for text, folder in named]
    wanted += _folders(folders) if folders else ()
    if not wanted:
        raise ConfigError('expected a category to add: --category "Fruit > Mango" PHOTOS, or a folder of folders')
    new = list(_categories(opened.taxonomy, wanted, parent))
    with progress_bar(f"add to {opened.name}") as progress:
        written = gallery.add(
            opened, new_bundle, new, chosen, catalog=Catalog(catalog) if catalog else None, progress=progress
        )
    if as_json:
        emit(described(written))
    else:
        show(written)


def _named(text: str) -> tuple[str | None, tuple[str, ...]]:
    """ "7=Fruit > Mango" -> the id "7" (None where not given) and the names from the top."""
    from catalens.core.taxonomy import SEPARATOR

    first, equals, rest = text.partition("=")
    id, path = (first, rest) if equals and SEPARATOR not in first else (None, text)
    return id, tuple(path.split(SEPARATOR))


def _folders(folder: Path) -> Iterator[tuple[None, tuple[str, ...], Path]]:
    """Each folder in it; its name is one category's, whatever signs are in it."""
    from catalens.core.errors import ConfigError

    found = sorted(one for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else []
    if not found:
        raise ConfigError("expected a folder of folders, one a category; there is none", source=str(folder))
    yield from ((None, (one.name,), one) for one in found)


def _categories(
    taxonomy: Taxonomy, wanted: list[tuple[str | None, tuple[str, ...], Path]], parent: str | None
) -> Iterator[NewCategory]:
    """Raises TaxonomyError, ConfigError."""
    from catalens.core.gallery_tree import extended, leaf_at
    from catalens.core.taxonomy import SEPARATOR
    from catalens.export.gallery import NewCategory

    above: tuple[str, ...] = ()
    if parent is not None:
        above = taxonomy.path_names(parent) if parent in taxonomy else tuple(parent.split(SEPARATOR))
    for id, names, folder in wanted:
        leaf = leaf_at(taxonomy, (*above, *names), id=id)
        taxonomy = extended(taxonomy, [leaf])  # so that the next one finds a node that this one brought
        yield NewCategory(leaf, _photos(folder))


def _photos(folder: Path) -> tuple[Any, ...]:
    """Raises ConfigError where there is no such folder, or no photo in it."""
    from catalens.core.errors import ConfigError
    from catalens.predict.files import products
    from catalens.predict.predictor import Photo

    if not folder.is_dir():
        raise ConfigError("expected a folder with photos of the category; it is not there", source=str(folder))
    found = tuple(Photo(str(path), path.read_bytes()) for one in products([folder]) for path in one.paths)
    if not found:
        raise ConfigError("expected photos of the category; there is none in it", source=str(folder))
    return found

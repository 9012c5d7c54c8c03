"""`catalens search`: the products of an index that look like a photo, or like another product."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from catalens.cli.console import FILE, FOLDER, emit, json_option

if TYPE_CHECKING:
    from catalens.core.bundle import Bundle
    from catalens.core.prediction import Neighbour
    from catalens.core.scores import Floats
    from catalens.search.exact import ExactIndex


@click.command()
@click.argument("images", metavar="[IMAGE]...", nargs=-1, type=FILE)
@click.option("--index", "folder", type=FOLDER, required=True, help="What `catalens index` built.")
@click.option("--bundle", type=FOLDER, help="The bundle it was built with; needed for photos.")
@click.option("--product", help="Ask with a product of the index instead; it is not its own neighbour.")
@click.option("-k", type=click.IntRange(min=1), default=5, show_default=True, help="How many neighbours.")
@click.option("--category", help="Only products below this category, of any level.")
@click.option("--attribute", "attributes", metavar="NAME:VALUE", multiple=True, help="Only with this; may be repeated.")
@json_option
def command(
    images: tuple[Path, ...],
    folder: Path,
    bundle: Path | None,
    product: str | None,
    k: int,
    category: str | None,
    attributes: tuple[str, ...],
    as_json: bool,
) -> None:
    """Find the products that look like a photo.

    Several IMAGEs are photos of one product.

    \b
    Example:
      catalens search photo.jpg --bundle shirts.bundle --index shop.index -k 5
      catalens search photo.jpg --bundle shirts.bundle --index shop.index --category Apparel --attribute gender:Men
      catalens search --product 15970 --index shop.index
    """
    from catalens.core.bundle import Bundle
    from catalens.search.exact import ExactIndex
    from catalens.search.index import parse_attributes

    if bool(images) == (product is not None):
        raise click.UsageError("expected either photos or --product ID")
    if images and bundle is None:
        raise click.UsageError("photos need --bundle BUNDLE, the one that the index was built with")
    opened = Bundle(bundle) if bundle else None
    index = ExactIndex.read(folder, space=opened.digest if opened else None)
    if product is not None:
        vector = index.vector(product)
    else:
        assert opened is not None
        vector = _look(opened, images)
    allow = index.products.allow(
        category=category, attributes=parse_attributes(attributes), without=[product] if product else []
    )
    (neighbours,) = index.search(vector[None], k, allow=allow)
    if as_json:
        emit({"neighbours": [asdict(neighbour) for neighbour in neighbours]})
    else:
        _show(index, neighbours)


def _look(bundle: Bundle, images: tuple[Path, ...]) -> Floats:
    """float32 [D] of the product that the photos show.  Raises ImageError on the first that cannot be used."""
    from catalens.core.errors import UnreadableImage
    from catalens.predict.predictor import Photo, Predictor

    photos = []
    for path in images:
        try:
            photos.append(Photo(str(path), path.read_bytes()))
        except OSError as error:
            raise UnreadableImage(f"the file cannot be opened ({error.strerror})", source=str(path)) from None
    return Predictor(bundle).embed(photos)


def _show(index: ExactIndex, neighbours: list[Neighbour]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("score", "product", "category", box=None)
    for neighbour in neighbours:
        path = " > ".join(index.products.path(index.products.row(neighbour.id)))
        table.add_row(f"{neighbour.score:.3f}", neighbour.id, path or "not known")
    Console().print(table)

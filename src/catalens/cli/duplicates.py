"""`catalens duplicates`: the copies in a catalog, or those of one new photo."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from catalens.cli.console import FILE, FOLDER, configurable, emit, json_option, progress_bar, say, settings

if TYPE_CHECKING:
    from catalens.core.catalog import Catalog
    from catalens.curate.copies.duplicates_report import DuplicatesReport
    from catalens.curate.copies.find_copies import Copy

SHOWN = 10


@click.command()
@click.argument("catalog", type=FOLDER)
@click.option("--photo", type=FILE, help="Only ask whether this photo is one of the catalog's.")
@click.option("--bundle", type=FOLDER, help="Compare photos that are near by this bundle's vectors, too.")
@click.option("--max-difference", type=float, help="How much copies may differ; about 1 is what compression does.")
@click.option("--mirrored", is_flag=True, default=None, help="Look for copies with left and right exchanged, too.")
@configurable
@json_option
def command(
    catalog: Path,
    photo: Path | None,
    bundle: Path | None,
    max_difference: float | None,
    mirrored: bool | None,
    config: Path | None,
    assignments: tuple[str, ...],
    as_json: bool,
) -> None:
    """Find the copies in a catalog: same bytes, same pixels, same picture.

    What is found goes into the catalog's tables hashes and duplicates, from where split and audit take it. A photo
    is compared with these tables; it need not be in the catalog.

    \b
    Example:
      catalens duplicates shop.catalog
      catalens duplicates shop.catalog --photo new.jpg
    """
    from catalens.core.bundle import Bundle
    from catalens.core.catalog import Catalog
    from catalens.curate import duplicates
    from catalens.search.vectors import photo_vectors

    if photo is not None and bundle is not None:
        raise click.UsageError("--bundle is for comparing the catalog with itself; leave it out with --photo")
    flags = {"max_difference": max_difference, "mirrored": mirrored}
    chosen = settings(duplicates.DuplicatesSettings, "duplicates", config, assignments, flags)
    shop = Catalog(catalog)
    if photo is not None:
        copies = _ask(shop, photo, chosen.max_difference, chosen.mirrored)
        if as_json:
            emit({"copies": [asdict(copy) for copy in copies]})
        else:
            _show_copies(copies, photo)
        return
    vectors = photo_vectors(shop, space=Bundle(bundle).digest) if bundle is not None else None
    with progress_bar("duplicates") as progress:
        report = duplicates.run(shop, chosen, vectors=vectors, progress=progress)
    if as_json:
        emit(report.to_json())
    _show(report, catalog)


def _ask(catalog: Catalog, photo: Path, max_difference: float, mirrored: bool) -> list[Copy]:
    from catalens.core.errors import UnreadableImage
    from catalens.curate.copies.find_copies import find_copies

    try:
        data = photo.read_bytes()
    except OSError as error:
        raise UnreadableImage(f"the file cannot be opened ({error.strerror})", source=str(photo)) from None
    return find_copies(catalog, data, source=str(photo), max_difference=max_difference, mirrored=mirrored)


def _show_copies(copies: list[Copy], photo: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    if not copies:
        say(f"{photo} is none of the catalog's photos.")
        return
    table = Table("copy", "difference", "product", "photo", box=None)
    for copy in copies:
        table.add_row(copy.kind, f"{copy.difference:.2f}", copy.product_id, copy.image_id[:12])
    Console().print(table)


def _show(report: DuplicatesReport, catalog: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    counts = Table("copies", "groups", "photos", box=None)
    for name, count in (("same bytes", report.exact), ("same pixels", report.pixel), ("same picture", report.near)):
        counts.add_row(name, f"{count.groups:,}", f"{count.photos:,}")
    console = Console(stderr=True)
    console.print(counts)
    for number, text in (
        (report.contradictory, "of the groups under several categories."),
        (report.cross_product, "of the groups under several products."),
        (report.cross_seller, "of the groups under several sellers."),
        (report.unreadable, "of the photos could not be read and were not compared."),
    ):
        if number:
            say(f"{number:,} {text}")
    matter = [group for group in report.groups if group.contradictory or len(group.sellers) > 1][:SHOWN]
    if matter:
        groups = Table("copy", "products", "categories", "sellers", box=None, title="Look at these first")
        for group in matter:
            products = ", ".join(group.products[:4]) + (" ..." if len(group.products) > 4 else "")
            groups.add_row(group.kind, products, "\n".join(group.categories), ", ".join(group.sellers[:4]))
        console.print(groups)
    say(f"all groups: {catalog / 'tables' / 'duplicates.parquet'}")

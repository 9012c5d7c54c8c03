"""`catalens audit`: what is wrong with a catalog, as a page, as data, and in a few lines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from catalens.cli.console import FILE, FOLDER, configurable, emit, json_option, progress_bar, say, settings

if TYPE_CHECKING:
    from catalens.core.bundle import Bundle
    from catalens.core.catalog import Catalog
    from catalens.core.progress import Progress
    from catalens.curate.audit.run import Vectors


@click.command()
@click.argument("catalog", type=FOLDER)
@click.option("--out", type=FILE, help="The page; its figures go beside it, as JSON.  [default: CATALOG.audit.html]")
@click.option("--bundle", type=FOLDER, help="Judge labels and find copies with this bundle's vectors, too.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes that look at the photos.")
@configurable
@json_option
def command(
    catalog: Path,
    out: Path | None,
    bundle: Path | None,
    workers: int | None,
    config: Path | None,
    assignments: tuple[str, ...],
    as_json: bool,
) -> None:
    """Find out what is wrong with a catalog, and write a page about it.

    Sizes and spread of the categories, bad photos, copies, leaks between the parts of a split, labels that look wrong,
    and whether each category is ready to be learnt. Every photo is looked at once; a run that was stopped goes on
    where it was, and what is found stays in the catalog's side tables.

    \b
    Example:
      catalens audit shop.catalog
      catalens audit shop.catalog --bundle shop.bundle --out shop-audit.html --json
    """
    from catalens.core.bundle import Bundle
    from catalens.core.catalog import Catalog, write_json
    from catalens.curate.audit.page import heading, write
    from catalens.curate.audit.run import run
    from catalens.curate.audit.settings import AuditSettings
    from catalens.curate.audit.steps import next_commands, steps

    if catalog.name in ("", ".."):
        catalog = catalog.resolve()  # the page is called by its name
    page = out if out is not None else catalog.with_name(f"{catalog.stem}.audit.html")
    if page.suffix.lower() == ".json":
        raise click.BadParameter(
            "is the page; its figures go beside it under the same name in .json", param_hint="--out"
        )
    chosen = settings(AuditSettings, "audit", config, assignments, {"workers": workers})
    shop = Catalog(catalog)
    judge = Bundle(bundle) if bundle is not None else None
    with progress_bar(f"audit {catalog.name}") as progress:
        if judge is None:
            found = run(shop, chosen, progress=progress)
        else:
            name = f"bundle {judge.name}"
            found = run(shop, chosen, vectors=_vectors(judge, shop, progress), judged_by=name, progress=progress)
    write(page, found, shop)
    values = found.to_json()
    write_json(values, page.with_suffix(".json"))
    if as_json:
        emit(values)
    say(heading(found))
    for step in steps(found):
        click.secho(f"  {step.words}", fg={"bad": "red", "doubt": "yellow", "good": "green"}[step.weight], err=True)
    say(f"page: {page}")
    for line in next_commands(found, catalog):
        say(f"next: {line}")


def _vectors(bundle: Bundle, catalog: Catalog, progress: Progress) -> Vectors:
    """What the bundle sees in the catalog; computed where `catalens embed` has not done it before."""
    from catalens.curate.audit.run import Vectors
    from catalens.predict.catalog import score_images
    from catalens.predict.session import Session
    from catalens.search import vectors

    session = Session(bundle)
    vectors.run(
        lambda images, within: score_images(session, catalog, images, progress=within),
        catalog,
        space=bundle.digest,
        progress=progress,
    )
    photos = vectors.photo_vectors(catalog, space=bundle.digest)
    return Vectors(*photos, *vectors.product_vectors(catalog, space=bundle.digest))

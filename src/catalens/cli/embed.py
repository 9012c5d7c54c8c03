"""`catalens embed`: a catalog's photos and products as vectors, kept in the catalog."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from time import perf_counter

import click

from catalens.cli.console import BUNDLE, FOLDER, emit, json_option, progress_bar, say

SHOWN_FINDINGS = 10


@click.command()
@click.argument("bundle", type=BUNDLE)
@click.argument("catalog", type=FOLDER)
@click.option("--threads", type=click.IntRange(min=1), help="Threads of the model; all cores where not given.")
@json_option
def command(bundle: Path, catalog: Path, threads: int | None, as_json: bool) -> None:
    """Compute the vectors of a catalog's photos and products.

    They go into the catalog's side tables embeddings.<digest of the bundle>. A run that was stopped goes on where
    it was.

    \b
    Example:
      catalens embed shirts.bundle shop.catalog
    """
    from catalens.core.bundle import Bundle
    from catalens.core.catalog import Catalog
    from catalens.predict.catalog import score_images
    from catalens.predict.session import Session
    from catalens.search import vectors

    start = perf_counter()
    opened, shop = Bundle(bundle), Catalog(catalog)
    session = Session(opened, threads=threads)
    with progress_bar("embedding") as progress:
        report = vectors.run(
            lambda images, within: score_images(session, shop, images, progress=within),
            shop,
            space=opened.digest,
            progress=progress,
        )
    seconds = round(perf_counter() - start, 2)
    if as_json:
        emit({**asdict(report), "seconds": seconds})
        return
    say(f"{report.photos:,} photos and {report.products:,} products have vectors in {report.table} ({seconds:.1f} s)")
    if report.reused:
        say(f"{report.reused:,} photos were done by an earlier run")
    for finding in report.findings[:SHOWN_FINDINGS]:
        say(f"{finding.source}: {finding.cause}: {finding.detail}")
    if len(report.findings) > SHOWN_FINDINGS:
        say(f"... and {len(report.findings) - SHOWN_FINDINGS:,} more photos without a vector; --json lists all")

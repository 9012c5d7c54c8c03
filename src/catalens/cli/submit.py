"""`catalens submit`: a dump in, Kaggle's `_id,category_id` out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from catalens.cli.console import BUNDLE, FILE, PATH, configurable, emit, json_option, progress_bar, say, settings

if TYPE_CHECKING:
    from catalens.curate.sources.protocol import IngestSettings, Source
    from catalens.predict.submit import DumpRow, SubmitReport


@click.command()
@click.argument("bundle", type=BUNDLE)
@click.argument("dump", type=PATH)
@click.option("--out", type=FILE, required=True, help="The CSV file to write.")
@click.option("--format", help="What DUMP is, as for `catalens ingest`; auto looks at its names and header.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads of the model; all cores where not given.")
@click.option("--overwrite", is_flag=True, help="Replace a finished submission.")
@click.option("--restart", is_flag=True, help="Forget an unfinished submission and begin afresh.")
@configurable
@json_option
def command(
    bundle: Path,
    dump: Path,
    out: Path,
    format: str | None,
    threads: int | None,
    overwrite: bool,
    restart: bool,
    config: Path | None,
    assignments: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write the most probable category of every product of a dump.

    One line a product, `_id,category_id`, as Kaggle's competitions ask for; all photos of a product are looked at. A
    run that was stopped goes on where it was. How the dump is read is set as for ingest: in the table [ingest] of
    --config, or by --set ingest.image=photo.

    \b
    Example:
      catalens submit cdiscount.bundle test.bson --out submission.csv
    """
    from catalens.core.bundle import Bundle
    from catalens.curate.ingest import reading_key
    from catalens.curate.sources import IngestSettings, open_source
    from catalens.predict.predictor import Predictor
    from catalens.predict.session import Session
    from catalens.predict.submit import Dump, submit

    chosen = settings(IngestSettings, "ingest", config, assignments, {"format": format})
    opened = Bundle(bundle)
    predictor = Predictor(opened, Session(opened, threads=threads))
    with progress_bar(f"submit {dump.name}") as progress:
        name, reader = open_source(dump, chosen, progress)
        what = Dump(reading_key(name, reader, chosen), reader.total, partial(_rows, reader, chosen))
        report = submit(predictor, what, out, restart=restart, overwrite=overwrite, progress=progress)
    _summarise(report, out)
    if as_json:
        emit(report.to_json())


def _rows(reader: Source, chosen: IngestSettings, cursor: int) -> Iterator[DumpRow]:
    """What a reader of dumps gives, as rows to answer: one that was set aside is a product without photos."""
    from catalens.curate.making.check import read_photo
    from catalens.curate.sources.protocol import Note, Row
    from catalens.predict.submit import DumpPhoto, DumpRow

    for after, item in reader.read(cursor):
        if isinstance(item, Note):
            continue
        photos = item.photos if isinstance(item, Row) else ()
        openers = [DumpPhoto(photo.name, partial(read_photo, photo, chosen.max_photo_bytes)) for photo in photos]
        yield DumpRow(after, item.product_id, openers)


def _summarise(report: SubmitReport, out: Path) -> None:
    say(f"{out}: {report.products:,} products, {report.photos:,} photos, by {report.model} in {report.seconds:.1f} s")
    if report.resumed:
        say(f"{report.resumed:,} products were done by an earlier run")
    if report.unreadable:
        say(f"photos that could not be read: {report.unreadable:,}")
    if report.guessed:
        say(f"products without a readable photo: {report.guessed:,}, answered with {report.guess}, {report.guess_is}")
    if report.repeated:
        say(f"rows that repeat a product: {report.repeated:,}; the first counts")
    if report.nameless:
        say(
            f"rows without a product id, which get no line: {report.nameless:,}; `catalens ingest` tells where they are"
        )

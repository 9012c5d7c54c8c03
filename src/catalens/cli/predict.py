"""`catalens predict`: photos in, decisions out, one product at a time as they are made."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from catalens.cli.console import BUNDLE, PATH, configurable, emit, json_option, say, settings
from catalens.cli.exits import DONE, ERROR

if TYPE_CHECKING:
    from catalens.core.prediction import Prediction

BAR = 24  # characters of a full bar
COLOURS = {"file": "green", "suggest": "yellow", "review": "yellow", "reject": "red"}


@click.command()
@click.argument("bundle", type=BUNDLE)
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option("--top", type=click.IntRange(min=1), help="How many labels to name.")
@click.option("--promise", type=float, help="The precision that filing has to keep, one the bundle makes.")
@click.option(
    "--group", type=click.Choice(["none", "folder"]), default="none", show_default=True, help="What one product is."
)
@click.option("--threads", type=click.IntRange(min=1), help="Threads of the model; all cores where not given.")
@click.option("--language", help="Name the categories in this language, such as en.")
@click.option("--names", type=PATH, help="A catalog or taxonomy.parquet with names that the bundle has not.")
@configurable
@json_option
def command(
    bundle: Path,
    images: tuple[str, ...],
    group: Any,
    as_json: bool,
    config: Path | None,
    assignments: tuple[str, ...],
    **flags: Any,
) -> int:
    """Classify photos: files, folders, or a list on standard input.

    Each file is one product; with --group folder, all photos of a folder are one product. An IMAGE of "-" reads paths
    from standard input, one a line. A photo that cannot be read is told in the product's findings; exit code 1 if
    none could be.

    \b
    Example:
      catalens predict shirts.bundle photo.jpg
      catalens predict shirts.bundle listings/ --group folder --json > predictions.jsonl
      find /photos -name '*.jpg' | catalens predict shirts.bundle - --json
    """
    from catalens.core.bundle import Bundle
    from catalens.core.language import in_language, read_names
    from catalens.predict.files import predict_files, products
    from catalens.predict.predictor import Predictor, PredictSettings
    from catalens.predict.session import Session

    chosen = settings(PredictSettings, "predict", config, assignments, flags)
    opened = Bundle(bundle)
    taxonomy = in_language(opened.taxonomy, chosen.language, *read_names(chosen.names, chosen.language))
    predictor = Predictor(opened, Session(opened, threads=chosen.threads), taxonomy, mix=chosen.mix)
    found = read = 0
    for prediction in predict_files(predictor, products(_paths(images), group=group), chosen):
        found += 1
        read += prediction.decision.action != "reject"
        if as_json:
            emit(prediction.to_json())
            sys.stdout.flush()
        else:
            _show(prediction)
    if not found:
        say(f"catalens: no photos in {', '.join(images)}")
    return DONE if read else ERROR


def _paths(images: tuple[str, ...]) -> Iterator[Path]:
    for image in images:
        if image == "-":
            # bytes: names of files need not be text
            yield from (Path(os.fsdecode(line.rstrip(b"\r\n"))) for line in sys.stdin.buffer if line.strip())
        else:
            yield Path(image)


def _show(prediction: Prediction) -> None:
    from catalens.predict.decide import percent

    decision = prediction.decision
    click.echo(f"{prediction.id}\n  {click.style(decision.action, fg=COLOURS[decision.action])}  {decision.reason}")
    for label in prediction.labels:
        filled = round(label.score * BAR)
        bar = "█" * filled + "░" * (BAR - filled)
        click.echo(f"  {bar} {percent(label.score):>7}  {' > '.join(label.path)}")
    for finding in prediction.findings:
        click.secho(f"  {finding.source}: {finding.cause}: {finding.detail}", fg="red")

"""`catalens taxonomy translate`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from catalens.cli.console import FILE, PATH, configurable, emit, json_option, progress_bar, say, settings
from catalens.cli.exits import DONE, ERROR, GATE

if TYPE_CHECKING:
    from catalens.curate.translate import TranslateReport

PROVIDERS = ("none", "google", "libretranslate", "deepl", "microsoft")
SHOWN = 3  # missing categories of one reason, and rows of the glossary


@click.command()
@click.argument("target", metavar="CATALOG|FILE", type=PATH)
@click.option("--to", metavar="LANGUAGE", help="The language to fill, such as en.")
@click.option("--from", "source", metavar="LANGUAGE", help="The language of the names; the provider guesses else.")
@click.option("--provider", type=click.Choice(PROVIDERS), help="Who is asked for what glossary and cache lack.")
@click.option("--url", help="The provider's address: for libretranslate, or a server of one's own.")
@click.option("--glossary", type=FILE, help="Table with columns source, target and perhaps category_id; wins over all.")
@click.option("--encoding", help="Of the glossary, where it is not UTF-8.")
@click.option("--cache", type=FILE, help="What was answered before; NAME.translations.jsonl beside it else.")
@click.option("--again", is_flag=True, default=None, help="Translate anew what has a name in the language.")
@click.option("--dry-run", is_flag=True, default=None, help="Say what would be asked; ask and write nothing.")
@click.option("--out", type=FILE, help="Also write a taxonomy.parquet, or a CSV to correct and give as glossary.")
@click.option("--overwrite", is_flag=True, default=None, help="Replace what --out names.")
@configurable
@json_option
def command(
    target: Path, out: Path | None, config: Path | None, assignments: tuple[str, ...], as_json: bool, **flags: Any
) -> int:
    """Fill in the names of categories in another language.

    FILE is a taxonomy.parquet, or a CSV of ids and levels as `ingest --taxonomy` reads it; its names go to --out.
    Exit code 3 if names are missing, 1 if the provider failed; what was found is kept either way.

    \b
    Example:
      catalens taxonomy translate shop.catalog --from fr --to en --glossary glossary.csv
      catalens taxonomy translate shop.catalog --from fr --to en --provider libretranslate --url http://127.0.0.1:5000
    """
    from catalens.curate.translate import TranslateSettings, run

    chosen = settings(TranslateSettings, "taxonomy-translate", config, assignments, flags)
    with progress_bar(f"translate {target.name}") as progress:
        report = run(target, chosen, out=out, progress=progress)
    if as_json:
        emit(report.to_json())
    _show(report, dry_run=chosen.dry_run)
    if report.failure:
        return ERROR
    return GATE if report.missing and not chosen.dry_run else DONE


def _show(report: TranslateReport, *, dry_run: bool) -> None:
    found = report.categories - len(report.missing)
    ways = ", ".join(f"{way} {count:,}" for way, count in report.translated.items())
    say(
        f"{found:,} of {report.categories:,} categories have a name in {report.language}"
        + (f": {ways}" if ways else "")
    )
    if dry_run:
        say(f"a provider would be asked for {report.to_ask:,} names, {report.characters:,} characters")
        say("dry run: nobody was asked, nothing was written")
    for entry in report.unused_glossary[:SHOWN]:
        say(f"glossary row {entry.row:,} ({entry.source or entry.category_id}) is about no category")
    if len(report.unused_glossary) > SHOWN:
        say(f"... and {len(report.unused_glossary) - SHOWN:,} more rows of the glossary")
    if not dry_run:
        for reason, count in Counter(one.reason for one in report.missing).most_common():
            say(f"{count:,} are missing: {reason}")
            examples = [" > ".join(one.path) for one in report.missing if one.reason == reason]
            for example in examples[:SHOWN]:
                say(f"  {example}")
            if count > SHOWN:
                say("  ...")
        if report.missing:
            say("--json or --out names.csv lists them")
    for path in report.written:
        say(f"written: {path}")
    if report.failure:
        say(f"catalens: {report.failure}; run the same again to go on where it ended")

"""`catalens evaluate`: score a part of a catalog with a bundle, and say how far the answers can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from catalens.cli.console import BUNDLE, FILE, FOLDER, configurable, emit, json_option, say, settings


@click.command()
@click.argument("bundle", type=BUNDLE)
@click.argument("catalog", type=FOLDER)
@click.option("--split", metavar="PART", help="The part to measure on.  [default: test]")
@click.option(
    "--require",
    multiple=True,
    metavar="FIGURE=VALUE",
    help="Exit with 3 if a figure is lower: top1=0.9, precision@0.98=0.97; may be repeated.",
)
@click.option("--language", help="Name the categories in this language, as the bundle or the catalog has them.")
@click.option("--out", type=FOLDER, help="A folder for evaluation.json.")
@click.option("--report", type=FILE, metavar="FILE.html", help="A page to read and send; FILE.json beside it.")
@click.option("--against", type=BUNDLE, metavar="OLD", help="Compare with a previous bundle on the same products.")
@click.option("--robustness", is_flag=True, help="Measure on darkened, blurred, cropped, ... photos, too.")
@click.option(
    "--robustness-products", type=click.IntRange(1), default=200, show_default=True, help="How many of the part."
)
@configurable
@json_option
def command(
    bundle: Path,
    catalog: Path,
    split: str | None,
    require: tuple[str, ...],
    language: str | None,
    out: Path | None,
    report: Path | None,
    against: Path | None,
    robustness: bool,
    robustness_products: int,
    config: Path | None,
    assignments: tuple[str, ...],
    as_json: bool,
) -> None:
    """Measure a bundle on a part of a catalog.

    \b
    Example:
      catalens evaluate shirts.bundle shop.catalog --report shirts.html --against old.bundle
      catalens evaluate shirts.bundle shop.catalog --split val --require top1=0.9 --json
    """
    from catalens.cli import evaluating
    from catalens.cli.evaluate_report import write_report
    from catalens.cli.evaluate_show import show, show_more
    from catalens.core.bundle import Bundle
    from catalens.core.catalog import Catalog, write_json
    from catalens.evaluate import EvaluateSettings, gate
    from catalens.evaluate.attributes import attribute_figures

    flags = {"split": split, "require": _requirements(require) or None, "language": language}
    chosen = settings(EvaluateSettings, "evaluate", config, assignments, flags)
    _check_report(report)
    opened, shop = Bundle(bundle), Catalog(catalog)
    before = Bundle(against) if against else None
    new = evaluating.measure(opened, shop, chosen.split, chosen.language)
    values: dict[str, Any] = {
        **new.evaluation.to_json(),
        "attributes": attribute_figures(new.scores, opened.manifest.attributes, shop.attributes),
        "split": chosen.split,
        "unreadable": len(new.findings),
        **evaluating.more(new),
        "against": evaluating.against(evaluating.measure(before, shop, chosen.split), new) if before else None,
        "robustness": evaluating.on_worse_photos(new, shop, chosen.split, products=robustness_products)
        if robustness
        else None,
    }
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_json(values, out / "evaluation.json")
    if as_json:
        emit(values)
    show(new.evaluation, chosen.split, len(new.findings))
    show_more(values)
    if report is not None:
        beside = write_report(report, new, shop, values)
        say(f"Wrote {report} and {beside}.")
    gate.check(new.evaluation, chosen.require)


def _requirements(require: tuple[str, ...]) -> dict[str, str]:
    """("top1=0.9",) -> {"top1": "0.9"}."""
    wrong = next((text for text in require if "=" not in text), None)
    if wrong is not None:
        raise click.BadParameter(f"expected FIGURE=VALUE, such as top1=0.9, got {wrong!r}", param_hint="--require")
    return dict(text.split("=", 1) for text in require)


def _check_report(report: Path | None) -> None:
    """Before anything is scored: the JSON file stands beside the page under the same name."""
    if report is not None and report.suffix.lower() not in (".html", ".htm"):
        raise click.BadParameter(f"expected a name that ends in .html, got {report.name!r}", param_hint="--report")

"""`catalens evaluate`: score a part of a catalog with a bundle, and say how far the answers can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from catalens.cli.console import BUNDLE, FOLDER, configurable, emit, json_option, progress_bar, say, settings

if TYPE_CHECKING:
    from catalens.evaluate import Evaluation

HEADLINE = 0.98  # the promise that the first sentence is about, where the bundle makes it
SHOWN = 8  # rows of worst categories and of confusions


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
@configurable
@json_option
def command(
    bundle: Path,
    catalog: Path,
    split: str | None,
    require: tuple[str, ...],
    language: str | None,
    out: Path | None,
    config: Path | None,
    assignments: tuple[str, ...],
    as_json: bool,
) -> None:
    """Measure a bundle on a part of a catalog.

    \b
    Example:
      catalens evaluate shirts.bundle shop.catalog
      catalens evaluate shirts.bundle shop.catalog --split val --require top1=0.9 --json
    """
    from catalens.core.bundle import Bundle
    from catalens.core.catalog import Catalog, write_json
    from catalens.core.language import in_language
    from catalens.evaluate import EvaluateSettings, gate, run
    from catalens.evaluate.attributes import attribute_figures
    from catalens.predict.catalog import score
    from catalens.predict.session import Session

    flags = {"split": split, "require": _requirements(require) or None, "language": language}
    chosen = settings(EvaluateSettings, "evaluate", config, assignments, flags)
    opened, shop = Bundle(bundle), Catalog(catalog)
    taxonomy = in_language(opened.taxonomy, chosen.language, shop.taxonomy)
    trained = opened.manifest.training
    if "train_digest" in trained:
        digests = {"catalog_digest": trained["catalog"]["digest"], "train_digest": trained["train_digest"]}
        shop.check_not_split_anew(opened.taxonomy, **digests)
    with progress_bar("scoring photos") as progress:
        scores, findings = score(Session(opened), shop, part=chosen.split, progress=progress)
    evaluation = run(
        scores,
        shop.categories_in(taxonomy),
        taxonomy,
        rules=opened.rules(),
        fusion=opened.fusion,
        train_counts=trained.get("train_counts"),
        digests={"bundle": opened.digest, "catalog": shop.digest},
    )
    attributes = attribute_figures(scores, opened.manifest.attributes, shop.attributes)
    values = evaluation.to_json() | {"attributes": attributes, "split": chosen.split, "unreadable": len(findings)}
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_json(values, out / "evaluation.json")
    if as_json:
        emit(values)
    _show(evaluation, chosen.split, len(findings))
    _table(
        "Attributes",
        ("attribute", "top-1", "most frequent value", "products"),
        [
            (row["attribute"], _percent(row["top1"]), _percent(row["majority"]), f"{row['products']:,}")
            for row in attributes
        ],
    )
    gate.check(evaluation, chosen.require)


def _requirements(require: tuple[str, ...]) -> dict[str, str]:
    """("top1=0.9",) -> {"top1": "0.9"}."""
    wrong = next((text for text in require if "=" not in text), None)
    if wrong is not None:
        raise click.BadParameter(f"expected FIGURE=VALUE, such as top1=0.9, got {wrong!r}", param_hint="--require")
    return dict(text.split("=", 1) for text in require)


def _show(evaluation: Evaluation, part: str, unreadable: int) -> None:
    promised = evaluation.coverage
    headline = next((one for one in promised if one.promise == HEADLINE), promised[-1] if promised else None)
    say(headline.sentence() if headline else "This bundle makes no promise: nothing files itself.")
    say(f"{evaluation.products:,} products with {evaluation.images:,} photos in part {part!r}.")
    if evaluation.outside:
        say(f"{evaluation.outside:,} more are of no category that the model knows; they are in no figure.")
    if unreadable:
        say(f"{unreadable:,} photos could not be read.")

    _table(
        "Right answers",
        ("", "share"),
        [
            ("top-1", _percent(evaluation.top1)),
            ("top-5", _percent(evaluation.top5)),
            ("mean recall of categories", _percent(evaluation.macro_recall)),
            *[(f"top-1, {level['level']}", _percent(level["top1"])) for level in evaluation.levels],
            ("top-1 of single photos", _percent(evaluation.per_image["top1"])),
            *_several(evaluation),
            *[
                (f"top-1, {words} ({shots.categories:,} categories)", _percent(shots.top1))
                for shots, words in (
                    (evaluation.many, "more than 100 in training"),
                    (evaluation.medium, "20 to 100 in training"),
                    (evaluation.few, "fewer than 20 in training"),
                )
                if shots and shots.categories
            ],
        ],
    )
    before = evaluation.before_temperature
    say(
        f"Calibration: ECE {before['ece']:.4f} -> {evaluation.ece:.4f}, NLL {before['nll']:.3f} -> {evaluation.nll:.3f}"
    )
    levels = [level.level for level in promised[0].by_level] if promised else []
    _table(
        "What files itself (precision in brackets)",
        ("promise", "filed", *levels),
        [
            (
                f"{100 * one.promise:g} %",
                _filed(one.filed, one.precision),
                *(_filed(level.filed, level.precision) for level in one.by_level),
            )
            for one in promised
        ],
    )
    _table(
        "Weakest categories",
        ("category", "recall", "precision", "products"),
        [
            (" > ".join(row["path"]), _percent(row["recall"]), _percent(row["precision"]), f"{row['support']:,}")
            for row in evaluation.per_class[:SHOWN]
        ],
    )
    _table(
        "Most frequent confusions",
        ("is", "was taken for", "products"),
        [
            (" > ".join(row["truth_path"]), " > ".join(row["predicted_path"]), f"{row['count']:,}")
            for row in evaluation.confusions[:SHOWN]
        ],
    )


def _several(evaluation: Evaluation) -> list[tuple[str, str]]:
    """The products with more than one photo, and what another way to put photos together buys."""
    several = evaluation.several
    if not several["products"]:
        return []
    rows = [(f"top-1, {several['products']:,} products with several photos", _percent(several["top1"]))]
    if evaluation.fusion != "mean":
        rows.append((f"  the same by the mean instead of {evaluation.fusion!r}", _percent(several["mean_top1"])))
    return rows


def _table(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    if not rows:
        return
    table = Table(title=title, title_justify="left", box=None, header_style="bold")
    for index, name in enumerate(columns):
        table.add_column(escape(name), justify="right" if index and name != "was taken for" else "left")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    Console(stderr=True).print(table)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _filed(share: float, precision: float | None) -> str:
    return f"{share:.1%} ({precision:.1%})" if precision is not None else "-"

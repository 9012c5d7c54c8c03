"""What `catalens evaluate` says on a terminal: sentences and tables, on stderr."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from catalens.cli.console import say

if TYPE_CHECKING:
    from catalens.evaluate import Evaluation

HEADLINE = 0.98  # the promise that the first sentence is about, where the bundle makes it
SHOWN, ADVICE = 8, 5  # rows of worst categories and of confusions, and pieces of advice


def show(evaluation: Evaluation, part: str, unreadable: int) -> None:
    promised = evaluation.coverage
    headline = next((one for one in promised if one.promise == HEADLINE), promised[-1] if promised else None)
    say(headline.sentence() if headline else "This bundle makes no promise: nothing files itself.")
    say(f"{evaluation.products:,} products with {evaluation.images:,} photos in part {part!r}.")
    if evaluation.outside:
        say(f"{evaluation.outside:,} more are of no category that the model knows; they are in no figure.")
    if unreadable:
        say(f"{unreadable:,} photos could not be read.")

    table(
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
    table(
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
    table(
        "Weakest categories",
        ("category", "recall", "precision", "products"),
        [
            (" > ".join(row["path"]), _percent(row["recall"]), _percent(row["precision"]), f"{row['support']:,}")
            for row in evaluation.per_class[:SHOWN]
        ],
    )
    table(
        "Most frequent confusions",
        ("is", "was taken for", "products"),
        [
            (" > ".join(row["truth_path"]), " > ".join(row["predicted_path"]), f"{row['count']:,}")
            for row in evaluation.confusions[:SHOWN]
        ],
    )


def show_more(values: Mapping[str, Any]) -> None:
    """What else was measured: attributes, suggestions, the bundle before, worse photos, and what to do."""
    table(
        "Attributes",
        ("attribute", "top-1", "most frequent value", "products"),
        [
            (row["attribute"], _percent(row["top1"]), _percent(row["majority"]), f"{row['products']:,}")
            for row in values["attributes"]
        ],
    )
    if values["sets"]:
        sets = values["sets"]
        say(
            f"Suggestions: {_percent(sets['coverage'])} hold the right category (promised {sets['promised']:.0%}), "
            f"{sets['mean_size']:.1f} in the mean, {_percent(sets['singles'])} single."
        )
    for found in (values["against"], values["robustness"]):
        if found:
            say(found["sentence"])
    _show_advice(values["advice"])


def _show_advice(advice: Sequence[Mapping[str, Any]]) -> None:
    for one in advice[:ADVICE]:
        say(f"- {one['say']} {one['why']}")
    if len(advice) > ADVICE:
        say(f"  ... and {len(advice) - ADVICE:,} more (--report FILE.html, --json)")


def _several(evaluation: Evaluation) -> list[tuple[str, str]]:
    """The products with more than one photo, and what another way to put photos together buys."""
    several = evaluation.several
    if not several["products"]:
        return []
    rows = [(f"top-1, {several['products']:,} products with several photos", _percent(several["top1"]))]
    if evaluation.fusion != "mean":
        rows.append((f"  the same by the mean instead of {evaluation.fusion!r}", _percent(several["mean_top1"])))
    return rows


def table(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
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

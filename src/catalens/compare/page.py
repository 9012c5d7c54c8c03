"""The comparison as one page: the winner, the table, what to choose, and plots with how to read them."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from catalens import __version__
from catalens.compare import plots
from catalens.compare.rows import COLUMNS, NEAR, Advice, advise, cells, chance, remark
from catalens.core import page as core_page
from catalens.core.durable import replacing
from catalens.core.page import card, counted, percent, reading, share

if TYPE_CHECKING:
    from catalens.compare.rows import Row
    from catalens.compare.run import Comparison

NUMBERS = ("no", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")


def write(path: Path, found: Comparison) -> None:
    """Write the page, whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(page(found), encoding="utf-8")


def page(found: Comparison) -> str:
    """The page's HTML, one file without scripts."""
    advice = advise(found.rows)
    measured = [row for row in found.rows if row.measured]
    sections = (
        ("All of them", _table(found)),
        ("Which to choose", _advice(advice, found) if advice else ""),
        ("Accuracy, and what it costs", plots.costs(measured, found.promise)),
        ("How they learnt", plots.curves(measured)),
        ("Frequent and rare categories", plots.bands(measured)),
        ("What else there is to know", _notes(found)),
    )
    footer = (
        f"Made by catalens {__version__} compare; catalog {found.name}, {found.catalog_digest[:12]}. Milliseconds were "
        "measured on the machine that trained. All figures are in compare.json beside this page."
    )
    return core_page.page(
        f"Models on {found.name}", heading=heading(found, advice), lead="", sections=sections, footer=footer
    )


def heading(found: Comparison, advice: Advice | None) -> str:
    """The winner in one sentence."""
    if advice is None or advice.best.test is None:
        return "No model could be measured." if found.rows else "Nothing was compared."
    best, single = advice.best, advice.single
    of = f"of {counted(found.products, 'product')}"
    if best.kind == "ensemble":
        many = NUMBERS[len(best.of)] if len(best.of) < len(NUMBERS) else str(len(best.of))
        return (
            f"{many} models together are right most often, on {share(best.test)} {of}; "
            f"by itself, {single.name} on {share(single.test)}."
        )
    return f"{best.name} is right most often, on {share(best.test)} {of}."


def _table(found: Comparison) -> str:
    rows = []
    for row in found.rows:
        name, *figures = cells(row)
        said = remark(row)
        wrong = " class=wrong" if row.cause or row.collapsed else " class=soft"
        under = f"<br><small{wrong}>{escape(said)}</small>" if said else ""
        rows.append([f"{escape(name)}{under}", *(escape(figure) for figure in figures)])
    best = next((row.test for row in found.rows if row.test is not None), None)
    width = f" Differences below {100 * chance(best, found.products):.1f} points may be chance." if best else ""
    return card(core_page.table(COLUMNS, rows)) + reading(
        "Top-1 in per cent per product, train, val and test measured by the bundle in the same way (train on "
        f"{counted(found.train_products, 'product')}); many, medium and few: top-1 where training had more than 100, "
        f"20 to 100 and fewer than 20 products; filed: what files itself at a promise of {percent(found.promise)}."
        f"{width}"
    )


def _advice(advice: Advice, found: Comparison) -> str:
    lines: list[tuple[str, Row | None, str]] = [
        ("Most often right", advice.single, f"{share(advice.single.test)} on test")
    ]
    if advice.covers:
        filed = f"{share(advice.covers.coverage)} files itself at a promise of {percent(found.promise)}"
        lines.append(("Files most by itself", advice.covers, filed))
    else:
        lines.append(("Files most by itself", None, f"none can promise {percent(found.promise)} on this catalog yet"))
    fast = f"{advice.fast.ms:.1f} ms a photo, {share(advice.fast.test)} on test"
    lines.append((f"Fastest within {100 * NEAR:g} point of the best", advice.fast, fast))
    if advice.best.kind == "ensemble":
        words = f"{share(advice.best.test)} on test at {advice.best.ms:.1f} ms; it is no bundle, but several"
        lines.append(("If time does not count", advice.best, words))
    items = "".join(
        f'<li class="{"good" if row else "doubt"}">{escape(what)}: '
        f"{f'<b>{escape(row.name)}</b>, ' if row else ''}{escape(words)}</li>"
        for what, row, words in lines
    )
    return f'<ul class="todo">{items}</ul>'


def _notes(found: Comparison) -> str:
    return card("".join(f"<p>{escape(note)}</p>" for note in found.notes)) if found.notes else ""

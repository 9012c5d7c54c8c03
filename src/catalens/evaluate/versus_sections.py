"""The part of the report that sets the bundle beside the one before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from catalens.core.page import Shown, card, counted, percent, photos, reading, share, table, two
from catalens.core.plots import Axis, Line, percent_axis, plot
from catalens.core.taxonomy import SEPARATOR

NBSP = "\u00a0%"  # never at the start of a line
ROWS, NAMED = 8, 10  # categories in the table, and ids that are spelt out


def versus(found: Mapping[str, Any] | None, losses: Sequence[Shown]) -> str:
    if found is None:
        return ""
    head = card(f"<p><b>{escape(found['sentence'].replace(' %', NBSP))}</b></p><p class=soft>{escape(_who(found))}</p>")
    return head + _promises(found["promises"]) + _categories(found["categories"]) + _losses(found["lost"], losses)


def _who(found: Mapping[str, Any]) -> str:
    words = [f"Before: {found['before']}; now: {found['after']}."]
    left = found["only_before"] + found["only_after"]
    if left:
        words.append(f"{counted(left, 'product')} could be measured with one of the two only; they are not compared.")
    for name, ids in (("New", found["new"]), ("Gone", found["gone"])):
        if ids:
            rest = f" and {len(ids) - NAMED:,} more" if len(ids) > NAMED else ""
            words.append(f"{name} categories: {', '.join(ids[:NAMED])}{rest}.")
    return " ".join(words)


def _promises(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    promises = [row["promise"] for row in rows]
    x = Axis("precision promised", promises[0] - 0.005, promises[-1] + 0.005, tuple(promises), "{:.0%}")
    pictures = [
        plot(title, x, percent_axis(title), _lines(rows, what)) + reading(words)
        for title, what, words in (
            ("filed, at any level", "filed", "The higher line leaves less to people."),
            ("filed in a leaf", "leaf", "The higher line files deeper; both must keep their promise, see below."),
        )
    ]
    cells = [
        [
            percent(row["promise"]),
            *(share(row[f"{what}_{when}"]) for what in ("filed", "leaf", "precision") for when in ("before", "after")),
        ]
        for row in rows
    ]
    head = ["promise", "filed before", "now", "in a leaf before", "now", "of all filed right before", "now"]
    words = "Of the same products. A dash: not promised by that bundle, or nothing filed."
    return two(*pictures) + card(table(head, cells)) + reading(words)


def _lines(rows: Sequence[Mapping[str, Any]], what: str) -> list[Line]:
    return [
        Line(name, tuple((row["promise"], row[key]) for row in rows if row[key] is not None), style, dots=True)
        for name, key, style in (("before", f"{what}_before", "b dashed"), ("now", f"{what}_after", "a"))
    ]


def _categories(rows: Sequence[Mapping[str, Any]]) -> str:
    moved = [row for row in rows if row["won"] or row["lost"]]
    if not moved:
        return "<h3>By category</h3>" + card("<p>No category was answered differently.</p>")
    sure = [row for row in moved if row["change"]]
    shown = sure + [row for row in moved if not row["change"]][: max(0, ROWS - len(sure))]
    cells = [
        [
            escape(SEPARATOR.join(row["path"])),
            f"{row['products']:,}",
            share(row["before"]),
            share(row["after"]),
            f"{row['won']:,}",
            f"{row['lost']:,}",
            f"{row['p']:.3f}",
            f"{row['p_holm']:.3f}",
            _verdict(row["change"]),
        ]
        for row in shown
    ]
    head = ["category", "products", "recall before", "now", "came right", "went wrong", "p alone", "p of all", ""]
    better, worse = (sum(row["change"] == change for row in sure) for change in ("better", "worse"))
    words = (
        f"{counted(better, 'category')} better and {worse:,} worse beyond chance, "
        f"of {len(rows):,}; what else is shown moved most, but among so many categories some move by chance alone."
    )
    return "<h3>By category</h3>" + card(table(head, cells, words=(0, 8))) + reading(words)


def _verdict(change: str | None) -> str:
    style = {"better": "right", "worse": "wrong"}
    return f'<span class="{style[change]}">{change}</span>' if change else '<span class="soft">chance</span>'


def _losses(count: int, shown: Sequence[Shown]) -> str:
    if not shown:
        return ""
    words = f"{counted(count, 'product')} went wrong; shown are those of which the new bundle is surest."
    return "<h3>Right before, wrong now</h3>" + photos(shown) + reading(words)

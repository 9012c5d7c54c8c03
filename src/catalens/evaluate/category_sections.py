"""The parts of the report that go category by category: what to do, cards with photos, and whose word holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Any

from catalens.core.page import card, counted, grid, percent, reading, share, strip, table, todo
from catalens.core.taxonomy import SEPARATOR

if TYPE_CHECKING:
    from catalens.evaluate.report import CategoryCard

ADVICE, TRUST = 4, 8  # rows that are shown, of each kind of advice
KINDS = {  # title and urgency, in the order of the page
    "merge": ("What photos do not tell apart", "bad"),
    "labels": ("Labels to look at", "bad"),
    "bold": ("Where it is too sure of itself", "bad"),
    "swallowed": ("Swallowed by a larger neighbour", "doubt"),
    "photos": ("Too few photos to learn from", "doubt"),
}


def advice(found: Sequence[Mapping[str, Any]] | None) -> str:
    if found is None:
        return ""
    if not found:
        return card("<p>Nothing stands out: no single confusion is frequent enough to act on.</p>")
    groups = []
    for kind, (title, urgency) in KINDS.items():
        own = [one for one in found if one["kind"] == kind]
        rest = reading(f"{len(own) - ADVICE:,} more are in the JSON file.") if len(own) > ADVICE else ""
        items = todo((urgency, one["say"], one["why"]) for one in own[:ADVICE])
        groups.append(f"<h3>{title}</h3>{items}{rest}" if own else "")
    return "".join(groups) + reading("In each list, what concerns most products of this part comes first.")


def cards(shown: Sequence[CategoryCard], left_out: int) -> str:
    if not shown:
        return ""
    groups = [
        (f"<h3>{escape(title)}</h3>" if title else "") + grid(map(_card, members))
        for title, members in groupby(shown, key=lambda one: one.group)
    ]
    words = (
        "Green: filed by itself in its own category. Amber: its best answer is right, but it is not sure enough to "
        "file there. Red: its best answer is wrong, with what it was taken for."
    )
    rest = f" {left_out:,} more are left out: neither among the largest nor among the weakest."
    return "".join(groups) + reading(words + (rest if left_out else ""))


def trust(rows: Sequence[Mapping[str, Any]] | None) -> str:
    if not rows:
        return ""
    bold = [row for row in rows if row["over_confident"]]
    shown = bold or rows[:TRUST]
    cells = [
        [
            escape(SEPARATOR.join(row["path"])),
            f"{row['answers']:,}",
            share(row["stated"]),
            share(row["precision"]),
            f"{row['z']:+.1f}",
            f"{row['p_holm']:.3f}" if row["p_holm"] >= 0.001 else "&lt; 0.001",
        ]
        for row in shown
    ]
    head = ["what it says", "answers", "sure, in the mean", "right", "z", "p (all together)"]
    return card(table(head, cells)) + reading(_trust_words(len(rows), len(bold)))


def _trust_words(judged: int, bold: int) -> str:
    of = f"{counted(judged, 'category')} with 20 answers or more"
    if not bold:
        return (
            f"Of {of}, none is over-confident beyond chance; these come nearest. z counts standard deviations, above 0 "
            "where it says more than it keeps."
        )
    verb = "is" if bold == 1 else "are"
    return f"Of {of}, {bold} {verb} over-confident beyond chance: their answers are right less often than they say."


def _card(one: CategoryCard) -> str:
    figures = [f"recall {_or_dash(one.recall)} of {counted(one.products, 'product')}"]
    figures.append(f"precision {_or_dash(one.precision)}")
    if one.filed is not None:
        figures.append(f"{percent(one.filed)} file themselves here")
    if one.train is not None:
        figures.append(f"{one.train:,} in training")
    above = f'<p class="reading">{escape(SEPARATOR.join(one.path[:-1]))}</p>' if one.path[:-1] else ""
    return f"<h4>{escape(one.path[-1])}</h4>{above}<p>{escape(_dotted(figures))}</p>{strip(one.photos)}"


def _dotted(words: Iterable[str]) -> str:
    return " · ".join(words)


def _or_dash(value: float | None) -> str:
    return "–" if value is None else percent(value)

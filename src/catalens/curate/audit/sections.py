"""The parts of the audit's page that need no photos: sizes, spread, readiness, what was set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import get_args

from catalens.core.page import bars, card, counted, reading, share, table, two
from catalens.core.plots import Line, log_axis, plot
from catalens.core.tail import FEW_BELOW, MANY_ABOVE
from catalens.curate.audit.readiness import ADVICE, Readiness, Verdict
from catalens.curate.audit.sizes import Sizes

SHOWN = 25  # rows of a table; the JSON beside the page has all
FIELDS = 12
LARGEST = 10
CURVE = 400  # points of the curve; more cannot be seen
NEEDING: tuple[Verdict, ...] = ("no product", "no diversity", "too few", "enough")
CLASSES: Mapping[Verdict, str] = {
    "no product": "wrong",
    "empty": "soft",
    "too few": "wrong",
    "no diversity": "doubtful",
    "enough": "right",
    "excellent": "right",
}


def sizes(found: Sizes) -> str:
    """What is there: levels, photos a product, formats, fields."""
    levels = [[escape(level["level"]), f"{level['categories']:,}"] for level in found.levels]
    photos = [(name, float(count), f"{count:,}") for name, count in _views(found.photos_per_product).items()]
    sides = [(name, float(count), f"{count:,}") for name, count in found.sides.items()]
    formats = ", ".join(f"{name} {count:,}" for name, count in found.formats.items())
    fields = [(name, value, share(value)) for name, value in found.fields.items()]
    views = bars(photos) if len(photos) > 1 else f"<p>Every product has {escape(photos[0][0])}.</p>"
    return two(
        table(["level", "categories"], levels) + reading("From the top of the tree to its leaves."),
        views + reading("Several views of a product make a decision about it surer."),
    ) + two(
        bars(sides) + reading(f"Photos by their shorter side. Formats: {formats}."),
        bars(fields[:FIELDS]) + reading("How many products have each field; what is rarely filled can hardly be used."),
    )


def spread(found: Sizes) -> str:
    """How uneven the categories are."""
    filled, uneven = found.filled, found.imbalance
    if not filled or uneven is None:
        return ""
    step = max(1, len(filled) // CURVE)
    points = tuple((float(place), float(size.products)) for place, size in enumerate(filled, start=1))
    x, y = log_axis("category, largest first", len(filled)), log_axis("products", filled[0].products)
    curve = plot("Products of each category", x, y, (Line("products", points[::step]),))
    bands = [
        (f"{name}: {_limits(name)}", float(len(found.band(name))), f"{len(found.band(name)):,}")
        for name in ("many", "medium", "few")
    ]
    empty = len(found.categories) - len(filled)
    bands += [("empty", float(empty), f"{empty:,}")] if empty else []
    figures = [
        ["largest category is", f"{uneven.ratio:,.0f} times the smallest"],
        ["Gini coefficient", f"{uneven.gini:.2f}"],
        ["amounts to", f"{uneven.effective:,.1f} equal categories"],
        ["largest tenth holds", share(uneven.top_tenth)],
    ]
    return (
        two(
            curve
            + reading(
                "Each line across is ten times the one below it. A straight fall is a long tail: a model sees the left "
                "end all day, and the right end hardly ever."
            ),
            bars(bands)
            + table(["", ""], figures)
            + reading("Gini: 0 where all categories are equal, near 1 where one has all."),
        )
        + card(bars([(size.path, float(size.products), f"{size.products:,}") for size in filled[:LARGEST]]))
        + reading("The largest categories; the smallest are listed below, under readiness.")
    )


def readiness(judged: Sequence[Readiness]) -> str:
    """A verdict a category, those that need something first; nothing where there are no categories."""
    if not judged:
        return ""
    counts = Counter(one.verdict for one in judged)
    verdicts = [(name, float(counts[name]), f"{counts[name]:,}") for name in get_args(Verdict) if counts[name]]
    advice = [[f'<b class="{CLASSES[name]}">{name}</b>', escape(ADVICE[name])] for name, _, _ in verdicts]
    needing = sorted((one for one in judged if one.verdict in NEEDING), key=_urgency)
    rows = [
        [
            escape(one.path),
            f"{one.products:,}",
            f"{one.photos:,}",
            f"{one.effective:,.0f}",
            f'<b class="{CLASSES[one.verdict]}">{one.verdict}</b>',
        ]
        for one in needing[:SHOWN]
    ]
    more = f" Shown: {SHOWN} of {len(needing):,}; all are in the JSON file." if len(needing) > SHOWN else ""
    return two(bars(verdicts), table(["verdict", "what it means"], advice, words=(0, 1))) + (
        card(table(["category", "products", "photos", "different", "verdict"], rows, words=(0, 4)))
        + reading(f"“Different” counts copies once and further near-identical shots a tenth each.{more}")
        if rows
        else ""
    )


def set_aside(
    causes: Mapping[str, int], notes: Mapping[str, int], examples: Mapping[str, Sequence[str]], rows_read: int
) -> str:
    """What the ingest could not use, and what it noted, with a few places each."""
    if not causes and not notes:
        return card(f"<p>Nothing: all of {counted(rows_read, 'row')} read is in the catalog.</p>")
    rows = [
        [escape(cause), kind, f"{count:,}", escape(", ".join(examples.get(cause, ())[:3]))]
        for kind, counts in (("set aside", causes), ("noted", notes))
        for cause, count in sorted(counts.items(), key=lambda item: -item[1])
    ]
    return card(table(["cause", "", "rows", "for example"], rows, words=(0, 1, 3))) + reading(
        "Set aside: the row is not in the catalog. Noted: it is, but somebody should know. "
        "Each has its own line in tables/findings.parquet."
    )


def _limits(name: str) -> str:
    return {
        "many": f"over {MANY_ABOVE} products",
        "medium": f"{FEW_BELOW} to {MANY_ABOVE}",
        "few": f"below {FEW_BELOW}",
    }[name]


def _urgency(one: Readiness) -> tuple[int, float, str]:
    return NEEDING.index(one.verdict), one.effective, one.path


def _views(products: Mapping[int, int], limit: int = 6) -> dict[str, int]:
    """How many products have one photo, two, ...; those with more than most in one."""
    first = list(products.items())[:limit]
    rest = sum(list(products.values())[limit:])
    named = {"1 photo" if count == 1 else f"{count} photos": number for count, number in first}
    return named | ({"more": rest} if rest else {})

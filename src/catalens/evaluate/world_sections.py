"""The parts of the report about what a shop meets every day: doubt, strangers, and photos worse than the catalog's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from catalens.core.page import card, counted, percent, reading, share, table, tiles, two
from catalens.core.plots import Axis, Line, percent_axis, plot

STYLES = "abcdefgh"  # one a corruption
ROLES = (("far", "not of this shop"), ("near", "a category that it does not know"))


def sets(figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return ""
    worst = figures["worst_class"]
    shown = [
        (
            share(figures["coverage"]),
            f"have the right category in their set (promised: {percent(figures['promised'])})",
        ),
        (f"{figures['mean_size']:.1f}", f"suggestions in the mean, {figures['median_size']:g} in the median"),
        (share(figures["singles"]), "have a single suggestion"),
    ]
    if worst is not None:
        shown.append((share(worst), "in the category where it is lowest, of those with 20 products or more"))
    return tiles(shown) + reading(
        "Where nothing is filed, a person picks from this set: the smaller, the quicker. The promise is about the mean "
        "of all products, not about each category."
    )


def open_world(found: Mapping[str, Any] | None) -> str:
    """`found` is what the manifest holds: the rule, and the tables of scorers where they were kept."""
    if found is None:
        return ""
    rule = found.get("rule") or found
    boxes = [_scorers(title, found.get(role), rule.get(role)) for role, title in ROLES]
    return "".join(card(box) for box in boxes if box) + _outcomes(found) + reading(_open_world_words(rule))


def robustness(found: Mapping[str, Any] | None) -> str:
    if found is None or not found.get("conditions"):
        return ""
    clean, *bad = found["conditions"]
    names = list(dict.fromkeys(one["corruption"] for one in bad))
    tops = {(one["corruption"], one["severity"]): one["top1"] for one in bad}
    severities = sorted({one["severity"] for one in bad})
    lines = [
        Line(
            name,
            ((0.0, clean["top1"]), *((float(s), tops[name, s]) for s in severities if (name, s) in tops)),
            STYLES[place % len(STYLES)] + (" dashed" if place >= len(STYLES) else ""),
        )
        for place, name in enumerate(names)
    ]
    x = Axis("severity", 0, max(severities, default=1), (0.0, *map(float, severities)))
    picture = plot("Accuracy on worse photos", x, percent_axis("best answer right"), lines)
    cells = [[escape(name), *(share(tops.get((name, s))) for s in severities)] for name in names]
    tables = table(["what happens to the photo", *(f"severity {s}" for s in severities)], cells)
    words = f"{found['sentence'].split('. ')[0]}, measured on {counted(found['products'], 'product')}, one photo each."
    return (
        two(picture + reading("The steeper a line falls, the more that trouble in uploads costs."), tables)
        + reading(words.replace(" %", "\u00a0%"))
        + _promises(clean["promises"], names, found["broken"])
    )


def _promises(promises: Sequence[Mapping[str, Any]], names: Sequence[str], broken: Sequence[Mapping[str, Any]]) -> str:
    """From which severity on each promise breaks, by what happens to the photo."""
    if not promises:
        return ""
    first = {(one["corruption"], one["promise"]): one["severity"] for one in broken}
    kept = '<span class="right">holds</span>'

    def cell(name: str, promise: float) -> str:
        found = first.get((name, promise))
        return kept if found is None else f'<span class="wrong">breaks at {found}</span>'

    made = sorted(one["promise"] for one in promises)
    rows = [[escape(name), *(cell(name, promise) for promise in made)] for name in names]
    return card(table(["what happens to the photo", *map(percent, made)], rows)) + reading(
        "The severity from which a promise is broken, beyond chance: refuse photos worse than that, or ask for others."
    )


def _scorers(title: str, choice: Mapping[str, Any] | None, limit: Mapping[str, Any] | None) -> str:
    """The scorers of one role, or its limit alone where only the rule is known."""
    if choice is None or "measures" not in choice:
        if limit is None:
            return ""
        return f"<p><b>{escape(title)}</b>: {escape(limit['scorer'])} at or below {limit['threshold']:.4g}</p>"
    ordered = sorted(choice["measures"], key=lambda one: -one["auroc"])
    rows = [
        [
            escape(one["scorer"]) + (" <b>(used)</b>" if one["scorer"] == choice["scorer"] else ""),
            f"{one['auroc']:.3f}",
            share(one["fpr95"]),
        ]
        for one in ordered
    ]
    at = f", turned away at or below {limit['threshold']:.4g}" if limit else ""
    words = f"{counted(choice['strangers'], 'stranger')} against {counted(choice['products'], 'product')}{at}."
    head = [title, "AUROC", "let in where 95 % of products are"]
    return table(head, rows) + reading(words)


def _outcomes(found: Mapping[str, Any]) -> str:
    names = (("products", "products of the shop"), ("strangers", "strangers"), ("unknown", "unknown categories"))
    rows = [
        [words, f"{one['count']:,}", share(one["far"]), share(one["near"]), share(one["known"])]
        for key, words in names
        if isinstance(one := found.get(key), Mapping)
    ]
    head = ["what came in", "how many", "not of this shop", "category not known", "goes on"]
    return card(table(head, rows)) if rows else ""


def _open_world_words(rule: Mapping[str, Any]) -> str:
    words = "AUROC is the chance that a product scores higher than a stranger: 1 is always, 0.5 no better than a coin."
    if not rule.get("strangers"):
        words += " No strangers were supplied when it was made, so how well it tells them is not known."
    if rule.get("unknown") == "masked":
        words += (
            " Unknown categories were imitated by leaving each product's own out; products held out would show more."
        )
    return words

"""The pictures of a comparison, each with one line that says how to read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from math import floor

from catalens.compare.rows import Row
from catalens.core.page import bars, card, percent, reading, share, two
from catalens.core.plots import Axis, Line, percent_axis, plot

STYLES = "abcdefgh"
TICKS = tuple(factor * 10.0**power for power in range(-2, 5) for factor in (1, 2, 5))


def colours(rows: Sequence[Row]) -> dict[str, str]:
    """Name -> style, one for all plots of a page; dashes where all colours are taken."""
    return {
        row.name: STYLES[place % len(STYLES)] + (" dashed" if place >= len(STYLES) else "")
        for place, row in enumerate(rows)
    }


def costs(rows: Sequence[Row], promise: float) -> str:
    """Accuracy, and coverage, against the time of a photo."""
    if not rows:
        return ""
    right = _scatter(rows, "Top-1 on test against milliseconds a photo", "top-1 on test", lambda row: row.test)
    filed = _scatter(rows, "Share filed against milliseconds a photo", "files itself", lambda row: row.coverage)
    return two(
        right + reading("Up and to the left is better: right more often, in less time."),
        (filed or f"<p>No member was asked for a promise of {percent(promise)}.</p>")
        + reading(f"What needs nobody to look at it, at a promise of {percent(promise)}; at 0 it cannot promise that."),
    )


def curves(rows: Sequence[Row]) -> str:
    """Accuracy epoch by epoch, of those that have a curve."""
    val = _by_epoch(rows, "val top-1", 2)
    if not val:
        return ""
    return two(
        val + reading("Photos it has not learnt. A curve that still climbs at its end would profit from more epochs."),
        _by_epoch(rows, "train top-1", 1)
        + reading("Photos while they were learnt, changed by augmentation: far above the left means learnt by heart."),
    )


def _by_epoch(rows: Sequence[Row], what: str, place: int) -> str:
    """The shares at `place` of the curves' points."""
    style = colours(rows)
    lines = []
    for row in rows:
        points = tuple((point[0] or 0.0, share) for point in row.curve if (share := point[place]) is not None)
        if points:
            lines.append(Line(row.name, points, style[row.name], dots=True))
    if not lines:
        return ""
    last = max(epoch for line in lines for epoch, _ in line.points)
    ticks = tuple(float(tick) for tick in range(1, int(last) + 1, max(1, round(last / 8))))
    y = _percents(what, [share for line in lines for _, share in line.points])
    return plot(f"{what} by epoch", Axis("epoch", 1.0, max(last, 2.0), ticks, "{:.0f}"), y, lines)


def bands(rows: Sequence[Row]) -> str:
    """Top-1 on frequent, middling and rare categories."""
    boxes = []
    for name, words in (("many", "More than 100"), ("medium", "20 to 100"), ("few", "Fewer than 20")):
        found = [(row.name, value, share(value)) for row in rows if (value := getattr(row, name)) is not None]
        if found:
            boxes.append(card(f"<h3>{escape(words)} in training</h3>{bars(found)}"))
    if not boxes:
        return ""
    return f'<div class="two">{"".join(boxes)}</div>' + reading(
        "Top-1 by how many products of a category were trained on; the bars of a box are to the scale of its best."
    )


def _scatter(rows: Sequence[Row], title: str, what: str, value: Callable[[Row], float | None]) -> str:
    style = colours(rows)
    lines = [
        Line(row.name, ((row.ms, found),), style[row.name], dots=True, joined=False, labelled=True)
        for row in rows
        if (found := value(row)) is not None and row.ms > 0
    ]
    if not lines:
        return ""
    places = [line.points[0] for line in lines]
    return plot(title, _milliseconds([ms for ms, _ in places]), _percents(what, [found for _, found in places]), lines)


def _milliseconds(values: Sequence[float]) -> Axis:
    """Equal steps are equal factors, for networks differ by factors."""
    low, high = min(values) / 1.5, max(values) * 1.5
    ticks = tuple(tick for tick in TICKS if low <= tick <= high)
    return Axis("ms a photo", low, high, ticks, "{:g}", log=True)


def _percents(name: str, values: Sequence[float]) -> Axis:
    """From a round value below the least to one above the greatest, so that differences can be seen."""
    low = max(0.0, floor((min(values) - 0.02) * 10) / 10)
    high = min(1.0, -floor(-(max(values) + 0.02) * 10) / 10)
    return percent_axis(name, low, max(high, low + 0.1))

"""The parts of the report as HTML, each with one line that says how to read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from catalens.core import page
from catalens.core.page import Shown, card, image, percent, photos, reading, share, table, times, two
from catalens.core.plots import Axis, Line, percent_axis, plot, value_axis

if TYPE_CHECKING:
    from catalens.evaluate.report import Confused, Epoch

HEADLINE = "0.98"  # the promise that the first sentence is about
FEWEST = 5  # products in a bin that is drawn: fewer say nothing


def headline(promises: Sequence[float]) -> int | None:
    """The place of the promise that the first sentence is about: 98 %, else the highest; None where there are none."""
    if not promises:
        return None
    return promises.index(float(HEADLINE)) if float(HEADLINE) in promises else promises.index(max(promises))


def promise_sentence(evaluation: Mapping[str, Any]) -> str:
    """ "At 98 % promised precision, 71 % of listings file themselves." """
    coverage = evaluation["coverage"]
    if not coverage:
        return "This bundle makes no promise: nothing files itself."
    key = list(coverage)[headline([float(key) for key in coverage]) or 0]
    promised, filed = percent(float(key)), coverage[key]["filed"]
    if not filed:
        return f"At {promised} promised precision, no listing files itself."
    return f"At {promised} promised precision, {percent(filed)} of listings file themselves."


def depths(evaluation: Mapping[str, Any]) -> str:
    """How deep the listings of the first sentence are filed; nothing where there is one level only."""
    coverage = evaluation["coverage"]
    place = headline([float(key) for key in coverage])
    if place is None:
        return ""
    promised = coverage[list(coverage)[place]]
    if not promised["filed"] or len(promised["by_level"]) < 2:
        return ""
    parts = ", ".join(f"{share(level['filed'])} at {level['level']}" for level in promised["by_level"])
    return reading(f"From the deepest level up: {parts}; {share(1 - promised['filed'])} wait for a person.")


def tiles(evaluation: Mapping[str, Any]) -> str:
    """The figures that everybody asks for first."""
    coverage = evaluation["coverage"].get(HEADLINE, {})
    shown = [
        (share(evaluation["top1"]), "best answer right"),
        (share(evaluation["top5"]), "right one among five"),
        (share(coverage.get("precision")), f"of what filed itself is right (promised: {percent(float(HEADLINE))})"),
        (share(evaluation["macro_recall"]), "mean recall of categories"),
        (f"{evaluation['products']:,}", f"products measured, {evaluation['images']:,} photos"),
    ]
    return page.tiles(shown)


def coverage(promises: Mapping[str, Any], curve: Sequence[Mapping[str, float]] | None = None) -> str:
    """What files itself at each promise, and how precise the surest answers would be by themselves."""
    if not promises:
        return card(_risk(curve)) if curve else ""
    ordered = sorted((float(key), value) for key, value in promises.items())
    filed = Line("files itself", tuple((key, value["filed"]) for key, value in ordered), "a", dots=True)
    kept = [(key, value["precision"]) for key, value in ordered if value["precision"] is not None]
    guide = Line("promised", tuple((key, key) for key, _ in ordered), "guide")
    x = Axis(
        "precision promised", ordered[0][0] - 0.005, ordered[-1][0] + 0.005, tuple(key for key, _ in ordered), "{:.0%}"
    )
    lines = (filed, Line("of that, right", tuple(kept), "b", dots=True), guide)
    picture = plot("Share filed and realised precision at each promise", x, percent_axis("share of products"), lines)
    picture += reading(
        "Blue is what files itself, at any level; the more is promised, the further up. Red must stay above the dashes."
    )
    return two(picture, _risk(curve)) if curve else card(picture)


def cost(promises: Mapping[str, Any]) -> str:
    """The promises as a table: how much is filed, at which level, and what is left to people."""
    if not promises:
        return ""
    ordered = sorted((float(key), value) for key, value in promises.items())
    levels = [level["level"] for level in ordered[0][1]["by_level"]]
    rows = [
        [
            percent(key),
            *(f"{value[name]:,.{digits}f}" for name, digits in (("reviews_per_1000", 0), ("errors_per_1000", 1))),
            share(value["filed"]),
            share(value["precision"]),
            *(share(level["filed"]) for level in value["by_level"]),
        ]
        for key, value in ordered
    ]
    head = ["promise", "reviews per 1,000", "wrong filings per 1,000", "filed", "of these right"]
    return card(table([*head, *(f"at {level}" for level in levels)], rows)) + reading(
        "Without the model a person files all 1,000 listings. Price a review and a wrong filing: the promise whose sum "
        "is the smallest is the one to choose. What is not sure enough of its category is filed one level up, or waits."
    )


def _risk(curve: Sequence[Mapping[str, float]]) -> str:
    points = tuple((one["filed"], one["precision"]) for one in curve)
    low = min(0.9, int(20 * min(precision for _, precision in points)) / 20)
    promised = float(HEADLINE)
    lines = (
        Line("right of those filed", points, "a"),
        Line(percent(promised), ((0.0, promised), (1.0, promised)), "guide"),
    )
    axes = percent_axis("share filed, the surest first"), percent_axis("right", low)
    reach = max((filed for filed, precision in points if precision >= promised), default=0.0)
    words = (
        f"At the deepest level alone, the surest {percent(reach)} of these products are {percent(promised)} right. "
        "What is promised there is less, for it must hold on products not seen yet."
        if reach
        else f"At the deepest level alone, not even the surest of these products are {percent(promised)} right."
    )
    return plot("Precision of the surest answers, at the deepest level", *axes, lines) + reading(words)


def training(epochs: Sequence[Epoch]) -> str:
    if not epochs:
        return ""
    numbers = [epoch.number for epoch in epochs]
    step = max(1, -(-len(numbers) // 8))
    x = Axis("epoch", min(numbers) - 0.01, max(numbers) + 0.01, tuple(float(n) for n in numbers[step - 1 :: step]))
    losses = [value for epoch in epochs for value in (epoch.train_loss, epoch.val_loss)]
    loss = (
        Line("training", tuple((epoch.number, epoch.train_loss) for epoch in epochs), "a"),
        Line("validation", tuple((epoch.number, epoch.val_loss) for epoch in epochs), "b"),
    )
    right = (
        Line("training", tuple((epoch.number, epoch.train_top1) for epoch in epochs), "a"),
        Line("validation", tuple((epoch.number, epoch.val_top1) for epoch in epochs), "b"),
    )
    return two(
        plot("Loss per epoch", x, value_axis("loss", losses), loss)
        + reading("Both should fall; validation that rises again has learnt by heart."),
        plot("Accuracy per epoch", x, percent_axis("right"), right)
        + reading("Training photos are altered on purpose, so validation may well be ahead."),
    )


def levels(evaluation: Mapping[str, Any]) -> str:
    promised = evaluation["coverage"].get(HEADLINE, {"by_level": []})["by_level"]
    filed = {level["level"]: level for level in promised}
    rows = [
        [
            escape(row["level"]),
            share(row["top1"]),
            share(filed.get(row["level"], {}).get("filed")),
            share(filed.get(row["level"], {}).get("precision")),
        ]
        for row in evaluation["levels"]
    ]
    head = ["level", "best answer right", f"filed here at {percent(float(HEADLINE))}", "of these right"]
    return card(table(head, rows)) + reading(
        "The further up, the easier; what cannot be told apart below is still worth something above."
    )


def reliability(evaluation: Mapping[str, Any]) -> str:
    bins = evaluation.get("reliability")
    if not bins:
        return ""
    before, after = (
        tuple((one["confidence"], one["accuracy"]) for one in bins[when] if one["products"] >= FEWEST)
        for when in ("before", "after")
    )
    raw = evaluation["before_temperature"]
    lines = (
        Line("before calibration", before, "b", dots=True),
        Line("after", after, "a", dots=True),
        Line("honest", ((0.0, 0.0), (1.0, 1.0)), "guide"),
    )
    axes = percent_axis("what it says"), percent_axis("how often it is right")
    picture = plot("Confidence against accuracy", *axes, lines)
    rows = [
        ["before", f"{raw['ece']:.3f}", f"{raw['nll']:.3f}"],
        ["after", f"{evaluation['ece']:.3f}", f"{evaluation['nll']:.3f}"],
    ]
    return two(
        picture
        + reading("On the dashes, 80 % sure means right 80 times in 100; above them it is too modest, below too bold."),
        table(["", "calibration error", "surprise (NLL)"], rows)
        + reading("Temperature is fitted on products that are in no other part; smaller is better."),
    )


def confused(pairs: Sequence[Confused]) -> str:
    if not pairs:
        return ""
    shown = "".join(
        '<figure class="photo"><div class="pair">'
        f"{image(pair.photo, pair.truth)}{image(pair.other, pair.predicted)}</div>"
        f"<figcaption><b>{escape(pair.truth)}</b>taken for {escape(pair.predicted)}, {times(pair.count)}</figcaption>"
        "</figure>"
        for pair in pairs
    )
    return f'<div class="photos wide">{shown}</div>' + reading(
        "Left: the product that was taken for something else. Right: one that really is what it was taken for."
    )


def neighbours(query: Shown | None, nearest: Sequence[Shown]) -> str:
    if query is None or not nearest:
        return ""
    return photos((query, *nearest)) + reading(
        "First the photo that asks, then its nearest products by cosine of their vectors."
    )


def set_aside(causes: Mapping[str, int] | None) -> str:
    if causes is None:
        return ""
    if not causes:
        return card("<p>Nothing: every row of the dump is in the catalog.</p>")
    rows = [[escape(cause), f"{count:,}"] for cause, count in sorted(causes.items(), key=lambda item: -item[1])]
    return card(table(["cause", "rows"], rows)) + reading(
        "Each has its own line in the catalog's findings; nothing is dropped in silence."
    )


def strangers(shown: Sequence[Shown]) -> str:
    if not shown:
        return ""
    words = (
        "None of these is sold here. What is not filed goes to a person; "
        "what is filed is a mistake that the promise does not cover."
    )
    return photos(shown) + reading(words)

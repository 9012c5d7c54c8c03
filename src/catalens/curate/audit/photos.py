"""The part of the audit's page on what is wrong with single photos."""

from __future__ import annotations

from html import escape

from catalens.core.page import bars, card, counted, photos, reading, share
from catalens.core.quality import FLAGS
from catalens.curate.audit.pictures import Pictures
from catalens.curate.quality import QualityReport

SHOWN = 6  # photos a flag
# what a flag means to somebody who sells; docs/explanation/photo-quality.md has the measures and their limits
MEANING = {
    "blurred": "No sharp edge anywhere: out of focus, shaken, or enlarged.",
    "dark": "Even the lightest parts are dark.",
    "over-exposed": "Parts of the product are burnt to plain white.",
    "low contrast": "Everything has nearly the same lightness: fog, or a faint scan.",
    "tiny": "Too few pixels to tell details.",
    "odd aspect": "Very long or very wide: a banner or a strip.",
    "blank": "Nearly nothing is to be seen.",
    "placeholder": "Looks drawn, like a logo or “no image available”.",
    "heavy border": "Wide bands of one colour at the sides.",
    "busy background": "The surroundings are as lively as the product.",
    "text heavy": "Much of the picture is text.",
    "greyscale": "No colour: a category that is told by colour cannot be told here.",
    "small subject": "The product takes only a small part of the picture.",
    "cut short": "The file ends early: part of the picture is missing.",
}


def section(found: QualityReport, pictures: Pictures) -> str:
    """How many photos have each flag, and the worst of them."""
    if not found.counts:
        return card(f"<p>Nothing was found in {counted(found.photos, 'different photo')}.</p>")
    rows = [(flag, float(count), f"{count:,}") for flag, count in found.counts.items()]
    shown = "".join(_flag(flag, found, pictures) for flag in found.counts)
    intro = (
        f"{found.flagged:,} of {counted(found.photos, 'different photo')} {'has' if found.flagged == 1 else 'have'} a "
        "finding. A finding is a reason to look, "
        "not a verdict: each has its score in tables/quality.parquet."
    )
    return card(bars(rows)) + reading(intro) + shown


def _flag(flag: str, found: QualityReport, pictures: Pictures) -> str:
    score = FLAGS[flag].score.replace("_", " ")
    shown = [
        pictures.show(one.image_id, None, f"{score} {one.score:.3g}" if one.score is not None else score)
        for one in found.worst[flag][:SHOWN]
    ]
    count = found.counts[flag]
    title = f"{flag}: {counted(count, 'photo')} ({share(count / found.photos)})"
    return f"<h3>{escape(title)}</h3>{reading(MEANING[flag])}{photos(shown)}"

"""What is wrong with a photo, in stated units: scores, and flags where a score passes its threshold.

One function serves the audit, the filters of training and the server.  `docs/explanation/photo-quality.md` says what
each flag means, which photos it spares, and how often it was right.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace

from catalens.core import quality_file
from catalens.core.image import RgbImage
from catalens.core.quality_backdrop import backdrop, busy
from catalens.core.quality_border import border
from catalens.core.quality_graphics import text, two_tone
from catalens.core.quality_sharpness import edge_width
from catalens.core.quality_windows import cell_spread, luma, planes, quantile, reduced

VERSION = "1"  # of the scores: raised when the same photo would get other numbers
_BURNT = 250  # of 255, in every channel
_CELL = 8  # pixels
_STRUCTURE = 20  # levels of luma within a cell: more than JPEG's noise


@dataclass(frozen=True, slots=True)
class Thresholds:
    """A photo is flagged where its score is beyond one of these.  Units are those of `Quality`."""

    blurred: float = 3.0  # edge_width_px above
    dark: float = 125.0  # brightness below
    over_exposed: float = 0.1  # burnt above
    low_contrast: float = 65.0  # contrast below
    tiny: int = 48  # short_side_px below
    odd_aspect: float = 3.0  # aspect above
    blank: float = 0.015  # detail below
    placeholder: float = 0.93  # two_tone above
    heavy_border: float = 0.15  # border above
    busy_background: float = 0.8  # busy above
    text_heavy: float = 0.08  # text above
    greyscale: float = 1.0  # chroma below
    small_subject: float = 0.04  # subject below
    cut_short: float = 0.02  # missing above; or, given the file, a JPEG without its end marker

    @property
    def digest(self) -> str:
        """sha256 over every field."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Quality:
    """Scores of one photo; None is "cannot be told from this photo".  Shares are in [0, 1], levels in [0, 255].

    short_side_px   shorter side in pixels, as photographed
    aspect          longer side / shorter side, 1 and above
    edge_width_px   width of the sharpest edges, 1 to 8 pixels of the reduced copy (longer side 256 or less)
    brightness      98th percentile of the brightest channel, in levels: how light its lightest parts are
    burnt           share of the area at 250 and above in every channel; None before a white background
    contrast        0.2th to 99.8th percentile of the channel in which that is widest, in levels
    chroma          largest difference between a pixel's channels, in levels; 0 is greyscale
    detail          share of cells of 8 x 8 pixels in which luma changes by 20 levels or more
    two_tone        share of what stands off from the ground that is flat or hard-edged, as drawn
    border          share of the area in bands of one colour at the sides
    busy            share of the outer eighth that is not plain
    subject         share of the area of the box round the product; None without a plain background
    text            share of the area covered by lines of text
    missing         share of the area that the decoder filled with grey because the file ended early
    """

    short_side_px: int
    aspect: float
    edge_width_px: float | None
    brightness: float
    burnt: float | None
    contrast: float
    chroma: float
    detail: float
    two_tone: float | None
    border: float
    busy: float
    subject: float | None
    text: float | None
    missing: float
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A flag is raised where the field `score` of `Quality` is above, or below, the field `limit` of `Thresholds`."""

    score: str
    limit: str
    above: bool


FLAGS = {
    "blurred": Rule("edge_width_px", "blurred", above=True),
    "dark": Rule("brightness", "dark", above=False),
    "over-exposed": Rule("burnt", "over_exposed", above=True),
    "low contrast": Rule("contrast", "low_contrast", above=False),
    "tiny": Rule("short_side_px", "tiny", above=False),
    "odd aspect": Rule("aspect", "odd_aspect", above=True),
    "blank": Rule("detail", "blank", above=False),
    "placeholder": Rule("two_tone", "placeholder", above=True),
    "heavy border": Rule("border", "heavy_border", above=True),
    "busy background": Rule("busy", "busy_background", above=True),
    "text heavy": Rule("text", "text_heavy", above=True),
    "greyscale": Rule("chroma", "greyscale", above=False),
    "small subject": Rule("subject", "small_subject", above=False),
    "cut short": Rule("missing", "cut_short", above=True),
}
DEFAULT = Thresholds()


def measure(image: RgbImage, *, data: bytes | None = None, thresholds: Thresholds = DEFAULT) -> Quality:
    """Scores and flags of one photo, uint8 [H, W, 3] at full resolution; `data` is the file it came from.

    The same numbers on every machine: integer arithmetic on a copy that Pillow reduces.
    """
    height, width = image.shape[:2]
    small = reduced(image)
    plane = luma(small)
    colours = planes(small)
    least, most = colours.min(axis=0), colours.max(axis=0)
    around = backdrop(colours)
    scores = Quality(
        short_side_px=min(height, width),
        aspect=max(height, width) / min(height, width),
        edge_width_px=edge_width(plane),
        brightness=float(quantile(most, 0.98)),
        burnt=None if around.packshot else float((least >= _BURNT).mean()),
        contrast=float(max(quantile(colour, 0.998) - quantile(colour, 0.002) for colour in colours)),
        chroma=float((most - least).max()),
        detail=float((cell_spread(plane, _CELL) >= _STRUCTURE).mean()),
        two_tone=two_tone(small, plane),
        border=border(colours),
        busy=busy(plane),
        subject=around.subject,
        text=text(plane),
        missing=quality_file.missing(image),
        flags=(),
    )
    return replace(
        scores, flags=judge(scores, thresholds, ends_early=data is not None and quality_file.ends_early(data))
    )


def judge(scores: Quality, thresholds: Thresholds, *, ends_early: bool = False) -> tuple[str, ...]:
    """The flags that the scores earn, in the order of `FLAGS`; a score that cannot be told earns none.

    `ends_early` is what the file says of itself: it is cut short, whatever the pixels look like.
    """
    raised = []
    for flag, rule in FLAGS.items():
        score, limit = getattr(scores, rule.score), getattr(thresholds, rule.limit)
        beyond = score is not None and (score > limit if rule.above else score < limit)
        if beyond or (flag == "cut short" and ends_early):
            raised.append(flag)
    return tuple(raised)

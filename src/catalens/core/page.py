"""What reports are made of: one self-contained HTML page of figures, tables, plots and photos, without scripts.

Values in, HTML out.  Whatever is text is escaped here; what a function calls `content` or a cell is HTML already.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from typing import Literal

from PIL import Image

from catalens.core.image import decode

_PERCENT = "\u00a0%"  # never at the start of a line
THUMBNAIL, SMALL = 240, 96  # pixels, the longer side

Verdict = Literal["right", "doubtful", "wrong"]


@dataclass(frozen=True, slots=True)
class Shown:
    """A photo's bytes, in any format, and the words under it: a title and lines of text."""

    photo: bytes
    title: str
    lines: tuple[str, ...] = ()
    verdict: Verdict | None = None


def page(title: str, *, heading: str, lead: str, sections: Iterable[tuple[str, str]], footer: str) -> str:
    """The whole page.  `lead` and the sections' contents are HTML; a section without content is left out."""
    style = resources.files("catalens.core").joinpath("page.css").read_text(encoding="utf-8")
    body = "".join(f"<section><h2>{escape(name)}</h2>{content}</section>" for name, content in sections if content)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>"
        f'<p class="soft">{escape(title)}</p><h1>{escape(heading)}</h1>'
        f"{lead}{body}<footer>{escape(footer)}</footer></main></body></html>\n"
    )


def tiles(figures: Iterable[tuple[str, str]]) -> str:
    """(figure, what it is) -> the row of large figures under the heading."""
    shown = "".join(
        f'<div class="tile"><b>{escape(figure)}</b><span>{escape(name)}</span></div>' for figure, name in figures
    )
    return f'<div class="tiles">{shown}</div>'


def photos(shown: Iterable[Shown]) -> str:
    """A grid of photos with their words."""
    cards = "".join(_photo(one) for one in shown)
    return f'<div class="photos">{cards}</div>' if cards else ""


def strip(shown: Iterable[Shown]) -> str:
    """A row of small photos, the colour of their frame saying the verdict."""
    cards = "".join(
        f'<figure class="small {one.verdict or ""}">{image(one.photo, one.title, SMALL)}'
        f"<figcaption>{escape(one.title)}{''.join(f'<br>{escape(line)}' for line in one.lines)}</figcaption></figure>"
        for one in shown
    )
    return f'<div class="strip">{cards}</div>' if cards else ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, words: Sequence[int] = (0,)) -> str:
    """Cells are HTML; the columns at the places `words` are text, all others numbers."""
    right = ["" if place in words else " class=n" for place in range(len(head))]
    top = "".join(f"<th{side}>{escape(name)}</th>" for name, side in zip(head, right, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{side}>{cell}</td>" for cell, side in zip(row, right, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><tr>{top}</tr>{body}</table></div>'


def image(data: bytes, alt: str, side: int = THUMBNAIL) -> str:
    """A photo's bytes -> an <img> that carries its own small JPEG."""
    small = Image.fromarray(decode(data, source=alt, at_least=side))
    small.thumbnail((side, side))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    content = base64.b64encode(buffer.getvalue()).decode()
    return f'<img decoding="async" alt="{escape(alt, quote=True)}" src="data:image/jpeg;base64,{content}">'


def _photo(one: Shown) -> str:
    verdict = f'<span class="{one.verdict}">{one.verdict}</span><br>' if one.verdict else ""
    lines = "<br>".join(escape(line) for line in one.lines)
    words = f"<figcaption><b>{escape(one.title)}</b>{verdict}{lines}</figcaption>"
    return f'<figure class="photo">{image(one.photo, one.title)}{words}</figure>'


def percent(value: float) -> str:
    """0.98 -> "98 %", 0.985 -> "98.5 %": as many digits as a promise is written with."""
    return f"{round(100 * value, 1):g}{_PERCENT}" if value > 0.9 else f"{100 * value:.0f}{_PERCENT}"


def share(value: float | None) -> str:
    """0.714 -> "71.4 %"; a dash where there is none."""
    return "–" if value is None else f"{100 * value:.1f}{_PERCENT}"


def times(count: int) -> str:
    """1 -> "once", 3 -> "3 times"."""
    return "once" if count == 1 else f"{count:,} times"


def counted(count: int, what: str) -> str:
    """1 -> "1 photo", 3000 -> "3,000 photos", 2 -> "2 categories"."""
    many = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{count:,} {what if count == 1 else many}"


def reading(words: str) -> str:
    """The line that says how to read what stands above it."""
    return f'<p class="reading">{escape(words)}</p>'


def card(content: str) -> str:
    """A framed box."""
    return f'<div class="card">{content}</div>'


def two(left: str, right: str) -> str:
    """Two boxes side by side, or one below the other where the screen is narrow."""
    return f'<div class="two">{card(left)}{card(right)}</div>'


def grid(boxes: Iterable[str]) -> str:
    """Boxes side by side, as many in a row as the screen is wide."""
    content = "".join(card(box) for box in boxes)
    return f'<div class="two">{content}</div>' if content else ""


def bars(rows: Sequence[tuple[str, float, str]]) -> str:
    """(name, value, how it is written) -> horizontal bars, the longest as wide as the box."""
    longest = max((value for _, value, _ in rows), default=0.0) or 1.0
    drawn = "".join(
        f'<div class="bar"><span>{escape(name)}</span><i><b style="width:{100 * value / longest:.1f}%"></b></i>'
        f"<span>{escape(written)}</span></div>"
        for name, value, written in rows
    )
    return f'<div class="bars">{drawn}</div>'


def together(left: Shown, right: Shown) -> str:
    """Two photos in one frame, to be compared."""
    words = "".join(
        f"<figcaption><b>{escape(one.title)}</b>{'<br>'.join(escape(line) for line in one.lines)}</figcaption>"
        for one in (left, right)
    )
    pair = image(left.photo, left.title) + image(right.photo, right.title)
    return f'<figure class="photo"><div class="pair">{pair}</div><div class="pair words">{words}</div></figure>'


def wide(figures: Iterable[str]) -> str:
    """A grid of frames that are wider than a photo."""
    content = "".join(figures)
    return f'<div class="photos wide">{content}</div>' if content else ""


def todo(items: Iterable[tuple[str, str, str]]) -> str:
    """(how urgent: "bad", "doubt" or "good", what to do, why) -> a list; what stands between backticks is code."""
    rows = "".join(
        f'<li class="{kind}"><b>{_marked(what)}</b><br><span class="soft">{_marked(why)}</span></li>'
        for kind, what, why in items
    )
    return f'<ul class="todo">{rows}</ul>' if rows else ""


def _marked(words: str) -> str:
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(words).replace(" %", _PERCENT))


def commands(lines: Sequence[str]) -> str:
    """Lines to be typed."""
    return card("".join(f"<p><code>{escape(line)}</code></p>" for line in lines)) if lines else ""

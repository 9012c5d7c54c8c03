"""Line plots as inline SVG: no script, no library, colours from the page, so that they follow light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, log10

WIDTH, HEIGHT = 520, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 22, 14, 42
_LETTER, _ROW = 6.4, 13  # about how wide a letter of a label is, and how high a row of them


@dataclass(frozen=True, slots=True)
class Line:
    """Points (x, y) under a name.  `style` is a class of the page: "a" to "h", "dashed" behind it, or "guide".

    `dots` marks the points; they are not `joined` in a scatter plot.  `labelled` writes the name beside the last one.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    style: str = "a"
    dots: bool = False
    joined: bool = True
    labelled: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """What is along it, its two ends, its labelled places, and how a value is written.

    On a `log` axis equal steps are equal factors; both ends must be above 0.
    """

    name: str
    low: float
    high: float
    ticks: tuple[float, ...]
    form: str = "{:g}"
    log: bool = False


def percent_axis(name: str, low: float = 0.0, high: float = 1.0) -> Axis:
    """A share, written in per cent."""
    step = 0.2 if high - low > 0.5 else 0.1 if high - low > 0.25 else 0.05
    first = -(-round(low / step, 6) // 1)
    ticks = tuple(round(step * number, 4) for number in range(int(first), int(round(high / step, 6)) + 1))
    return Axis(name, low, high, ticks, "{:.0%}")


def value_axis(name: str, values: Sequence[float]) -> Axis:
    """From 0 to a little above the greatest value, with about five round ticks."""
    top = max([*values, 1e-9])
    raw = top / 4
    magnitude = 10.0 ** len(str(int(raw))) / 10 if raw >= 1 else 0.1 if raw >= 0.1 else 0.01
    step = next(magnitude * factor for factor in (1, 2, 5, 10) if magnitude * factor >= raw or factor == 10)
    count = int(top / step) + 1
    return Axis(name, 0.0, step * count, tuple(step * number for number in range(count + 1)))


def log_axis(name: str, high: float) -> Axis:
    """From 1 to a little above `high`, with a tick at every power of ten."""
    powers = max(1, ceil(log10(max(high, 1.0))))
    top = max(10.0, 1.1 * high)
    ticks = tuple(10.0**power for power in range(powers + 1) if 10.0**power <= top)
    return Axis(name, 1.0, top, ticks, "{:,.0f}", log=True)


def plot(title: str, x: Axis, y: Axis, lines: Sequence[Line]) -> str:
    """An SVG picture with its legend; `title` is what a screen reader says."""
    shown = [line for line in lines if line.points]
    drawn = [*_grid(x, y), *(mark for line in shown for mark in _marks(line, x, y)), *_labels(shown, x, y)]
    svg = (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title, quote=True)}">'
        + "".join(drawn)
        + "</svg>"
    )
    unnamed = [line for line in shown if not line.labelled]
    keys = "".join(f'<span><i class="key {line.style}"></i>{escape(line.name)}</span>' for line in unnamed)
    return f'<figure>{svg}<div class="legend">{keys}</div></figure>'


def _place(axis: Axis, value: float, start: float, end: float) -> float:
    value, low, high = min(max(value, axis.low), axis.high), axis.low, axis.high
    if axis.log:
        value, low, high = log10(value), log10(low), log10(high)
    return start + (value - low) / (high - low) * (end - start)


def _across(axis: Axis, value: float) -> float:
    return _place(axis, value, _LEFT, WIDTH - _RIGHT)


def _up(axis: Axis, value: float) -> float:
    return _place(axis, value, HEIGHT - _BOTTOM, _TOP)


def _grid(x: Axis, y: Axis) -> list[str]:
    marks = []
    for tick in y.ticks:
        at = _up(y, tick)
        marks.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        marks.append(f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{y.form.format(tick)}</text>')
    for tick in x.ticks:
        at = _across(x, tick)
        marks.append(
            f'<text x="{at:.1f}" y="{HEIGHT - _BOTTOM + 17}" text-anchor="middle">{x.form.format(tick)}</text>'
        )
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    marks.append(f'<text class="axis" x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x.name)}</text>')
    centre = (HEIGHT - _BOTTOM + _TOP) / 2
    turned = f'transform="rotate(-90 11 {centre})"'
    marks.append(f'<text class="axis" x="11" y="{centre}" text-anchor="middle" {turned}>{escape(y.name)}</text>')
    return marks


def _marks(line: Line, x: Axis, y: Axis) -> list[str]:
    places = [(_across(x, px), _up(y, py)) for px, py in line.points]
    path = " ".join(f"{px:.1f},{py:.1f}" for px, py in places)
    marks = [f'<polyline class="line {line.style}" points="{path}"/>'] if line.joined else []
    if line.dots:
        for (px, py), (vx, vy) in zip(places, line.points, strict=True):
            words = f"{line.name}: {x.form.format(vx)}, {y.form.format(vy)}"
            dot = f'<circle class="dot {line.style}" cx="{px:.1f}" cy="{py:.1f}" r="4">'
            marks.append(f"{dot}<title>{escape(words)}</title></circle>")
    return marks


def _labels(lines: Sequence[Line], x: Axis, y: Axis) -> list[str]:
    """Names in the colour of their last points: beside them, or higher or lower where others stand."""
    taken = [(_across(x, vx) - 5, _across(x, vx) + 5, _up(y, vy)) for line in lines for vx, vy in line.points]
    marks = []
    for line in (line for line in lines if line.labelled):
        px, py = _across(x, line.points[-1][0]), _up(y, line.points[-1][1])
        width = _LETTER * len(line.name)
        rows = [py, *(py + sign * step * _ROW for step in range(1, 12) for sign in (-1, 1))]
        places = [(start, row) for row in rows for start in (px + 8, px - 8 - width)]
        inside = [
            (start, row)
            for start, row in places
            if _LEFT <= start <= WIDTH - width and _TOP - 4 <= row <= HEIGHT - _BOTTOM - 4
        ]
        free = (
            (start, row)
            for start, row in inside
            if not any(a < start + width and start < b and abs(row - c) < _ROW for a, b, c in taken)
        )
        start, row = next(free, places[0])
        taken.append((start, start + width, row))
        at, anchor = (start, "start") if start > px else (start + width, "end")
        words = f'<text class="label {line.style}" x="{at:.1f}" y="{row + 4:.1f}" text-anchor="{anchor}">'
        marks.append(f"{words}{escape(line.name)}</text>")
    return marks

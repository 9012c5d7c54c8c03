"""The pieces that reports are made of: what is text is escaped, what is empty is left out, lengths tell values."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image

from catalens.core.page import Shown, bars, page, photos, table, together, wide
from catalens.core.plots import Axis, Line, log_axis, plot


def photo() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "green").save(buffer, "PNG")
    return buffer.getvalue()


def test_a_section_without_content_is_left_out_and_text_is_escaped() -> None:
    html = page("<shop>", heading="a & b", lead="", sections=[("Here", "<p>x</p>"), ("Gone", "")], footer="<f>")
    assert "<h2>Here</h2><p>x</p>" in html
    assert "Gone" not in html
    assert "&lt;shop&gt;" in html
    assert "a &amp; b" in html
    assert "<f>" not in html


def test_bars_are_as_long_as_their_values() -> None:
    html = bars([("one", 50.0, "50"), ("<two>", 200.0, "200"), ("three", 0.0, "0")])
    assert re.findall(r"width:([\d.]+)%", html) == ["25.0", "100.0", "0.0"]
    assert "&lt;two&gt;" in html
    assert "width:0.0%" in bars([("none", 0.0, "0")])


def test_columns_of_words_are_left_and_of_numbers_right() -> None:
    html = table(["name", "count", "note"], [["a", "1", "x"]], words=(0, 2))
    assert html.count("class=n") == 2
    assert "<th class=n>count</th>" in html
    assert "<td class=n>1</td>" in html


def test_two_photos_stand_together_with_their_own_words() -> None:
    html = together(Shown(photo(), "left <", ("p1",)), Shown(photo(), "right", ("p2",)))
    assert html.count("<img") == 2
    assert "left &lt;</b>p1" in html
    assert html.index("p1") < html.index("p2")
    assert wide([]) == photos([]) == ""


@pytest.mark.parametrize(
    ("high", "ticks"), [(0, (1, 10)), (9, (1, 10)), (50, (1, 10)), (3565, (1, 10, 100, 1000)), (10**6, None)]
)
def test_a_log_axis_has_a_tick_a_power_of_ten_within_its_ends(high: float, ticks: tuple[int, ...] | None) -> None:
    axis = log_axis("products", high)
    assert axis.low == 1
    assert axis.high >= max(high, 10)
    assert axis.ticks == (ticks or tuple(10.0**power for power in range(7)))


def test_equal_factors_are_equal_steps_on_a_log_axis() -> None:
    across = Axis("x", 0, 1, ())
    line = Line("l", ((0, 1), (0.5, 10), (1, 100)))
    drawn = plot("t", across, Axis("y", 1, 100, (), log=True), [line])
    points = re.search(r'points="([^"]+)"', drawn)
    assert points is not None
    heights = [float(pair.split(",")[1]) for pair in points[1].split()]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.1)

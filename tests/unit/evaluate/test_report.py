"""The report is one file, says its promise first, shows what it is given and leaves out what it is not."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from catalens.core.errors import ImageError
from catalens.core.page import Shown
from catalens.core.plots import Axis, Line, percent_axis, plot, value_axis
from catalens.evaluate.report import Confused, Epoch, ReportData, page, write

VOID = {"meta", "img", "br", "line", "polyline"}


def photo(colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (640, 480), colour).save(buffer, "PNG")
    return buffer.getvalue()


def promise(filed: float, precision: float | None) -> dict[str, Any]:
    level = {"level": "kind", "filed": filed, "precision": precision, "threshold": 0.8}
    return {"filed": filed, "precision": precision, "by_level": [level]}


def evaluation(**changes: Any) -> dict[str, Any]:
    bins = [
        {"confidence": 0.55, "accuracy": 0.5, "products": 20},
        {"confidence": 0.95, "accuracy": 0.97, "products": 80},
    ]
    return {
        "top1": 0.9412, "top5": 0.99, "macro_recall": 0.93, "products": 221, "images": 374, "ece": 0.021, "nll": 0.2,
        "before_temperature": {"ece": 0.11, "nll": 0.35}, "levels": [{"level": "kind", "top1": 0.9412}],
        "reliability": {"before": bins, "after": bins},
        "coverage": {"0.9": promise(0.97, 0.95), "0.98": promise(0.71, 0.99), "0.99": promise(0.0, None)},
    } | changes  # fmt: skip


def full() -> ReportData:
    return ReportData(
        title="Shop <1>",
        made_by="catalens & co",
        evaluation=evaluation(),
        epochs=tuple(Epoch(number, 3.0 / number, 3.2 / number, 0.1 * number, 0.09 * number) for number in range(1, 9)),
        confused=(Confused(photo(), photo("blue"), "Mug", "Teacup", 3),),
        best=(Shown(photo(), "Sofa", ("recall 100 %",)),),
        worst=(Shown(photo(), "Vase", ("recall 50 %",)),),
        examples=(Shown(photo(), "Mug", ("Filed under <Mug>.",), "right"), Shown(photo(), "Cap", ("No.",), "wrong")),
        query=Shown(photo(), "Asked with"),
        neighbours=tuple(Shown(photo(), f"Neighbour {k}", (f"cosine 0.9{k}",)) for k in range(5)),
        set_aside={"no photo": 2, "no usable photo": 12},
        strangers=(Shown(photo(), "landscape-1", ("Not sure enough.",)),),
        commands=("catalens ingest a b",),
    )


def plain(text: str) -> str:
    """With ordinary spaces."""
    return text.replace("\u00a0", " ")


class Balance(HTMLParser):
    """Raises where tags do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.images += tag == "img"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_promise_comes_first() -> None:
    text = page(full())
    headline = re.search(r"<h1>(.*?)</h1>", text)
    assert headline
    assert plain(headline[1]) == "At 98 % promised precision, 71 % of listings file themselves."
    assert text.index("<h1>") < text.index("<h2>")


@pytest.mark.parametrize(
    ("coverage", "sentence"),
    [
        ({}, "This bundle makes no promise: nothing files itself."),
        ({"0.95": promise(0.5, 1.0)}, "At 95 % promised precision, 50 % of listings file themselves."),
        ({"0.98": promise(0.0, None)}, "At 98 % promised precision, no listing files itself."),
        ({"0.985": promise(0.123, 1.0)}, "At 98.5 % promised precision, 12 % of listings file themselves."),
    ],
    ids=["no promises", "another promise", "nothing filed", "half a per cent"],
)
def test_the_promise_in_other_words(coverage: dict[str, Any], sentence: str) -> None:
    assert f"<h1>{sentence}</h1>" in plain(page(ReportData("t", "m", evaluation(coverage=coverage))))


def test_it_is_one_file_that_asks_nothing_of_anybody() -> None:
    text = page(full())
    assert "<script" not in text
    assert not re.findall(r"""(?:src|href)=["'](?!data:image/jpeg;base64,)""", text)
    assert "url(" not in text
    assert "@import" not in text
    assert "http" not in text
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text


def test_tags_nest_and_every_photo_is_there() -> None:
    parser = Balance()
    parser.feed(page(full()))
    assert parser.open == []
    assert parser.images == 2 + 1 + 1 + 2 + 6 + 1


def test_values_are_escaped() -> None:
    text = page(full())
    assert "Shop &lt;1&gt;" in text
    assert "Filed under &lt;Mug&gt;." in text
    assert "catalens &amp; co" in text


def test_empty_parts_are_left_out() -> None:
    text = page(ReportData("t", "m", evaluation(reliability=None)))
    for absent in ("How it learnt", "Strangers", "set aside", "look alike", "believed", "<img"):
        assert absent not in text
    assert "Level by level" in text


def test_nothing_set_aside_is_said() -> None:
    assert "Nothing: every row" in page(ReportData("t", "m", evaluation(), set_aside={}))


def test_thumbnails_are_small(tmp_path: Path) -> None:
    write(tmp_path / "report.html", full())
    assert (tmp_path / "report.html").stat().st_size < 60_000
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_photo_that_does_not_decode_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="Mug"):
        write(tmp_path / "report.html", ReportData("t", "m", evaluation(), best=(Shown(b"no photo", "Mug"),)))
    assert list(tmp_path.iterdir()) == []


def svg(text: str) -> ElementTree.Element:
    found = re.search(r"<svg.*?</svg>", text)
    assert found
    return ElementTree.fromstring(found[0])


def test_a_plot_puts_points_where_they_belong() -> None:
    x, y = Axis("x", 0, 10, (0, 10)), Axis("y", 0, 1, (0, 1))
    root = svg(plot("t", x, y, [Line("a", ((0, 0), (10, 1)), dots=True)]))
    places = root.find("polyline").attrib["points"].split()
    (left, low), (right, high) = (map(float, place.split(",")) for place in places)
    ticks = [mark.attrib for mark in root.findall("line")]
    assert low == pytest.approx(float(ticks[0]["y1"]))
    assert high == pytest.approx(float(ticks[1]["y1"]))
    assert left == pytest.approx(float(ticks[0]["x1"]))
    assert right == pytest.approx(float(ticks[0]["x2"]))
    assert low > high, "SVG counts from the top"
    assert len(root.findall("circle")) == 2


def test_values_beyond_the_axis_stay_in_the_picture() -> None:
    root = svg(plot("t", Axis("x", 0, 1, (0,)), Axis("y", 0, 1, (0,)), [Line("a", ((-5, -5), (9, 9)))]))
    inside = [float(value) for place in root.find("polyline").attrib["points"].split() for value in place.split(",")]
    assert min(inside) >= 0
    assert max(inside) <= 520


@pytest.mark.parametrize("top", [0.004, 0.08, 0.3, 0.99, 1.0, 3.61, 7, 42, 180])
def test_a_value_axis_reaches_over_its_values_with_few_ticks(top: float) -> None:
    axis = value_axis("loss", [top / 2, top])
    assert axis.low == 0
    assert top <= axis.high <= max(2.5 * top, 0.02)
    assert 2 <= len(axis.ticks) <= 8


def test_a_percent_axis_names_round_shares() -> None:
    assert percent_axis("x").ticks == (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    assert percent_axis("x", 0.8, 1.0).ticks == (0.8, 0.85, 0.9, 0.95, 1.0)

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
from catalens.evaluate.report import CategoryCard, Confused, Epoch, ReportData, page, write

VOID = {"meta", "img", "br", "line", "polyline"}


def photo(colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (640, 480), colour).save(buffer, "PNG")
    return buffer.getvalue()


def promise(filed: float, precision: float | None) -> dict[str, Any]:
    level = {"level": "kind", "filed": filed, "precision": precision, "threshold": 0.8}
    wrong = 1000 * filed * (1 - (precision or 1.0))
    costs = {"reviews_per_1000": 1000 * (1 - filed), "errors_per_1000": wrong}
    return {"filed": filed, "precision": precision, "by_level": [level], **costs}


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


MEASURES = [{"scorer": "msp", "auroc": 0.9, "fpr95": 0.4}, {"scorer": "knn", "auroc": 0.975, "fpr95": 0.1}]
CHOICE = {"scorer": "knn", "products": 200, "strangers": 80, "measures": MEASURES}
RULE = {"far": {"scorer": "knn", "threshold": 0.5}, "near": {"scorer": "msp", "threshold": 0.25}, "bank": True,
        "strangers": 160, "unknown": "masked"}  # fmt: skip
OUTCOME = {"count": 200, "far": 0.01, "near": 0.01, "known": 0.98}
OPEN_WORLD = {"rule": RULE, "keep": 0.98, "far": CHOICE, "near": CHOICE, "products": OUTCOME, "strangers": None}
KEPT = {"promise": 0.98, "filed": 0.7, "precision": 0.99, "p_value": 0.5, "kept": True}
ROBUSTNESS = {
    "products": 60, "seed": 0, "sentence": "On clean photos 94.0 % of answers are right. Promises broken: 98 %.",
    "conditions": [
        {"corruption": "clean", "severity": 0, "top1": 0.94, "ece": 0.02, "promises": [KEPT]},
        {"corruption": "blur", "severity": 1, "top1": 0.9, "ece": 0.02, "promises": [KEPT]},
        {"corruption": "blur", "severity": 3, "top1": 0.5, "ece": 0.2, "promises": [KEPT | {"kept": False}]},
        {"corruption": "dark", "severity": 1, "top1": 0.93, "ece": 0.02, "promises": [KEPT]},
    ],
    "broken": [{"promise": 0.98, "corruption": "blur", "severity": 3}],
}  # fmt: skip
CHANGE = {"id": "cap", "path": ["Fashion", "Cap"], "products": 30, "before": 0.9, "after": 0.6, "won": 0, "lost": 9,
          "p": 0.004, "p_holm": 0.008, "change": "worse"}  # fmt: skip
AGAINST = {
    "before": "old@1", "after": "new@2", "products": 221, "only_before": 0, "only_after": 4, "won": 5, "lost": 9,
    "sentence": "Of 221 products <both> know, 90.0 % were right.", "new": ["hat"], "gone": [],
    "categories": [CHANGE, CHANGE | {"id": "mug", "path": ["Mug"], "won": 3, "lost": 2, "change": None}],
    "promises": [
        {"promise": 0.95, "filed_before": 0.8, "filed_after": 0.9, "leaf_before": 0.5, "leaf_after": 0.625,
         "precision_before": 0.96, "precision_after": 0.97},
        {"promise": 0.98, "filed_before": None, "filed_after": 0.7, "leaf_before": None, "leaf_after": 0.6,
         "precision_before": None, "precision_after": 0.99},
    ],
}  # fmt: skip
ADVICE = {"kind": "merge", "category": "mug", "other": "cup", "say": "Merge <Mug> and Cup.", "why": "4 of 9, `run it`.",
          "products": 4, "examples": []}  # fmt: skip
TRUST = {"id": "mug", "path": ["Kitchen", "Mug"], "answers": 40, "right": 20, "stated": 0.9, "precision": 0.5, "z": 4.2,
         "p": 1e-6, "p_holm": 2e-6, "over_confident": True}  # fmt: skip
SETS = {"products": 221, "coverage": 0.953, "mean_size": 1.7, "median_size": 1.0, "singles": 0.66, "worst_class": None,
        "class_gap": None, "promised": 0.95, "kind": "raps"}  # fmt: skip
MORE = {
    "advice": [ADVICE], "category_trust": [TRUST], "sets": SETS, "against": AGAINST,
    "risk_coverage": [
        {"filed": 0.4, "precision": 1.0, "confidence": 0.99}, {"filed": 0.6, "precision": 0.985, "confidence": 0.9},
        {"filed": 1.0, "precision": 0.94, "confidence": 0.2},
    ],
}  # fmt: skip


def full() -> ReportData:
    return ReportData(
        title="Shop <1>",
        made_by="catalens & co",
        evaluation=evaluation(**MORE),
        epochs=tuple(Epoch(number, 3.0 / number, 3.2 / number, 0.1 * number, 0.09 * number) for number in range(1, 9)),
        confused=(Confused(photo(), photo("blue"), "Mug", "Teacup", 3),),
        cards=(
            CategoryCard(
                ("Home", "Sofa"), 9, 1.0, 0.9, 0.5, 40, (Shown(photo(), "99 % sure", (), "right"),), "Weakest"
            ),
            CategoryCard(("Home", "Vase"), 1, None, None, None, None, (Shown(photo(), "Mug", (), "wrong"),), "Largest"),
        ),
        cards_left_out=3,
        losses=(Shown(photo(), "Cap", ("taken for Hat",)),),
        open_world=OPEN_WORLD,
        robustness=ROBUSTNESS,
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


def test_how_deep_is_said_where_there_are_levels() -> None:
    two = promise(0.9, 0.99) | {"by_level": [{"level": "kind", "filed": 0.2}, {"level": "family", "filed": 0.7}]}
    for level in two["by_level"]:
        level |= {"precision": 1.0, "threshold": 0.5}
    text = plain(page(ReportData("t", "m", evaluation(coverage={"0.98": two}))))
    assert "From the deepest level up: 20.0 % at kind, 70.0 % at family; 10.0 % wait for a person." in text
    assert "From the deepest" not in page(full())


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
    assert parser.images == 2 + 2 + 1 + 2 + 6 + 1


def test_values_are_escaped() -> None:
    text = page(full())
    assert "Shop &lt;1&gt;" in text
    assert "Filed under &lt;Mug&gt;." in text
    assert "catalens &amp; co" in text


def part(title: str) -> str:
    """The text of one section of the full page, without tags."""
    found = next(section for section in page(full()).split("<section>") if f"<h2>{title}</h2>" in section)
    return plain(re.sub(r"<[^>]+>", " ", found))


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("How much files itself", ["the surest 60 % of these products are 98 % right"]),
        ("What it costs", ["reviews per 1,000", " 290 ", " 7.1 ", " 48.5 "]),
        ("Better than before?", ["4 products could be measured with one of the two only", "New categories: hat.",
                                 "0.008", "worse", "chance", "62.5 %",
                                 "0 categories better and 1 worse beyond chance, of 2", "9 products went wrong"]),
        ("What to do about it", ["Merge &lt;Mug&gt; and Cup.", "run it"]),
        ("Category by category", ["Weakest", "Largest", "recall 100 % of 9 products · precision 90 %",
                                  "50 % file themselves here · 40 in training", "recall – of 1 product · precision –",
                                  "3 more are left out"]),
        ("In each category, too?", ["Of 1 category with 20 answers or more, 1 is over-confident", "+4.2", "&lt; 0.001",
                                    "90.0 % 50.0 %"]),
        ("What it suggests where it does not file", ["95.3 %", "promised: 95 %", "1.7", "66.0 %"]),
        ("What the shop does not sell", ["knn (used)", "0.975", "at or below 0.25", "80 strangers", "imitated"]),
        ("Photos worse than the catalog&#x27;s", ["breaks at 3", "holds", "50.0 %", "60 products", "94.0 %"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_section_says_its_figures(title: str, words: list[str]) -> None:
    text = re.sub(r" +", " ", part(title))
    for word in words:
        assert word in text


def test_a_rule_without_its_tables_is_shown_by_its_limits() -> None:
    text = plain(page(ReportData("t", "m", evaluation(), open_world=RULE | {"strangers": 0})))
    assert "knn at or below 0.5" in text
    assert "No strangers were supplied" in text


def test_nothing_to_advise_is_said() -> None:
    assert "Nothing stands out" in page(ReportData("t", "m", evaluation(advice=[])))


def test_empty_parts_are_left_out() -> None:
    text = page(ReportData("t", "m", evaluation(reliability=None)))
    absents = ["How it learnt", "Strangers", "set aside", "look alike", "believed", "<img", "Better than", "What to do"]
    for absent in [*absents, "In each category", "suggests", "does not sell", "worse than"]:
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
        write(tmp_path / "report.html", ReportData("t", "m", evaluation(), examples=(Shown(b"no photo", "Mug"),)))
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

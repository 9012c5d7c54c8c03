"""The page's HTML: what it says for each answer, and that nothing from outside gets through as HTML."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from catalens.serve.schemas import EXAMPLE_CLASSIFY, EXAMPLE_SIMILAR
from catalens.ui import blocks

HOSTILE = "<script>alert('x')</script>\" onload='y"


class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def answer(action: str, path: list[str], labels: list[dict[str, Any]]) -> dict[str, Any]:
    decision = {"action": action, "path": path, "level": "family", "confidence": 0.9996, "reason": "Because."}
    return {"decision": decision, "labels": labels, "open_world": None, "suggestions": None}


SHIRT = {"id": "shirt", "path": ["Apparel", "Shirt"], "score": 0.61}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (answer("file", ["Apparel"], [SHIRT]), ["File it", "<h2>Apparel</h2>", "level: family", "99.9 %"]),
        (answer("suggest", [], [SHIRT]), ["Ask a person", "Perhaps Shirt", "best guess, not filed"]),
        (answer("review", [], [SHIRT]), ["Look again", "Perhaps Shirt", "Because."]),
        (answer("reject", [], []), ["No usable photo"]),
    ],
    ids=["filed at the parent", "suggest", "review", "reject"],
)
def test_each_action_is_said_in_words(values: dict[str, Any], expected: list[str]) -> None:
    shown = blocks.decision(values)
    assert [words for words in expected if words not in shown] == []


@pytest.mark.parametrize(
    ("verdict", "words"),
    [("far", "Not from this shop"), ("near", "No category for it yet"), ("bad photo", "Ask for a better photo")],
)
def test_a_stranger_is_no_guess(verdict: str, words: str) -> None:
    shown = blocks.decision(answer("review", [], [SHIRT]) | {"open_world": verdict})
    assert words in shown
    assert "Shirt" not in shown


def test_what_a_person_may_choose_from() -> None:
    sets = {"coverage": 0.95, "labels": [SHIRT, SHIRT], "more": 1}
    suggested = answer("suggest", [], [SHIRT]) | {"suggestions": sets, "open_world": "known"}
    assert blocks.how_sure(suggested) == "One of the first 3, 95 % sure"
    assert blocks.how_sure(suggested | {"suggestions": sets | {"labels": [SHIRT], "more": 0}}) == "This one, 95 % sure"
    assert blocks.how_sure(suggested | {"open_world": "near"}) == "How sure"
    assert blocks.how_sure(answer("file", ["Apparel"], [SHIRT])) == "How sure"


def test_the_examples_of_the_service_can_be_shown() -> None:
    assert "Tshirts" in blocks.decision(EXAMPLE_CLASSIFY)
    assert blocks.bars(EXAMPLE_CLASSIFY["labels"]).count("ct-track") == 1  # type: ignore[arg-type]
    assert "0.94" in blocks.neighbours([(EXAMPLE_SIMILAR["neighbours"][0], None)])  # type: ignore[index]


@pytest.mark.parametrize(
    "html",
    [
        blocks.header({"model": HOSTILE, "classes": 1, "index": None}),
        blocks.down(f"http://{HOSTILE}", HOSTILE),
        blocks.rejected(HOSTILE),
        blocks.breadcrumbs([HOSTILE], HOSTILE),
        blocks.bars([{"path": [HOSTILE, HOSTILE], "score": 0.5}]),
        blocks.findings([{"source": HOSTILE, "cause": HOSTILE, "detail": HOSTILE}]),
        blocks.photos([(HOSTILE, None)]),
        blocks.neighbours([({"id": HOSTILE, "path": [HOSTILE, HOSTILE], "score": 1.0}, None)]),
        blocks.timings({"timings_ms": {HOSTILE: 1.0}}, server_ms=1, round_trip_ms=1),
        blocks.tried([(None, "file", HOSTILE, HOSTILE)]),
        blocks.decision(answer("file", [HOSTILE], []) | {"labels": []}),
    ],
    ids=lambda html: html.partition("class='")[2].split("'")[0],
)
def test_names_and_messages_are_text_not_html(html: str) -> None:
    tags = Tags(html).found
    assert "script" not in [tag for tag, _ in tags]
    assert [values for _, values in tags if "onload" in values] == []


def test_bars_are_as_long_as_the_probability() -> None:
    assert "width:61.00%" in blocks.bars([SHIRT])


def test_a_port_of_its_own_is_in_the_advice() -> None:
    assert "--port 9000" in blocks.down("http://127.0.0.1:9000", "nothing listens")
    assert "--port" not in blocks.down("http://127.0.0.1:8000", "nothing listens").replace("HOST:PORT", "")

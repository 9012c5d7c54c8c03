"""The page's logic without a browser: Streamlit's own test runner over a client that is made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.builders.bundles import photo_of

import catalens.ui
from catalens.cli.ui import streamlit
from catalens.serve.schemas import EXAMPLE_CLASSIFY, EXAMPLE_ERROR, EXAMPLE_SIMILAR
from catalens.ui.client import Client
from catalens.ui.page import Product

testing = pytest.importorskip("streamlit.testing.v1")
MODEL = {
    "model": "tiny@1",
    "classes": 7,
    "promises": [0.9, 0.98],
    "default_promise": 0.98,
    "index": {"products": 3, "photos": True, "space": "0"},
}


def test_the_page_is_for_this_machine_and_sends_nothing_to_others() -> None:
    command = streamlit("http://127.0.0.1:8000", 8501)
    assert {"--server.address=127.0.0.1", "--server.headless=true", "--browser.gatherUsageStats=false"} <= set(command)
    assert command[-2:] == ["--", "http://127.0.0.1:8000"]
    assert Path(command[4]) == Path(catalens.ui.__path__[0]) / "page.py"


def test_products_with_the_same_photos_are_one() -> None:
    one, same = Product((("a.jpg", b"12"), ("b.jpg", b"3"))), Product((("a.jpg", b"12"), ("b.jpg", b"3")), id="7")
    other = Product((("a.jpg", b"1"), ("2b.jpg", b"3")))
    assert one.key == same.key
    assert one.key != other.key


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The page over a service whose answers a test puts into `app.answers`; `app.asked` are the paths it was asked."""
    asked: list[str] = []
    answers: dict[str, httpx.Response] = {"/v1/model": httpx.Response(200, json=MODEL)}

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return answers[request.url.path]

    real = Client.__init__
    monkeypatch.setattr(Client, "__init__", lambda self, url: real(self, url, transport=httpx.MockTransport(handler)))

    def script() -> None:
        import streamlit as st

        from catalens.ui import page

        st.cache_resource.clear()
        page.main("http://service:8000")

    app = testing.AppTest.from_function(script, default_timeout=30)
    app.answers, app.asked = answers, asked
    return app


def html(app: Any) -> str:
    return "".join(element.proto.body for element in app.get("html"))


def test_a_random_product_is_asked_for_once(page: Any) -> None:
    photo = {"position": 0, "url": "/photo", "width": 1, "height": 1, "format": "png"}
    product = {"id": "p1", "category": "boot", "path": ["Fashion", "Boot"], "attributes": {}, "photos": [photo]}
    page.answers["/v1/products/random"] = httpx.Response(200, json=product)
    page.answers["/photo"] = httpx.Response(200, content=photo_of("boot"))
    page.answers["/v1/classify"] = httpx.Response(200, json=EXAMPLE_CLASSIFY)
    page.answers["/v1/similar"] = httpx.Response(200, json=EXAMPLE_SIMILAR)
    page.answers["/v1/products/15970/photo"] = httpx.Response(200, content=photo_of("boot"))
    page.run()
    page.button[0].click().run()
    assert "In the catalog" in html(page)
    assert "Tried in this session (1)" in html(page)
    page.run()
    assert page.asked.count("/v1/classify") == 1
    page.selectbox[0].set_value(0.9).run()
    assert page.asked.count("/v1/classify") == 2
    assert "Tried in this session (1)" in html(page)


def test_a_fault_of_the_service_is_not_blamed_on_the_photos(page: Any) -> None:
    fault = {"error": {**EXAMPLE_ERROR["error"], "type": "InternalError", "message": "failed", "source": None}}
    page.answers["/v1/classify"] = httpx.Response(500, json=fault)
    page.session_state["product"] = Product((("a.jpg", b"1"),), id="7")
    page.run()
    assert [error.value for error in page.error] == ["The service could not answer: failed"]
    assert "No usable photo" not in html(page)
    assert "Tried in this session (0)" in html(page)


def test_a_bundle_without_promises_is_no_error(page: Any) -> None:
    page.answers["/v1/model"] = httpx.Response(200, json=MODEL | {"promises": [], "index": None})
    page.run()
    assert len(page.selectbox) == 0
    assert len(page.button) == 0
    assert not page.exception

"""The client against answers that a service may and may not give."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from catalens.core.prediction import Decision, Label, Prediction
from catalens.serve.schemas import EXAMPLE_ERROR
from catalens.ui import blocks
from catalens.ui.client import Client, Refused, ServiceDown

Handler = Callable[[httpx.Request], httpx.Response]
PHOTOS = [("front.jpg", b"\xff\xd8 one"), ("back ü.jpg", b"two")]


def client(handler: Handler) -> Client:
    return Client("http://service:8000/", transport=httpx.MockTransport(handler))


def test_photos_go_as_one_form_with_names_and_bytes_untouched() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"id": ""}, headers={"server-timing": "decode;dur=3.00, total;dur=12.50"})

    answer = client(handler).classify(PHOTOS, promise=0.95)
    assert answer.server_ms == 12.5
    assert answer.round_trip_ms > 0
    assert str(seen[0].url) == "http://service:8000/v1/classify?promise=0.95"
    body = seen[0].read()
    assert body.count(b'name="photos"') == 2
    assert all(data in body for _, data in PHOTOS)


def test_what_was_not_given_is_not_sent() -> None:
    """An empty `promise=` would be a wrong parameter, not the service's default."""
    urls: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        urls.append(str(request.url))
        return httpx.Response(200, json={})

    client(handler).classify(PHOTOS)
    client(handler).similar(PHOTOS, k=5)
    assert urls == ["http://service:8000/v1/classify", "http://service:8000/v1/similar?k=5"]


def test_a_refusal_names_the_photo_and_keeps_the_kind() -> None:
    with pytest.raises(Refused, match=r"^shoe\.png: 1,024 bytes do not decode") as caught:
        client(lambda request: httpx.Response(422, json=EXAMPLE_ERROR)).classify(PHOTOS)
    assert (caught.value.status, caught.value.kind) == (422, "UnreadableImage")


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(502, text="<html>Bad gateway</html>"),
        httpx.Response(404, json={"detail": "Not Found"}),
        httpx.Response(500, json=["no", "object"]),
    ],
    ids=["a proxy's page", "another service's JSON", "a list"],
)
def test_an_error_in_another_form_is_told_as_such(response: httpx.Response) -> None:
    with pytest.raises(Refused, match=f"expected an answer of `catalens serve`, got HTTP {response.status_code}"):
        client(lambda request: response).model()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (httpx.ConnectError("refused"), "nothing listens at http://service:8000"),
        (httpx.ConnectTimeout("slow"), "did not answer within"),
        (httpx.ReadTimeout("slow"), "did not answer within"),
        (httpx.RemoteProtocolError("closed"), r"broke off \(closed\)"),
    ],
    ids=["nobody there", "no connection in time", "no answer in time", "cut off"],
)
def test_a_service_that_is_down_is_told_in_words(error: httpx.TransportError, words: str) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(ServiceDown, match=words):
        client(handler).model()


def test_a_prediction_has_every_key_the_page_reads() -> None:
    """The page reads answers as they come; this is the form of `core/prediction.py`."""
    decision = Decision("suggest", None, (), None, 0.5, None, "ask")
    body = Prediction("1", decision, (Label("a", ("A",), 0.5),), "m@1", timings_ms={"decode_ms": 1.0}).to_json()
    shown = blocks.decision(body) + blocks.bars(body["labels"]) + blocks.findings(body["findings"])
    assert "Perhaps A" in shown
    assert "decode 1.0 ms" in blocks.timings(body, server_ms=1.0, round_trip_ms=2.0)

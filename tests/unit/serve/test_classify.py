"""POST /v1/classify: what comes in, what goes out, and what every kind of bad request is told."""

from __future__ import annotations

import struct
import zlib

import pytest
from fastapi.testclient import TestClient
from tests.builders.bundles import photo_of

from catalens.serve.schemas import Classified, ErrorOut

RAW = {"content-type": "image/png"}


def form(*photos: bytes) -> list[tuple[str, tuple[str, bytes, str]]]:
    return [("photos", (f"{number}.png", data, "image/png")) for number, data in enumerate(photos)]


def declaring(width: int, height: int) -> bytes:
    """A PNG of some hundred bytes that says it is that large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_one_photo_as_it_is(client: TestClient) -> None:
    response = client.post("/v1/classify?id=sku-1&top=2", content=photo_of("apple"), headers=RAW)

    assert response.status_code == 200
    found = Classified.model_validate(response.json())
    assert found.id == "sku-1"
    assert (found.decision.action, found.decision.node, found.decision.promise) == ("file", "apple", 0.98)
    assert found.decision.path == ["Grocery", "Fruit", "Apple"]
    assert found.labels[0].id == "apple"
    assert len(found.labels) == 2
    assert found.findings == []
    assert {"decode_ms", "model_ms", "decide_ms"} <= set(found.timings_ms)


@pytest.mark.parametrize("kind", [None, "application/octet-stream", "IMAGE/JPEG", "image/png; q=1"])
def test_raw_types(client: TestClient, kind: str | None) -> None:
    headers = {"content-type": kind} if kind else {}
    assert client.post("/v1/classify", content=photo_of("boot"), headers=headers).json()["decision"]["node"] == "boot"


def test_several_photos_are_one_product(client: TestClient) -> None:
    alone = client.post("/v1/classify", files=form(photo_of("shirt"))).json()
    together = client.post("/v1/classify", files=form(photo_of("shirt"), photo_of("shirt"))).json()
    mixed = client.post("/v1/classify", files=form(photo_of("shirt"), photo_of("lamp"))).json()

    assert alone["decision"]["node"] == together["decision"]["node"] == "shirt"
    assert mixed["decision"]["action"] == "review"
    assert "0.png looks like Shirt" in mixed["decision"]["reason"]


def test_a_bad_photo_among_good_ones_is_a_finding(client: TestClient) -> None:
    response = client.post("/v1/classify", files=form(photo_of("dress"), b"torn", declaring(50_000, 50_000)))

    assert response.status_code == 200
    found = response.json()
    assert found["decision"]["node"] == "dress"
    assert [(finding["source"], finding["cause"]) for finding in found["findings"]] == [
        ("1.png", "unreadable"),
        ("2.png", "too large"),
    ]


@pytest.mark.parametrize("promise", [0.9, 0.95])
def test_the_promise_asked_for_is_the_promise_kept(client: TestClient, promise: float) -> None:
    response = client.post(f"/v1/classify?promise={promise}", content=photo_of("apple"), headers=RAW)
    assert response.json()["decision"]["promise"] == promise


# what is sent, the status, the type, and what the message has to name
BAD = {
    "text": ({"content": b"not an image", "headers": RAW}, 422, "UnreadableImage", "12 bytes"),
    "cut short": ({"content": photo_of("apple")[:60], "headers": RAW}, 422, "UnreadableImage", "60 bytes do not"),
    "empty": ({"content": b"", "headers": RAW}, 422, "UnreadableImage", "no photo"),
    "bomb": ({"content": declaring(50_000, 50_000), "headers": RAW}, 413, "ImageTooLarge", "50,000 x 50,000"),
    "large body": ({"content": b"x" * 2_000_001, "headers": RAW}, 413, "ImageTooLarge", "2,000,000 bytes allowed"),
    "large form": ({"files": form(b"x" * 2_000_001)}, 413, "ImageTooLarge", "2,000,000 bytes allowed"),
    "bad form photo": ({"files": form(b"torn")}, 422, "UnreadableImage", "4 bytes"),
    "all bad": ({"files": form(b"torn", b"")}, 422, "UnreadableImage", "none of the 2 photos"),
    "all too large": (
        {"files": form(declaring(50_000, 50_000), declaring(60_000, 60_000))},
        413,
        "ImageTooLarge",
        "60,000 x 60,000",
    ),
    "too many photos": ({"files": form(*[photo_of("apple")] * 5)}, 422, "UnreadableImage", "at most 4 photos"),
    "other field": ({"files": {"photo": photo_of("apple")}}, 422, "ConfigError", "form field 'photos'"),
    "text in the field": ({"data": {"photos": "apple.png"}, "files": {"photos": b""}}, 422, "ConfigError", "files"),
    "no boundary": ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 422, "UnreadableImage", ""),
    "broken form": (
        {"content": b"x", "headers": {"content-type": "multipart/form-data; boundary=y"}},
        422,
        "UnreadableImage",
        "form",
    ),
    "form without photos": (
        {"content": b"--y--\r\n", "headers": {"content-type": "multipart/form-data; boundary=y"}},
        422,
        "UnreadableImage",
        "got none",
    ),
    "json": ({"json": {"url": "x"}}, 415, "HTTPError", "-F photos=@shoe.jpg"),
    "promise not made": ({"params": {"promise": 0.97}}, 422, "PromiseError", "makes 0.9, 0.95, 0.98, 0.99"),
    "promise is a word": ({"params": {"promise": "high"}}, 422, "ConfigError", "promise: "),
    "no labels": ({"params": {"top": 0}}, 422, "ConfigError", "top: "),
    "too many labels": ({"params": {"top": 101}}, 422, "ConfigError", "top: "),
}


@pytest.mark.parametrize("sent", BAD.values(), ids=BAD)
def test_bad_request(client: TestClient, sent: tuple[dict, int, str, str]) -> None:
    request, status, kind, names = sent
    if "params" in request:
        request = {**request, "content": photo_of("apple"), "headers": RAW}

    response = client.post("/v1/classify", **request)

    error = ErrorOut.model_validate(response.json()).error
    assert (response.status_code, error.type) == (status, kind)
    assert names in error.message
    assert error.request_id == response.headers["x-request-id"]


def test_a_bad_photo_is_named(client: TestClient) -> None:
    error = client.post("/v1/classify", files=form(b"torn")).json()["error"]
    assert error["source"] == "0.png"
    message = client.post("/v1/classify", files=form(b"torn", b"")).json()["error"]["message"]
    assert "0.png: 4 bytes" in message
    assert "1.png: 0 bytes" in message

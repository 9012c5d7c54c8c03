"""What a service refuses while it can still afford to: bodies without end, and more requests than it holds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import httpx
import pytest
from tests.builders.bundles import photo_of

from catalens.core.bundle import Bundle
from catalens.core.errors import Overloaded
from catalens.predict.predictor import Look, Predictor
from catalens.serve.app import create_app
from catalens.serve.pool import Pool
from catalens.serve.settings import ServeSettings

RAW = {"content-type": "image/png"}
CHUNK = b"x" * 1000


class Slow(Predictor):
    """Waits in `look` until it is let go."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle)
        self.go = threading.Event()

    def look(self, *args: object, **options: object) -> Look:
        assert self.go.wait(timeout=30)
        return super().look(*args, **options)


@pytest.mark.parametrize("content_type", ["image/png", "multipart/form-data; boundary=y"], ids=["raw", "form"])
def test_body_of_unknown_length_is_read_no_further_than_the_limit(served_bundle: Bundle, content_type: str) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--y\r\nContent-Disposition: form-data; name="photos"; filename="a"\r\n\r\n'
        while True:
            sent += len(CHUNK)
            yield CHUNK

    async def run() -> httpx.Response:
        app = create_app(served_bundle, settings=ServeSettings(max_bytes=50_000))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
            return await client.post("/v1/classify", content=endless(), headers={"content-type": content_type})

    response = asyncio.run(run())

    assert response.status_code == 413
    assert "50,000 bytes allowed" in response.json()["error"]["message"]
    assert sent <= 50_000 + len(CHUNK)


def test_more_than_it_holds_is_refused_and_the_rest_answered(served_bundle: Bundle) -> None:
    slow = Slow(served_bundle)
    app = create_app(served_bundle, settings=ServeSettings(workers=1, queue=1), predictor=slow)

    async def run() -> tuple[httpx.Response, list[httpx.Response], httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:

            def post() -> asyncio.Task[httpx.Response]:
                return asyncio.create_task(client.post("/v1/classify", content=photo_of("apple"), headers=RAW))

            held = [post(), post()]
            await asyncio.sleep(0.2)  # both are past reading: one runs, one waits
            refused = await post()
            health = await client.get("/healthz")
            assert health.status_code == 200
            slow.go.set()
            return refused, await asyncio.gather(*held), await post()

    refused, held, later = asyncio.run(run())

    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["error"]["type"] == "Overloaded"
    assert [response.status_code for response in held] == [200, 200]
    assert later.status_code == 200


@pytest.mark.parametrize("content_type", ["image/png", "multipart/form-data; boundary=y"], ids=["raw", "form"])
def test_a_caller_who_hangs_up_is_no_failure_of_ours(served_bundle: Bundle, content_type: str) -> None:
    app = create_app(served_bundle)
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/classify",
        "query_string": b"",
        "headers": [(b"content-type", content_type.encode())],
    }
    messages = [{"type": "http.request", "body": b"--y\r\n", "more_body": True}, {"type": "http.disconnect"}]
    sent: list[dict] = []

    async def receive() -> dict:
        return messages.pop(0)

    async def send(message: dict) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))

    assert sent[0]["status"] == 400


def test_bodies_that_are_still_coming_in_take_places_too(served_bundle: Bundle) -> None:
    """Else any number of slow callers could each fill the memory with a body."""
    app = create_app(served_bundle, settings=ServeSettings(workers=1, queue=1))

    async def run() -> tuple[httpx.Response, list[httpx.Response], httpx.Response]:
        rest = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield photo_of("apple")[:50]
            await rest.wait()
            yield photo_of("apple")[50:]

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
            held = [asyncio.create_task(client.post("/v1/classify", content=slowly(), headers=RAW)) for _ in range(2)]
            await asyncio.sleep(0.1)
            refused = await client.post("/v1/classify", content=photo_of("apple"), headers=RAW)
            rest.set()
            answered = await asyncio.gather(*held)
            return refused, answered, await client.post("/v1/classify", content=photo_of("apple"), headers=RAW)

    refused, answered, later = asyncio.run(run())

    assert refused.status_code == 503
    assert [response.status_code for response in (*answered, later)] == [200, 200, 200]


def test_a_body_that_does_not_come_gives_its_place_back(served_bundle: Bundle) -> None:
    app = create_app(served_bundle, settings=ServeSettings(workers=1, queue=0, body_timeout_s=0.05))

    async def run() -> list[httpx.Response]:
        async def never() -> AsyncIterator[bytes]:
            yield b"x"
            await asyncio.Event().wait()

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
            return [
                await client.post("/v1/classify", content=content, headers=RAW)
                for content in (never(), photo_of("apple"))
            ]

    late, later = asyncio.run(run())

    assert (late.status_code, later.status_code) == (408, 200)
    assert "did not come in within 0.05 s" in late.json()["error"]["message"]


def test_work_that_fails_gives_its_place_back() -> None:
    pool = Pool(workers=1, queue=0)

    def fail() -> None:
        with pool.place():
            raise ZeroDivisionError

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            fail()


def test_no_more_places_than_workers_and_queue() -> None:
    pool = Pool(workers=2, queue=1)
    with pool.place(), pool.place(), pool.place(), pytest.raises(Overloaded, match="3 requests"), pool.place():
        pass
    with pool.place():
        pass
    pool.close()

"""A provider of translations on 127.0.0.1 that speaks the languages of all that are registered, and fails as told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "a-key-that-nobody-may-see"


@dataclass(frozen=True)
class Trouble:
    """One answer that is no translation."""

    status: int
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class FakeProvider:
    """`say` translates; `troubles` are answered first, one a request; what was asked is in `texts` and `requests`."""

    url: str = ""
    say: Callable[[str], object] = lambda text: f"the {text.lower()}"
    troubles: list[Trouble] = field(default_factory=list)
    drop: int = 0  # this many answers are left out of each batch of more than one
    texts: list[str] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)  # path, headers, body

    def answer(self, path: str, body: Any) -> tuple[list[str], Callable[[list[object]], bytes]]:
        """The texts that a request holds, and how its service writes their translations."""
        parts = urlsplit(path)
        if parts.path == "/m":  # Google's page
            return [parse_qs(parts.query)["q"][0]], _google
        if parts.path == "/v2/translate":  # DeepL
            return body["text"], lambda names: _json({"translations": [{"text": name} for name in names]})
        if "api-version" in parts.query:  # Microsoft
            return [row["Text"] for row in body], lambda names: _json([{"translations": [{"text": n}]} for n in names])
        return body["q"], lambda names: _json({"translatedText": names})  # LibreTranslate


@contextmanager
def fake_provider(**options: Any) -> Iterator[FakeProvider]:
    provider = FakeProvider(**options)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.loads(content) if content else None
            provider.requests.append((self.path, dict(self.headers.items()), body))
            if provider.troubles:
                trouble = provider.troubles.pop(0)
                return self.reply(trouble.status, trouble.body, trouble.headers)
            texts, write = provider.answer(self.path, body)
            provider.texts += texts
            names = [provider.say(text) for text in texts]
            return self.reply(200, write(names[: len(names) - provider.drop] if len(names) > 1 else names), {})

        do_GET = do_POST  # noqa: N815

        def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()


def _json(values: object) -> bytes:
    return json.dumps(values).encode()


def _google(names: list[object]) -> bytes:
    return f'<html><body><div class="result-container">{names[0]}</div></body></html>'.encode()

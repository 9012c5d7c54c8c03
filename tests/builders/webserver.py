"""A web server on 127.0.0.1 that answers as it is told, and a world in which names stand for addresses we choose."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import httpcore


@dataclass(frozen=True)
class Reply:
    """One answer.  `pause_s` passes before it, `drip_s` before every byte of the body."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pause_s: float = 0.0
    drip_s: float = 0.0


@dataclass(frozen=True)
class Asked:
    """One request that came."""

    path: str
    at: float  # time.monotonic
    headers: Mapping[str, str]


class LocalServer:
    """`routes` maps a path to a reply, to replies one after another (the last stays), or to a function of the request.

    A path that is not there is 404.  `asked` are the requests that came, `busiest` how many at most were answered at
    the same time.
    """

    def __init__(self, routes: Mapping[str, Reply | Sequence[Reply] | Callable[[Asked], Reply]] | None = None) -> None:
        self.routes = dict(routes or {})
        self.asked: list[Asked] = []
        self.busiest = 0
        self._busy = 0
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.address = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.address}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> LocalServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [asked.path for asked in self.asked]

    def wrap(self, context: Any) -> None:
        """Speak TLS from now on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")

    def reply(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            earlier = sum(one.path == asked.path for one in self.asked) - 1
        route = self.routes.get(asked.path, Reply(b"not here", 404))
        if callable(route):
            return route(asked)
        return route if isinstance(route, Reply) else route[min(earlier, len(route) - 1)]

    def count(self, step: int) -> None:
        with self._lock:
            self._busy += step
            self.busiest = max(self.busiest, self._busy)


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what many tests are about."""


def _handler(server: LocalServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path != "/robots.txt":
                server.count(1)
            try:
                self._answer(server.reply(Asked(self.path, time.monotonic(), dict(self.headers.items()))))
            finally:
                if self.path != "/robots.txt":
                    server.count(-1)

        def _answer(self, reply: Reply) -> None:
            time.sleep(reply.pause_s)
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if reply.drip_s:
                for byte in reply.body:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(reply.drip_s)
            else:
                self.wfile.write(reply.body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """The tests look at `asked`."""

    return Handler


class Names:
    """A resolver: every name has the addresses it was given; a name given several lists gets the next at each look."""

    def __init__(self, names: Mapping[str, Iterable[str] | Sequence[Iterable[str]]]) -> None:
        self._names = {name: list(found) for name, found in names.items()}
        self.looks: list[str] = []

    def __call__(self, host: str, port: int) -> list[str]:
        self.looks.append(host)
        found = self._names.get(host)
        if found is None:
            raise OSError("name or service not known")
        if found and isinstance(found[0], list):
            return list(found[min(self.looks.count(host) - 1, len(found) - 1)])
        return [str(address) for address in found]


class Relay(httpcore.NetworkBackend):
    """Every call, whatever its address, ends at one local server; `called` are the addresses that were dialled."""

    def __init__(self, server: LocalServer) -> None:
        self._host, _, self._port = server.address.partition(":")
        self.called: list[tuple[str, int]] = []

    def connect_tcp(self, host: str, port: int, *options: Any, **more: Any) -> httpcore.NetworkStream:
        self.called.append((host, port))
        return httpcore.SyncBackend().connect_tcp(self._host, int(self._port), *options, **more)

"""Fetching by a URL that somebody else wrote.  The only file that makes HTTP requests to the outside.

Every connection goes to an address that was checked (`core/address.py`), redirects included.  Proxies that the
environment names are not used: behind one, the address that is really called is the proxy's choice.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from catalens import __version__
from catalens.core.address import Allowance
from catalens.core.errors import FetchError, MissingExtra

try:
    import httpcore
    import httpx
except ImportError:
    raise MissingExtra("fetching by URL", "web") from None

from catalens.core.dial import Deadline, GuardedBackend, Resolver, look_up

if TYPE_CHECKING:
    import ssl

USER_AGENT = f"Catalens/{__version__} (+https://github.com/catalens/catalens)"
NO_CONNECTION, TIMED_OUT, TOO_LARGE = "fetch failed: no connection", "timed out", "too large"
NOT_A_URL = "not a usable URL"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_AGAIN_SOON = frozenset({408, 425, 429, 500, 502, 503, 504})
_GZIP_BYTES = 2**16
_HOST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._:")  # once lower case and punycode


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a fetch may take, in seconds; `total_s` is for one request, a redirect begins another."""

    connect_s: float = 10.0
    read_s: float = 20.0
    total_s: float = 60.0
    redirects: int = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer; `chunks` are the bytes as they came over the wire.  `url` is where redirects ended."""

    url: str
    status: int
    headers: Mapping[str, str]  # names in lower case
    chunks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole file in memory.  `url` is where redirects ended."""

    url: str
    data: bytes


def anywhere(url: str) -> None:
    """Nothing is to be done before a request."""


class Web:
    """A client for many threads, whose connections are kept between requests; a context.

    `allow_private` names hosts, addresses and networks that may be called although they are private or the port is not
    80 or 443.  Raises ConfigError if one is none of these.
    """

    def __init__(
        self,
        *,
        allow_private: Sequence[str] = (),
        limits: Limits | None = None,
        connections: int = 16,
        resolve: Resolver = look_up,
        dial: httpcore.NetworkBackend | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._deadline = Deadline()
        allowed = [Allowance.parse(text) for text in allow_private]
        self._backend = GuardedBackend(allowed, self._deadline, resolve, dial or httpcore.SyncBackend())
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl_context or httpx.create_ssl_context(),
            max_connections=connections,
            keepalive_expiry=15.0,
            network_backend=self._backend,
        )

    def __enter__(self) -> Web:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all connections."""
        self._pool.close()

    def stop(self) -> None:
        """End the requests of all threads, also those that wait for an answer, with a FetchError; no more are made."""
        self._backend.stop()

    def get(self, url: str, *, max_bytes: int, before: Callable[[str], None] = anywhere) -> Fetched:
        """The bytes behind a URL, at most `max_bytes` of them.

        `before` is called with the URL of every request, those of redirects too, and may raise.  What kind of file it
        is the bytes tell: the content type that a server claims is not asked.  Raises FetchError.
        """
        with self.stream(url, before=before) as answer:
            if answer.status != 200:
                raise http_error(answer, url)
            length = answer.headers.get("content-length", "")
            if length.isdecimal() and int(length) > max_bytes:
                raise _too_large(url, max_bytes)
            chunks = _decoded(answer, url, max_bytes)
            data = bytearray()
            for chunk in chunks:
                data += chunk
                if len(data) > max_bytes:
                    raise _too_large(url, max_bytes)
            return Fetched(answer.url, bytes(data))

    @contextmanager
    def stream(
        self, url: str, *, headers: Mapping[str, str] | None = None, before: Callable[[str], None] = anywhere
    ) -> Iterator[Answer]:
        """The answer at the end of the redirects, whatever its status.  Raises FetchError, also while it is read."""
        target = _parse(url)
        for _ in range(self._limits.redirects + 1):
            before(str(target))
            response = self._request(target, headers or {}, url)
            try:
                # UTF-8 is what a redirect to a path with accents may come in, though RFC 9110 asks for ASCII
                names = {name.decode().lower(): text.decode("utf-8", "replace") for name, text in response.headers}
                if response.status in _REDIRECTS and "location" in names:
                    target = _parse(names["location"], base=target)
                    continue
                yield Answer(str(target), response.status, names, self._read(response, url))
                return
            finally:
                response.close()
        many = f"more than {self._limits.redirects} redirects"
        raise FetchError(many, cause="fetch failed: too many redirects", again="never", source=url)

    def _request(self, target: httpx.URL, headers: Mapping[str, str], url: str) -> httpcore.Response:
        limits = self._limits
        self._deadline.at = time.monotonic() + limits.total_s
        ours = {"Host": target.netloc.decode(), "User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        request = httpcore.Request(
            "GET",
            httpcore.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path),
            headers=list({**ours, **headers}.items()),
            extensions={
                "timeout": {
                    "connect": limits.connect_s,
                    "read": limits.read_s,
                    "write": limits.read_s,
                    "pool": limits.total_s,
                }
            },
        )
        with _explained(url):
            return self._pool.handle_request(request)

    def _read(self, response: httpcore.Response, url: str) -> Iterator[bytes]:
        with _explained(url):
            yield from response.iter_stream()


def http_error(answer: Answer, url: str) -> FetchError:
    """The error for an answer that is not what was asked for."""
    again: Literal["soon", "later", "never"] = "later"
    if answer.status in _AGAIN_SOON:
        again = "soon"
    elif 400 <= answer.status < 500:
        again = "never"
    cause = f"fetch failed: HTTP {answer.status}"
    return FetchError(f"HTTP {answer.status}", cause=cause, again=again, source=url, wait_s=_asked_to_wait(answer))


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """What goes wrong on the way, as a FetchError about this URL."""
    try:
        yield
    except FetchError as error:
        error.source = url
        raise
    except httpcore.TimeoutException as error:
        raise FetchError(str(error) or "no answer in time", cause=TIMED_OUT, again="soon", source=url) from None
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise FetchError(str(error) or type(error).__name__, cause=NO_CONNECTION, again="soon", source=url) from None


def _parse(url: str, base: httpx.URL | None = None) -> httpx.URL:
    """A URL that could be fetched; `base` is where it was found.  Raises FetchError."""
    try:
        target = httpx.URL(url.strip()) if base is None else base.join(url.strip())
        host = target.raw_host.decode("ascii").lower().rstrip(".")  # "127.0.0.1." is an address too
        port = target.port
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise FetchError(f"is no URL ({error})", cause=NOT_A_URL, again="never", source=url) from None
    fault = None
    if target.scheme not in ("http", "https"):
        fault = f"expected http or https, got {target.scheme or 'no scheme'!r}"
    elif target.userinfo:
        fault = "holds a user name or password"
    elif not host or not set(host) <= _HOST:
        fault = f"{target.host!r} is no host"
    elif port is not None and not 0 < port < 65536:
        fault = f"{port} is no port"
    if fault is not None:
        raise FetchError(fault, cause=NOT_A_URL, again="never", source=url)
    return target.copy_with(host=host, fragment=None)


def _decoded(answer: Answer, url: str, max_bytes: int) -> Iterator[bytes]:
    """The body, unzipped where it was zipped although we asked that it be not: never much more than `max_bytes`."""
    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        yield from answer.chunks
        return
    if encoding not in ("gzip", "x-gzip"):
        raise FetchError(f"came as {encoding}", cause="fetch failed: unknown encoding", again="never", source=url)
    inflate, left, came = zlib.decompressobj(wbits=31), max_bytes + 1, 0
    try:
        for chunk in answer.chunks:
            came += len(chunk)
            if came > max_bytes + _GZIP_BYTES:  # zipped, nothing grows by more: what comes is blocks that hold nothing
                raise _too_large(url, max_bytes)
            plain = inflate.decompress(chunk, max(1, left))
            left -= len(plain)
            yield plain
            if inflate.unused_data:  # it would be gathered in memory to the end of the request
                raise zlib.error("more comes after its end")
    except zlib.error as error:
        raise FetchError(
            f"is not gzip ({error})", cause="fetch failed: broken gzip", again="later", source=url
        ) from None
    if not inflate.eof:
        raise FetchError("gzip cut short", cause="fetch failed: broken gzip", again="soon", source=url)


def _too_large(url: str, max_bytes: int) -> FetchError:
    return FetchError(f"more than the {max_bytes:,} bytes allowed", cause=TOO_LARGE, again="never", source=url)


def _asked_to_wait(answer: Answer) -> float | None:
    """Seconds that `Retry-After` asks for: it holds seconds or a date (RFC 9110, 10.2.3)."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())

"""No test here leaves this machine: names stand for addresses we choose, and every call ends at a local server."""

from __future__ import annotations

import gzip
import os
import socket
import ssl
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from threading import Timer

import httpcore
import pytest
from httpcore._backends.sync import SyncStream
from tests.builders.webserver import LocalServer, Names, Relay, Reply

from catalens.core.dial import Deadline, GuardedBackend, look_up
from catalens.core.errors import FetchError, MissingExtra
from catalens.core.web import USER_AGENT, Limits, Web

PUBLIC = "93.184.216.34"
HERE = Path(__file__).parent
# a gzip stream of blocks that hold nothing: it may go on for ever and never grow
EMPTY_BLOCKS = gzip.compress(b"")[:10] + b"\x00\x00\x00\xff\xff" * 20_000
QUICK = Limits(connect_s=1, read_s=0.3, total_s=1)


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer({"/photo.jpg": Reply(b"photo")}) as server:
        yield server


def world(server: LocalServer, names: dict[str, Sequence[object]], **options: object) -> tuple[Web, Relay, Names]:
    """A client to whom only these names exist, and whose calls all end at the server."""
    relay, resolver = Relay(server), Names(names)
    return Web(resolve=resolver, dial=relay, **options), relay, resolver


def test_a_photo_is_fetched(server: LocalServer) -> None:
    web, relay, _ = world(server, {"shop.example": [PUBLIC]})
    with web:
        fetched = web.get("http://shop.example/photo.jpg#part", max_bytes=5)
    assert (fetched.data, fetched.url) == (b"photo", "http://shop.example/photo.jpg")
    assert relay.called == [(PUBLIC, 80)]
    headers = server.asked[0].headers
    assert (headers["Host"], headers["User-Agent"]) == ("shop.example", USER_AGENT)
    assert headers["Accept-Encoding"] == "identity"
    assert "Catalens/" in USER_AGENT


def test_without_httpx_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    monkeypatch.delitem(sys.modules, "catalens.core.web")
    with pytest.raises(MissingExtra, match=r"catalens\[web\]"):
        import_module("catalens.core.web")


def test_a_connection_is_kept(server: LocalServer) -> None:
    web, relay, names = world(server, {"shop.example": [PUBLIC]})
    with web:
        for _ in range(3):
            web.get("http://shop.example/photo.jpg", max_bytes=99)
    assert len(relay.called) == len(names.looks) == 1


# forms that the system itself takes for addresses; none of these asks a name server
@pytest.mark.parametrize(
    "host",
    ["localhost", "LocalHost.", "127.0.0.1", "127.0.0.1.", "2130706433", "0x7f000001", "0x7f.1", "017700000001",
     "127.1", "0", "10.0.0.1",
     "169.254.169.254", "2852039166", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]",
     "[64:ff9b::7f00:1]", "[fe80::1]", "[fd00:ec2::254]", "[2002:7f00:1::]", "127。0。0。1"],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_spelling_of_a_private_address_is_called(server: LocalServer, scheme: str, host: str) -> None:
    relay = Relay(server)
    with Web(resolve=look_up, dial=relay) as web, pytest.raises(FetchError) as caught:
        web.get(f"{scheme}://{host}/", max_bytes=99)
    assert caught.value.cause == "address not allowed"
    assert caught.value.source == f"{scheme}://{host}/"
    assert server.asked == []
    assert relay.called == []


@pytest.mark.parametrize(
    "url",
    ["", "photo.jpg", "/etc/passwd", "//shop.example/x", "file:///etc/passwd", "ftp://shop.example/x", "gopher://x",
     "javascript:alert(1)", "http://", "http:///x", "http://user@127.0.0.1/", "http://shop.example@127.0.0.1/",
     "http://user:word@shop.example/", "http://shop.example\\@127.0.0.1/", "http://shop.example\\.evil.example/",
     "http://shop.example:0/", "http://shop.example:70000/", "http://shop.example:x/", "http://127%2e0%2e0%2e1/",
     "http://[::1", "http://[fe80::1%25eth0]/", "http://shop.example\r\nx: y/", "http://１２７.0.0.1/",
     "http://0177.0.0.1/", "http://exa mple/"],
)  # fmt: skip
def test_what_is_no_usable_url_is_said(server: LocalServer, url: str) -> None:
    web, relay, names = world(server, {"shop.example": [PUBLIC]})
    with web, pytest.raises(FetchError) as caught:
        web.get(url, max_bytes=99)
    assert caught.value.cause == "not a usable URL"
    assert caught.value.source == url
    assert relay.called == names.looks == []


@pytest.mark.parametrize(
    "answers",
    [["10.0.0.1"], [PUBLIC, "10.0.0.1"], ["127.0.0.1", PUBLIC], ["2606:4700::1", "::1"], ["::ffff:127.0.0.1"],
     ["fe80::1%2"], ["64:ff9b::a9fe:a9fe"]],
    ids=" ".join,
)  # fmt: skip
def test_a_name_with_a_private_address_is_refused_whole(server: LocalServer, answers: list[str]) -> None:
    web, relay, _ = world(server, {"shop.example": answers})
    with web, pytest.raises(FetchError, match="no public address") as caught:
        web.get("http://shop.example/photo.jpg", max_bytes=99)
    assert (caught.value.cause, caught.value.again) == ("address not allowed", "later")
    assert relay.called == []


def test_a_name_that_changes_its_address_is_called_where_it_was_checked(server: LocalServer) -> None:
    web, relay, names = world(server, {"shop.example": [[PUBLIC], ["127.0.0.1"]]})
    with web:
        assert web.get("http://shop.example/photo.jpg", max_bytes=99).data == b"photo"
    assert names.looks == ["shop.example"]
    assert relay.called == [(PUBLIC, 80)]


def test_a_name_that_turned_private_is_refused_at_the_next_connection(server: LocalServer) -> None:
    server.routes["/photo.jpg"] = Reply(b"photo", headers={"Connection": "close"})
    web, relay, _ = world(server, {"shop.example": [[PUBLIC], ["127.0.0.1"]]})
    with web:
        web.get("http://shop.example/photo.jpg", max_bytes=99)
        with pytest.raises(FetchError, match=r"127\.0\.0\.1"):
            web.get("http://shop.example/photo.jpg", max_bytes=99)
    assert len(relay.called) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "cause"),
    [
        ("http://127.0.0.1/", "address not allowed"),
        ("https://localhost/", "address not allowed"),
        ("http://2130706433/", "address not allowed"),
        ("//169.254.169.254/latest/meta-data/", "address not allowed"),
        ("http://shop.example:6379/", "address not allowed"),
        ("http://inside.example/", "address not allowed"),
        ("file:///etc/passwd", "not a usable URL"),
        ("http://user@shop.example/", "not a usable URL"),
    ],
)
def test_a_redirect_is_checked_like_the_first_url(server: LocalServer, status: int, location: str, cause: str) -> None:
    server.routes["/photo.jpg"] = Reply(status=status, headers={"Location": location})
    names = {"shop.example": [PUBLIC], "inside.example": ["10.0.0.1"], "localhost": ["127.0.0.1"]}
    numeric = {"127.0.0.1": ["127.0.0.1"], "2130706433": ["127.0.0.1"], "169.254.169.254": ["169.254.169.254"]}
    web, relay, _ = world(server, {**names, **numeric})
    with web, pytest.raises(FetchError) as caught:
        web.get("http://shop.example/photo.jpg", max_bytes=99)
    assert caught.value.cause == cause
    assert relay.called == [(PUBLIC, 80)]


def test_redirects_are_followed_and_told_to_who_asks(server: LocalServer) -> None:
    server.routes |= {
        "/a": Reply(status=301, headers={"Location": "b?x=1"}),
        "/b?x=1": Reply(status=302, headers={"Location": "//cdn.example/photo.jpg"}),
    }
    web, relay, _ = world(server, {"shop.example": [PUBLIC], "cdn.example": ["8.8.8.8"]})
    asked: list[str] = []
    with web:
        fetched = web.get("http://shop.example/a", max_bytes=99, before=asked.append)
    assert asked == ["http://shop.example/a", "http://shop.example/b?x=1", "http://cdn.example/photo.jpg"]
    assert fetched.url == asked[-1]
    assert relay.called[-1] == ("8.8.8.8", 80)


def test_a_redirect_may_hold_accents(server: LocalServer) -> None:
    server.routes |= {
        "/a": Reply(status=301, headers={"Location": "/caf\u00e9 1.jpg".encode().decode("latin-1")}),
        "/caf%C3%A9%201.jpg": Reply(b"photo"),
    }
    web, *_ = world(server, {"shop.example": [PUBLIC]})
    with web:
        assert web.get("http://shop.example/a", max_bytes=99).url == "http://shop.example/caf%C3%A9%201.jpg"


def test_redirects_have_an_end(server: LocalServer) -> None:
    server.routes["/loop"] = Reply(status=302, headers={"Location": "/loop"})
    web, *_ = world(server, {"shop.example": [PUBLIC]}, limits=Limits(redirects=3))
    with web, pytest.raises(FetchError, match="more than 3 redirects"):
        web.get("http://shop.example/loop", max_bytes=99)
    assert len(server.asked) == 4


def test_an_unusual_port_has_to_be_allowed(server: LocalServer) -> None:
    names = {"shop.example": [PUBLIC]}
    web, relay, _ = world(server, names)
    with web, pytest.raises(FetchError, match=r"allow shop\.example:8080 in allow_private"):
        web.get("http://shop.example:8080/photo.jpg", max_bytes=99)
    allowing, relay, _ = world(server, names, allow_private=["shop.example:8080"])
    with allowing:
        assert allowing.get("http://shop.example:8080/photo.jpg", max_bytes=99).data == b"photo"
    assert relay.called == [(PUBLIC, 8080)]


def test_what_is_allowed_is_called_and_nothing_else(server: LocalServer) -> None:
    with Web(allow_private=[server.address]) as web:
        assert web.get(f"{server.url}/photo.jpg", max_bytes=99).data == b"photo"
        with pytest.raises(FetchError) as caught:
            web.get("http://127.0.0.1:1/", max_bytes=99)
    assert caught.value.cause == "address not allowed"


def test_proxies_of_the_environment_are_not_used(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setitem(os.environ, name, server.url)
    with Web(resolve=look_up) as web, pytest.raises(FetchError) as caught:
        web.get("http://127.0.0.1/", max_bytes=99)
    assert caught.value.cause == "address not allowed"
    assert server.asked == []


def test_the_next_address_is_tried_when_one_is_dead(server: LocalServer) -> None:
    with LocalServer() as dead:
        closed = dead.address
    port = int(server.address.partition(":")[2])
    names = Names({"two.example": ["127.0.0.2", "127.0.0.1"]})
    with Web(resolve=names, allow_private=["127.0.0.0/8"]) as web:
        assert web.get(f"http://two.example:{port}/photo.jpg", max_bytes=99).data == b"photo"
        with pytest.raises(FetchError) as caught:
            web.get(f"http://two.example:{closed.partition(':')[2]}/photo.jpg", max_bytes=99)
    assert (caught.value.cause, caught.value.again) == ("fetch failed: no connection", "soon")


@pytest.mark.parametrize(
    ("status", "again"),
    [(404, "never"), (410, "never"), (403, "never"), (429, "soon"), (503, "soon"), (501, "later"), (304, "later")],
)
def test_a_status_says_whether_to_try_again(server: LocalServer, status: int, again: str) -> None:
    server.routes["/photo.jpg"] = Reply(status=status)
    web, *_ = world(server, {"shop.example": [PUBLIC]})
    with web, pytest.raises(FetchError) as caught:
        web.get("http://shop.example/photo.jpg", max_bytes=99)
    assert (caught.value.cause, caught.value.again) == (f"fetch failed: HTTP {status}", again)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("7", 7, 7), ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0), ("Wed, 21 Oct 2099 07:28:00 GMT", 1e9, 1e10)],
)
def test_how_long_a_server_asks_to_wait(server: LocalServer, text: str, low: float, high: float) -> None:
    server.routes["/photo.jpg"] = Reply(status=503, headers={"Retry-After": text})
    web, *_ = world(server, {"shop.example": [PUBLIC]})
    with web, pytest.raises(FetchError) as caught:
        web.get("http://shop.example/photo.jpg", max_bytes=99)
    assert caught.value.wait_s is not None
    assert low <= caught.value.wait_s <= high


def test_a_host_that_does_not_exist_is_said(server: LocalServer) -> None:
    web, *_ = world(server, {})
    with web, pytest.raises(FetchError) as caught:
        web.get("http://nowhere.example/", max_bytes=99)
    assert (caught.value.cause, caught.value.again) == ("fetch failed: no such host", "later")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"x" * 101),
        Reply(b"5\r\nxxxxx\r\n" * 100 + b"0\r\n\r\n", headers={"Transfer-Encoding": "chunked"}),
        Reply(gzip.compress(bytes(50_000_000)), headers={"Content-Encoding": "gzip"}),
        Reply(
            b"%x\r\n%b\r\n0\r\n\r\n" % (len(EMPTY_BLOCKS), EMPTY_BLOCKS),
            headers={"Transfer-Encoding": "chunked", "Content-Encoding": "gzip"},
        ),
    ],
    ids=["declared", "streamed", "gzip bomb", "gzip of nothing"],
)
def test_a_file_that_is_too_large_is_not_read_to_its_end(server: LocalServer, reply: Reply) -> None:
    server.routes["/photo.jpg"] = reply
    web, *_ = world(server, {"shop.example": [PUBLIC]})
    with web, pytest.raises(FetchError, match="more than the 100 bytes allowed") as caught:
        web.get("http://shop.example/photo.jpg", max_bytes=100)
    assert (caught.value.cause, caught.value.again) == ("too large", "never")


@pytest.mark.parametrize(
    ("body", "encoding", "outcome"),
    [
        (gzip.compress(b"photo" * 20), "gzip", b"photo" * 20),
        (gzip.compress(b"photo" * 20), "X-GZIP", b"photo" * 20),
        (b"photo", "identity", b"photo"),
        (b"photo", "", b"photo"),
        (gzip.compress(b"photo" * 20)[:-6], "gzip", "fetch failed: broken gzip"),
        (b"photo", "gzip", "fetch failed: broken gzip"),
        (gzip.compress(b"photo") + b"more", "gzip", "fetch failed: broken gzip"),
        (gzip.compress(b"photo") * 2, "gzip", "fetch failed: broken gzip"),
        (zlib.compress(b"photo"), "deflate", "fetch failed: unknown encoding"),
        (b"photo", "br", "fetch failed: unknown encoding"),
    ],
)
def test_a_body_that_came_compressed(server: LocalServer, body: bytes, encoding: str, outcome: bytes | str) -> None:
    server.routes["/photo.jpg"] = Reply(body, headers={"Content-Encoding": encoding})
    web, *_ = world(server, {"shop.example": [PUBLIC]})
    with web:
        if isinstance(outcome, bytes):
            assert web.get("http://shop.example/photo.jpg", max_bytes=100).data == outcome
        else:
            with pytest.raises(FetchError) as caught:
                web.get("http://shop.example/photo.jpg", max_bytes=100)
            assert caught.value.cause == outcome


@pytest.mark.parametrize(
    "reply",
    [Reply(b"late", pause_s=3), Reply(b"x" * 100, drip_s=0.1)],
    ids=["silent", "drips"],
)
def test_a_slow_server_is_cut_off(server: LocalServer, reply: Reply) -> None:
    server.routes["/photo.jpg"] = reply
    web, *_ = world(server, {"shop.example": [PUBLIC]}, limits=QUICK)
    started = time.monotonic()
    with web, pytest.raises(FetchError) as caught:
        web.get("http://shop.example/photo.jpg", max_bytes=1000)
    assert (caught.value.cause, caught.value.again) == ("timed out", "soon")
    assert time.monotonic() - started < 2


def test_a_body_cut_short_is_said(server: LocalServer) -> None:
    server.routes["/photo.jpg"] = Reply(b"half", headers={"Content-Length": "8", "Connection": "close"})
    web, *_ = world(server, {"shop.example": [PUBLIC]}, limits=QUICK)
    with web, pytest.raises(FetchError) as caught:
        web.get("http://shop.example/photo.jpg", max_bytes=1000)
    assert caught.value.again == "soon"


@pytest.mark.parametrize(("host", "works"), [("shop.example", True), ("other.example", False)])
def test_tls_verifies_the_name_though_the_address_is_called(server: LocalServer, host: str, works: bool) -> None:
    speaks = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    speaks.load_cert_chain(HERE / "shop.example.pem")
    server.wrap(speaks)
    trusts = ssl.create_default_context(cafile=HERE / "shop.example.pem")
    web, relay, _ = world(server, {host: [PUBLIC]}, ssl_context=trusts)
    with web:
        if works:
            assert web.get(f"https://{host}/photo.jpg", max_bytes=99).data == b"photo"
        else:
            with pytest.raises(FetchError, match="certificate"):
                web.get(f"https://{host}/photo.jpg", max_bytes=99)
    assert relay.called == [(PUBLIC, 443)]


def test_a_certificate_nobody_vouches_for_is_refused(server: LocalServer) -> None:
    speaks = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    speaks.load_cert_chain(HERE / "shop.example.pem")
    server.wrap(speaks)
    web, *_ = world(server, {"shop.example": [PUBLIC]})
    with web, pytest.raises(FetchError, match="certificate"):
        web.get("https://shop.example/photo.jpg", max_bytes=99)


def test_how_to_allow_an_address_is_said_as_it_can_be_given(server: LocalServer) -> None:
    with Web(dial=Relay(server)) as web, pytest.raises(FetchError, match=r"allow \[::1\]:80 in allow_private"):
        web.get("http://[::1]/photo.jpg", max_bytes=99)
    with Web(dial=Relay(server), allow_private=["[::1]:80"]) as web:
        assert web.get("http://[::1]/photo.jpg", max_bytes=99).data == b"photo"


def test_what_stopping_cuts_short_is_not_taken_for_whole(server: LocalServer) -> None:
    backend = GuardedBackend((), Deadline(), look_up, Relay(server))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = backend.keep(SyncStream(ours))
        theirs.sendall(b"half of a body that has no length")
        assert stream.read(99, 5).startswith(b"half")
        Timer(0.2, backend.stop).start()
        with pytest.raises(httpcore.ReadError, match="stopped"):
            stream.read(99, 5)


def test_stopping_ends_a_request_that_waits_and_makes_no_more(server: LocalServer) -> None:
    server.routes["/photo.jpg"] = Reply(b"late", pause_s=5)
    web, *_ = world(server, {"shop.example": [PUBLIC]})
    started = time.monotonic()
    with web:
        Timer(0.3, web.stop).start()
        for _ in range(2):
            with pytest.raises(FetchError) as caught:
                web.get("http://shop.example/photo.jpg", max_bytes=99)
            assert caught.value.cause == "fetch failed: no connection"
    assert time.monotonic() - started < 3

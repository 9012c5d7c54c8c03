"""Politeness, back-off and what is kept on disk, on a local server, with a clock of our own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.builders.dumps import photo
from tests.builders.webserver import LocalServer, Reply

from catalens.core.errors import FetchError, SourceError
from catalens.core.web import USER_AGENT, Fetched, Web
from catalens.curate.fetch.crawl import Crawl
from catalens.curate.fetch.downloads import Downloads
from catalens.curate.fetch.hold import hold
from catalens.curate.fetch.polite import GIVE_UP_AFTER, LONGEST_WAIT_S, PoliteWeb, origin
from catalens.curate.fetch.settings import WebSettings

MAX = 10_000


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer({"/a.jpg": Reply(photo(1)), "/b.jpg": Reply(photo(2))}) as server:
        yield server


class Clock:
    """Time that passes only where somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        self.waits.append(round(seconds, 6))
        return False


def polite(server: LocalServer, clock: Clock, **settings: object) -> PoliteWeb:
    chosen = WebSettings(**{"delay_s": 0, **settings})
    return PoliteWeb(Web(allow_private=[server.address]), chosen, wait=clock.wait, clock=clock, chance=lambda: 1.0)


def test_robots_txt_is_asked_once_and_obeyed(server: LocalServer) -> None:
    server.routes["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /b")
    web = polite(server, Clock())
    assert web.get(f"{server.url}/a.jpg", max_bytes=MAX).data == photo(1)
    for _ in range(2):
        with pytest.raises(FetchError) as caught:
            web.get(f"{server.url}/b.jpg", max_bytes=MAX)
        assert (caught.value.cause, caught.value.again) == ("blocked by robots.txt", "later")
    assert server.paths() == ["/robots.txt", "/a.jpg"]
    assert {asked.headers["User-Agent"] for asked in server.asked} == {USER_AGENT}


def test_a_redirect_does_not_lead_past_robots_txt(server: LocalServer) -> None:
    server.routes |= {
        "/robots.txt": Reply(b"User-agent: *\nDisallow: /b"),
        "/to-b": Reply(status=302, headers={"Location": "/b.jpg"}),
    }
    with pytest.raises(FetchError, match=r"asks not to fetch /b\.jpg"):
        polite(server, Clock()).get(f"{server.url}/to-b", max_bytes=MAX)
    assert "/b.jpg" not in server.paths()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://Shop.example:80/a", "http://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("https://shop.example:80/a", "https://shop.example:80"),
        ("http://[::80]/a", "http://[::80]"),
        ("http://[::1", ""),
    ],
)
def test_whose_turn_a_url_takes(url: str, expected: str) -> None:
    assert origin(url) == expected


def test_own_hosts_may_be_written_in_capitals() -> None:
    assert WebSettings(own_hosts="CDN.example.com").own_hosts == ("cdn.example.com",)


def test_own_hosts_are_not_asked_for_robots_txt(server: LocalServer) -> None:
    server.routes["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /")
    web = polite(server, Clock(), own_hosts=["127.0.0.1"])
    assert web.get(f"{server.url}/a.jpg", max_bytes=MAX).data == photo(1)
    assert server.paths() == ["/a.jpg"]


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (Reply(status=404), None),
        (Reply(status=403), None),
        (Reply(status=503), "fetch failed: robots.txt HTTP 503"),
        (Reply(b"#" * 2_000_000), "too large"),
    ],
    ids=["none", "forbidden", "busy", "huge"],
)
def test_what_a_robots_txt_that_cannot_be_read_means(server: LocalServer, reply: Reply, cause: str | None) -> None:
    """RFC 9309, 2.3.1: where there is none everything may be fetched, where it is not known nothing."""
    server.routes["/robots.txt"] = reply
    web = polite(server, Clock(), attempts=2)
    if cause is None:
        assert web.get(f"{server.url}/a.jpg", max_bytes=MAX).data == photo(1)
        return
    for _ in range(3):
        with pytest.raises(FetchError) as caught:
            web.get(f"{server.url}/a.jpg", max_bytes=MAX)
        assert caught.value.cause == cause
    assert set(server.paths()) == {"/robots.txt"}
    assert len(server.paths()) <= 2


@pytest.mark.parametrize(
    ("robots", "delay_s"), [(b"", 0.5), (b"User-agent: *\nCrawl-delay: 3", 3)], ids=["ours", "robots"]
)
def test_a_host_gets_a_pause_between_requests(server: LocalServer, robots: bytes, delay_s: float) -> None:
    server.routes["/robots.txt"] = Reply(robots)
    clock = Clock()
    web = polite(server, clock, delay_s=0.5)
    for name in ("a", "b", "a"):
        web.get(f"{server.url}/{name}.jpg", max_bytes=MAX)
    assert clock.waits == [delay_s, delay_s]


def test_a_pause_of_hours_is_not_waited_for(server: LocalServer) -> None:
    server.routes["/robots.txt"] = Reply(b"User-agent: *\nCrawl-delay: 86400")
    clock = Clock()
    with pytest.raises(FetchError, match="86,400 s between two requests"):
        polite(server, clock).get(f"{server.url}/a.jpg", max_bytes=MAX)
    assert clock.waits == []


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_host_is_asked_again_ever_later(server: LocalServer, status: int) -> None:
    server.routes["/a.jpg"] = [Reply(status=status), Reply(status=status), Reply(photo(1))]
    clock = Clock()
    assert polite(server, clock).get(f"{server.url}/a.jpg", max_bytes=MAX).data == photo(1)
    assert clock.waits == [1, 2]


def test_patience_has_an_end(server: LocalServer) -> None:
    server.routes["/a.jpg"] = Reply(status=503)
    clock = Clock()
    with pytest.raises(FetchError) as caught:
        polite(server, clock, attempts=3).get(f"{server.url}/a.jpg", max_bytes=MAX)
    assert caught.value.cause == "fetch failed: HTTP 503"
    assert server.paths().count("/a.jpg") == 3


def test_what_is_not_there_is_asked_for_once(server: LocalServer) -> None:
    clock = Clock()
    with pytest.raises(FetchError):
        polite(server, clock).get(f"{server.url}/none.jpg", max_bytes=MAX)
    assert server.paths() == ["/robots.txt", "/none.jpg"]
    assert clock.waits == []


def test_retry_after_is_waited_for(server: LocalServer) -> None:
    server.routes["/a.jpg"] = [Reply(status=429, headers={"Retry-After": "30"}), Reply(photo(1))]
    clock = Clock()
    polite(server, clock).get(f"{server.url}/a.jpg", max_bytes=MAX)
    assert sum(clock.waits) == 30


def test_a_host_that_asks_for_an_hour_is_left_alone(server: LocalServer) -> None:
    server.routes["/a.jpg"] = Reply(status=503, headers={"Retry-After": "3600"})
    clock = Clock()
    web = polite(server, clock)
    for name in ("a", "b"):
        with pytest.raises(FetchError) as caught:
            web.get(f"{server.url}/{name}.jpg", max_bytes=MAX)
        assert (caught.value.cause, caught.value.again) == ("fetch failed: host asks to wait", "later")
    assert sum(clock.waits) < LONGEST_WAIT_S
    assert server.paths() == ["/robots.txt", "/a.jpg"]


def test_a_host_that_never_answers_is_given_up(server: LocalServer) -> None:
    server.routes |= {f"/down/{number}": Reply(status=503) for number in range(30)}
    web = polite(server, Clock(), attempts=2)
    causes = []
    for number in range(30):
        with pytest.raises(FetchError) as caught:
            web.get(f"{server.url}/down/{number}", max_bytes=MAX)
        causes.append(caught.value.cause)
    late = "fetch failed: host does not answer"
    assert causes == ["fetch failed: HTTP 503"] * GIVE_UP_AFTER + [late] * (30 - GIVE_UP_AFTER)
    assert len(server.paths()) == 1 + 2 * GIVE_UP_AFTER


def test_a_host_that_answers_now_and_then_is_not_given_up(server: LocalServer) -> None:
    server.routes |= {f"/{number}.jpg": Reply(photo(number), 503 if number % 5 else 200) for number in range(40)}
    web = polite(server, Clock(), attempts=1)
    fetched = []
    for number in range(40):
        with suppress(FetchError):
            fetched.append(web.get(f"{server.url}/{number}.jpg", max_bytes=MAX).data)
    assert fetched == [photo(number) for number in range(0, 40, 5)]


def test_a_stop_ends_the_waiting(server: LocalServer) -> None:
    server.routes["/a.jpg"] = Reply(status=503)
    web = PoliteWeb(Web(allow_private=[server.address]), WebSettings(), wait=lambda seconds: True)
    with pytest.raises(FetchError, match="stopped"):
        web.get(f"{server.url}/a.jpg", max_bytes=MAX)


def test_a_photo_is_found_again(tmp_path: Path) -> None:
    url = "http://shop.example/é.jpg"
    downloads = Downloads(tmp_path / "photos")
    assert downloads.find(url, max_bytes=MAX) is None
    kept = downloads.keep(url, Fetched("http://cdn.example/1.jpg", photo(1)))
    assert downloads.find(url, max_bytes=MAX) == kept
    assert kept.path is not None
    assert kept.path.read_bytes() == photo(1)
    record = json.loads(kept.path.with_suffix(".json").read_text(encoding="utf-8"))
    assert record["url"] == url
    assert (record["outcome"], record["final_url"]) == ("fetched", "http://cdn.example/1.jpg")


@pytest.mark.parametrize("damage", ["photo gone", "photo cut", "record cut", "record of another", "record no object"])
def test_what_is_damaged_is_fetched_again(tmp_path: Path, damage: str) -> None:
    url = "http://shop.example/1.jpg"
    downloads = Downloads(tmp_path)
    file = downloads.keep(url, Fetched(url, photo(1))).path
    assert file is not None
    record = file.with_suffix(".json")
    if damage == "photo gone":
        file.unlink()
    elif damage == "photo cut":
        file.write_bytes(photo(1)[:-1])
    elif damage == "record cut":
        record.write_bytes(record.read_bytes()[:-20])
    elif damage == "record no object":
        record.write_text("[]")
    else:
        record.write_text(record.read_text().replace("1.jpg", "2.jpg"))
    assert downloads.find(url, max_bytes=MAX) is None


def test_a_failure_is_remembered_for_the_limit_it_had(tmp_path: Path) -> None:
    downloads = Downloads(tmp_path)
    downloads.remember("http://x/1", FetchError("more than 10", cause="too large", again="never"), max_bytes=10)
    found = downloads.find("http://x/1", max_bytes=10)
    assert found is not None
    assert (found.path, found.cause, found.detail) == (None, "too large", "more than 10")
    assert downloads.find("http://x/1", max_bytes=11) is None
    (record,) = tmp_path.glob("*/*.json")
    record.write_text(record.read_text().replace('"max_bytes": 10', '"max_bytes": null'))
    assert downloads.find("http://x/1", max_bytes=10) is None


def test_two_ingests_do_not_fetch_into_one_folder(tmp_path: Path) -> None:
    with hold(tmp_path / "photos"), pytest.raises(SourceError, match="another process"), hold(tmp_path / "photos"):
        pass
    with hold(tmp_path / "photos"):
        pass


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_folder_that_cannot_be_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SourceError, match="no folder to fetch into") as caught, hold(tmp_path / name):
        pass
    assert caught.value.source == str(tmp_path / name)


def crawl(folder: Path, server: LocalServer, urls: list[str], **settings: object) -> tuple[list[str], Crawl]:
    """(what came of every URL, the crawl)."""
    chosen = WebSettings(**{"allow_private": server.address, "delay_s": 0, "attempts": 1, **settings})
    with Crawl(Downloads(folder), chosen, max_bytes=MAX) as crawling:
        futures = [crawling.submit(url) for url in urls]
        return [kept.cause or "photo" for kept in (future.result(20) for future in futures)], crawling


def test_what_comes_of_urls(tmp_path: Path, server: LocalServer) -> None:
    server.routes |= {
        "/page": Reply(b"<html>not found</html>"),
        "/huge.jpg": Reply(photo(1) + bytes(MAX)),
        "/busy.jpg": Reply(status=503),
    }
    names = ["a.jpg", "none.jpg", "page", "huge.jpg", "busy.jpg", "a.jpg"]
    urls = [*(f"{server.url}/{name}" for name in names), "http://10.0.0.1/x.jpg", "nonsense://x", "http://[::1"]
    expected = [
        "photo", "fetch failed: HTTP 404", "not a photo", "too large", "fetch failed: HTTP 503", "photo",
        "address not allowed", "not a usable URL", "not a usable URL",
    ]  # fmt: skip
    outcomes, first = crawl(tmp_path, server, urls)
    assert outcomes == expected
    assert first.counts == {"fetched": 1, "failed": 5, "to try again": 2}
    asked = server.paths()
    assert asked.count("/a.jpg") == 1
    outcomes, _ = crawl(tmp_path, server, urls)
    assert outcomes == expected
    assert sorted(server.paths()[len(asked) :]) == ["/busy.jpg", "/robots.txt"]  # what may have changed
    server.routes["/none.jpg"] = Reply(photo(3))
    outcomes, third = crawl(tmp_path, server, urls[:2], retry_failed=True)
    assert outcomes == ["photo", "photo"]
    assert third.counts == {"on disk": 1, "fetched": 1}


def test_a_slow_host_leaves_connections_to_others(tmp_path: Path) -> None:
    """Two of three connections may wait for one host: its photos come only when those of the other host are there."""
    others_are_there = threading.Event()

    def slow(asked: object) -> Reply:
        assert others_are_there.wait(20)
        return Reply(photo(1))

    with (
        LocalServer({f"/{number}.jpg": slow for number in range(8)}) as slowly,
        LocalServer({f"/{number}.jpg": Reply(photo(number)) for number in range(20)}) as quickly,
    ):
        settings = WebSettings(allow_private=(slowly.address, quickly.address), delay_s=0, connections=3, per_host=2)
        with Crawl(Downloads(tmp_path), settings, max_bytes=MAX) as crawling:
            late = [crawling.submit(f"{slowly.url}{path}") for path in slowly.routes]
            soon = [crawling.submit(f"{quickly.url}{path}") for path in quickly.routes]
            assert all(future.result(20).path for future in soon)
            others_are_there.set()
            assert all(future.result(20).path for future in late)
    assert slowly.busiest == 2
    assert quickly.busiest <= 2


def test_leaving_does_not_wait_for_all_that_was_asked_for(tmp_path: Path) -> None:
    started = threading.Event()

    def slow(asked: object) -> Reply:
        started.set()
        return Reply(photo(1), pause_s=0.05)

    with LocalServer({f"/{number}.jpg": slow for number in range(200)}) as server:
        settings = WebSettings(allow_private=server.address, delay_s=0, connections=2)
        with Crawl(Downloads(tmp_path), settings, max_bytes=MAX) as crawling:
            for number in range(200):
                crawling.submit(f"{server.url}/{number}.jpg")
            started.wait(5)
        assert len(server.asked) < 20


def test_leaving_does_not_wait_for_a_server_that_says_nothing(tmp_path: Path) -> None:
    asked = threading.Event()

    def silent(_: object) -> Reply:
        asked.set()
        return Reply(photo(1), pause_s=5)

    with LocalServer({"/1.jpg": silent}) as server:
        settings = WebSettings(allow_private=server.address, delay_s=0)
        with Crawl(Downloads(tmp_path), settings, max_bytes=MAX) as crawling:
            crawling.submit(f"{server.url}/1.jpg")
            assert asked.wait(5)
            left = time.monotonic()
        assert time.monotonic() - left < 2

"""Fetching with manners: robots.txt, a pause between two requests to one host, patience with a host that is busy."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from catalens.core.errors import FetchError
from catalens.core.web import TOO_LARGE, Fetched, Web
from catalens.curate.fetch.robots import Robots
from catalens.curate.fetch.settings import WebSettings

BACK_OFF_S = 1.0  # before the second attempt, doubled before each other
LONGEST_WAIT_S = 120.0  # for one request; a host that asks for more is left for another run
GIVE_UP_AFTER = 10  # requests in a row to a host that had no answer: the others are left for another run
ROBOTS_BYTES = 2**20  # RFC 9309 asks to read at least half of it
BLOCKED = "blocked by robots.txt"
_USUAL_PORT = {"http": ":80", "https": ":443"}


class _Host:
    """What is known of one host; `lock` is held while it is changed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.robots: Robots | FetchError | None = None  # None: not asked yet
        self.next_at = 0.0  # when the next request may be made
        self.closed_until = 0.0  # what the host asked for
        self.misses = 0  # requests in a row that had no answer after all attempts


class PoliteWeb:
    """A `Web` for many threads.  Time and chance are arguments; `wait` returns True if we are to stop."""

    def __init__(
        self,
        web: Web,
        settings: WebSettings,
        *,
        wait: Callable[[float], bool],
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._web = web
        self._settings = settings
        self._wait, self._clock, self._chance = wait, clock, chance
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()

    def get(self, url: str, *, max_bytes: int) -> Fetched:
        """The file behind a URL, after several attempts where that helps.  Raises FetchError."""
        return self._patiently(url, lambda: self._web.get(url, max_bytes=max_bytes, before=self._admit))

    def _patiently(self, url: str, fetch: Callable[[], Fetched]) -> Fetched:
        attempt = 1
        while True:
            try:
                fetched = fetch()
            except FetchError as error:
                if error.wait_s:
                    self._host(url).closed_until = self._clock() + error.wait_s
                if error.again == "never":  # that is an answer
                    self._host(url).misses = 0
                if error.again != "soon":
                    raise
                if attempt == self._settings.attempts:
                    self._host(url).misses += 1
                    raise
            else:
                self._host(url).misses = 0
                return fetched
            # half of it by chance: what was asked together is not asked again together
            self._pause(BACK_OFF_S * 2 ** (attempt - 1) * (0.5 + self._chance() / 2), url)
            attempt += 1

    def _admit(self, url: str) -> None:
        """Wait until a request may be made.  Raises FetchError if it may not."""
        parts, host = urlsplit(url), self._host(url)
        delay = self._settings.delay_s
        if not {parts.hostname, parts.netloc} & set(self._settings.own_hosts):
            robots = self._robots(url, host)
            target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
            if not robots.allows(target):
                raise FetchError(f"{parts.netloc} asks not to fetch {target}", cause=BLOCKED, source=url)
            if robots.delay_s > LONGEST_WAIT_S:
                asked = f"{parts.netloc} asks for {robots.delay_s:,.0f} s between two requests"
                raise FetchError(asked, cause=BLOCKED, source=url)
            delay = max(delay, robots.delay_s)
        if host.misses >= GIVE_UP_AFTER:
            asked = f"{parts.netloc} did not answer {host.misses} requests in a row"
            raise FetchError(asked, cause="fetch failed: host does not answer", source=url)
        with host.lock:
            now = self._clock()
            if host.closed_until - now > LONGEST_WAIT_S:
                asked = f"{parts.netloc} asks to wait {host.closed_until - now:,.0f} s"
                raise FetchError(asked, cause="fetch failed: host asks to wait", source=url)
            at = max(now, host.next_at, host.closed_until)
            host.next_at = at + delay
        self._pause(at - now, url)

    def _robots(self, url: str, host: _Host) -> Robots:
        """The host's robots.txt, fetched once.  Raises FetchError where it is not known what it asks for."""
        with host.lock:
            if host.robots is None:
                try:
                    host.robots = self._ask_robots(url)
                except FetchError as error:  # an answer too: a host that is down is not asked again for each photo
                    host.robots = error
            robots = host.robots
        if isinstance(robots, FetchError):
            raise FetchError(robots.message, cause=robots.cause, source=url)
        return robots

    def _ask_robots(self, url: str) -> Robots:
        address = f"{origin(url)}/robots.txt"
        try:
            fetched = self._patiently(address, lambda: self._web.get(address, max_bytes=ROBOTS_BYTES))
        except FetchError as error:
            if error.again == "never" and error.cause != TOO_LARGE:  # RFC 9309, 2.3.1.3: there is none
                return Robots()
            cause = error.cause.replace("fetch failed: HTTP", "fetch failed: robots.txt HTTP")
            raise FetchError(f"{address}: {error.message}", cause=cause, source=url) from None
        return Robots.parse(fetched.data.decode("utf-8", "replace"))

    def _host(self, url: str) -> _Host:
        with self._lock:
            return self._hosts.setdefault(origin(url), _Host())

    def _pause(self, seconds: float, url: str) -> None:
        if seconds > 0 and self._wait(seconds):
            raise FetchError("the ingest was stopped", cause="stopped", source=url)


def origin(url: str) -> str:
    """Scheme, host and unusual port: what has a robots.txt and a turn of its own.  What is no URL is nobody's: ""."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(_USUAL_PORT.get(parts.scheme, ''))}"

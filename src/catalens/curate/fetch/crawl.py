"""Many photos at once, few of them from one host, each fetched once."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from concurrent.futures import Future, ThreadPoolExecutor

from catalens.core.errors import FetchError
from catalens.core.formats import is_photo
from catalens.core.web import Limits, Web
from catalens.curate.fetch.downloads import Downloads, Kept
from catalens.curate.fetch.polite import PoliteWeb, origin
from catalens.curate.fetch.settings import WebSettings

NOT_A_PHOTO = "not a photo"


class Crawl:
    """Fetches what is submitted into a folder, in `connections` threads; a context.

    A host that is slow holds up `per_host` threads and no more: the others go on with other hosts.  `counts` says what
    came of the URLs so far: "fetched", "on disk", "failed", "to try again".
    """

    def __init__(self, downloads: Downloads, settings: WebSettings, *, max_bytes: int) -> None:
        self.counts: Counter[str] = Counter()
        self._downloads = downloads
        self._settings = settings
        self._max_bytes = max_bytes
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._pending: dict[str, deque[tuple[str, Future[Kept]]]] = defaultdict(deque)
        self._running: Counter[str] = Counter()
        self._under_way: dict[str, Future[Kept]] = {}
        self._failed: dict[str, Kept] = {}  # in this run: one URL in many rows is asked for once

    def __enter__(self) -> Crawl:
        settings = self._settings
        limits = Limits(
            connect_s=min(10.0, settings.timeout_s), read_s=min(20.0, settings.timeout_s), total_s=settings.timeout_s
        )
        self._web = Web(allow_private=settings.allow_private, limits=limits, connections=settings.connections)
        self._polite = PoliteWeb(self._web, settings, wait=self._stop.wait)
        self._pool = ThreadPoolExecutor(settings.connections, thread_name_prefix="fetch")
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._web.stop()  # a thread may hang on a server that says nothing
        self._pool.shutdown(cancel_futures=True)
        self._web.close()

    def submit(self, url: str) -> Future[Kept]:
        """What will be known of a URL: from disk at once, else when its host's turn has come.  For one thread."""
        with self._lock:
            if url in self._under_way:
                return self._under_way[url]
        future: Future[Kept] = Future()
        kept = self._failed.get(url) or self._on_disk(url)
        if kept is not None:
            future.set_result(kept)
            return future
        host = origin(url)
        with self._lock:
            self._under_way[url] = future
            self._pending[host].append((url, future))
            if self._running[host] < self._settings.per_host:
                self._running[host] += 1
                self._pool.submit(self._next, host)
        return future

    def _on_disk(self, url: str) -> Kept | None:
        kept = self._downloads.find(url, max_bytes=self._max_bytes)
        if kept is None or (kept.path is None and self._settings.retry_failed):
            return None
        self._count("on disk" if kept.path else "failed")
        return kept

    def _next(self, host: str) -> None:
        """Fetch the next photo of a host, then get back in line."""
        with self._lock:
            url, future = self._pending[host].popleft()
        try:
            future.set_result(self._fetch(url))
        except BaseException as error:  # handed on to who waits for it
            future.set_exception(error)
        with self._lock:
            self._under_way.pop(url)
            if self._pending[host] and not self._stop.is_set():
                self._pool.submit(self._next, host)
            else:
                self._running[host] -= 1

    def _fetch(self, url: str) -> Kept:
        try:
            fetched = self._polite.get(url, max_bytes=self._max_bytes)
            if not is_photo(fetched.data):  # a page that says "not found" with status 200
                raise FetchError(f"begins with {fetched.data[:24]!r}", cause=NOT_A_PHOTO, again="never", source=url)
        except FetchError as error:
            if error.again == "never":
                self._downloads.remember(url, error, max_bytes=self._max_bytes)
            self._count("failed" if error.again == "never" else "to try again")
            kept = Kept(None, error.cause, error.message)
            self._failed[url] = kept
            return kept
        self._count("fetched")
        return self._downloads.keep(url, fetched)

    def _count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

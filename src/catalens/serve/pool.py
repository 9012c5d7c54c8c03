"""The only place where a request waits: a few threads, a queue of known length, and a plain no beyond it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import ParamSpec, TypeVar

from catalens.core.errors import Overloaded

P = ParamSpec("P")
R = TypeVar("R")


class Pool:
    """`workers` pieces of work at a time and `queue` waiting.  Used from one event loop."""

    def __init__(self, workers: int, queue: int) -> None:
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="catalens")
        self._room = workers + queue
        self._taken = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for one request, taken before its body is read: so many bodies are in memory at most, and a refusal
        costs nothing.  Raises Overloaded if there is none."""
        if self._taken >= self._room:
            raise Overloaded(f"{self._taken} requests are running or waiting, the most this service holds; try again")
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What `work` returns, from one of the threads; the caller holds a place."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, partial(work, *args, **kwargs))

    def close(self) -> None:
        """Let what runs end, and start nothing more."""
        self._executor.shutdown(wait=True, cancel_futures=True)

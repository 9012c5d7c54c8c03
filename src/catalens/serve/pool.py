"""The only place where a request waits: a few threads, a queue of known length, and a plain no beyond it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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

    def check(self) -> None:
        """Raises Overloaded if there is no room: asked before a body is read, so that a refusal costs nothing."""
        if self._taken >= self._room:
            raise Overloaded(f"{self._taken} requests are running or waiting, the most this service holds; try again")

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What `work` returns, from one of the threads.  Raises Overloaded."""
        self.check()
        self._taken += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, partial(work, *args, **kwargs))
        finally:
            self._taken -= 1

    def close(self) -> None:
        """Let what runs end, and start nothing more."""
        self._executor.shutdown(wait=True, cancel_futures=True)

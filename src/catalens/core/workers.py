"""Worker processes that never outlive their parent, however it ends; and threads that work ahead, in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Worker(SpawnProcess):
    """Deaf to Ctrl-C, which the terminal sends to all processes at once: their parent ends them, in order."""

    def start(self) -> None:
        mask = getattr(signal, "pthread_sigmask", None)
        if mask is None:  # Windows
            super().start()
            return
        before = mask(signal.SIG_BLOCK, {signal.SIGINT})  # the new process begins with the same mask
        try:
            super().start()
        finally:
            mask(signal.SIG_SETMASK, before)


class _Spawn(SpawnContext):
    Process = _Worker


# spawned: the process may hold threads, which a fork would leave locked
SPAWN = _Spawn()


def worker_pool(workers: int, start: Callable[..., object] | None = None, *given: Any) -> ProcessPoolExecutor:
    """A pool of spawned processes, begun when there is work; each calls `start(*given)` first."""
    return ProcessPoolExecutor(workers, mp_context=SPAWN, initializer=_begin, initargs=(start, given))


def side_by_side(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int, *, name: str
) -> Generator[Result, None, None]:
    """`work` of each item, in order, on so many threads, which are two items each ahead and no more.

    Raises what `work` raises, at its item's turn.  Closing it drops what was not begun and waits for the rest.
    """
    ahead: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
    try:
        for item in items:
            ahead.append(pool.submit(work, item))
            if len(ahead) > 2 * threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(start: Callable[..., object] | None, given: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where there are no masks
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if start is not None:
        start(*given)


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for ever for its next task."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

"""Work done ahead in a few threads, never more than a window of it, and handed out in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(
    work: Callable[[Item], Result], items: Iterable[Item], *, threads: int = 4, window: int = 64
) -> Iterator[Result]:
    """`map(work, items)` with up to `window` results waiting; `items` is read no further than that.

    What `work` raises is raised here, at its turn.
    """
    source = iter(items)
    with ThreadPoolExecutor(threads, thread_name_prefix="ahead") as pool:
        waiting: deque[Future[Result]] = deque(pool.submit(work, item) for item in islice(source, window))
        try:
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(pool.submit(work, item) for item in islice(source, 1))
        finally:  # the reader stopped early, or a piece of work failed: start nothing more
            for future in waiting:
                future.cancel()

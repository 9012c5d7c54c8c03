"""How a long job says where it is, without knowing who listens: a terminal bar, a log, or nobody."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called from time to time with work done so far; `total` is None where it is not known."""

    def __call__(self, done: int, total: int | None = None, note: str = "") -> None: ...


def silent(done: int, total: int | None = None, note: str = "") -> None:
    """Nobody listens."""

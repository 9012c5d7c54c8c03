"""What stops a training run from outside, said in words: no memory, a full disk."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from catalens.core.errors import TrainingError

_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "alloc_cpu", "cannot allocate memory")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def explained(folder: Path, *, batch: int, accumulate: int) -> Iterator[None]:
    """Turns running out of memory or disk into a TrainingError that says what to do; all else passes."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch's own class for a GPU is a RuntimeError
        if not is_out_of_memory(error):
            raise
        smaller, cause = max(2, batch // 2), (str(error) or type(error).__name__).splitlines()[0][:120]
        raise TrainingError(
            f"no memory for batches of {batch} ({cause}); go on with fewer photos at a time "
            f"and the same step: --batch {smaller} --set train.accumulate={2 * accumulate}, a smaller --size, "
            "or --batch auto, in another run folder",
            source=str(folder),
            key="batch",
        ) from error
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise TrainingError(
            f"no room on the disk ({error.strerror}); the last whole checkpoint is kept: make room, then go on with "
            "--resume",
            source=str(folder),
        ) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Is it what torch raises where memory of a GPU or of the machine ran out?"""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY)

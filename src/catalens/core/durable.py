"""Writing a file or a folder so that a kill or a power cut leaves the old one or the new one, never half of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalens.core.lock import alone_in


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a file name ending in ".partial" to write to; on leaving, that file is flushed and named `path`."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        yield partial
        flush(partial)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    flush(path.parent)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yields an empty folder beside `path` to fill; on leaving, its files are flushed and the folder is named `path`.

    A folder that had the name is kept until the new one has it; a kill between the two renames leaves it under the
    name ".NAME.old", from where the next call puts it back.  Raises BlockingIOError while another process writes there.
    """
    partial, old = path.with_name(f".{path.name}.partial"), path.with_name(f".{path.name}.old")
    partial.mkdir(parents=True, exist_ok=True)
    with alone_in(partial):
        if old.exists() and not path.exists():
            old.replace(path)
        try:
            _clear(partial)  # of what a kill left
            yield partial
            for file in [*partial.rglob("*"), partial]:
                flush(file)
            if path.exists():
                shutil.rmtree(old, ignore_errors=True)
                path.replace(old)
                try:
                    partial.replace(path)
                except BaseException:
                    old.replace(path)
                    raise
                shutil.rmtree(old)
            else:
                partial.replace(path)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    flush(path.parent)


def _clear(folder: Path) -> None:
    """Delete all that is in a folder."""
    for found in folder.iterdir():
        if found.is_dir() and not found.is_symlink():
            shutil.rmtree(found)
        else:
            found.unlink()


def flush(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    if path.is_dir() and os.name == "nt":  # Windows opens no folders
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

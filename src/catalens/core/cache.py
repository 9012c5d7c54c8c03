"""What lies in the cache folder, and taking it away again.

Only what looks like Catalens's own is seen: what else is in a folder that was named by mistake stays.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from catalens.core.lock import LOCK_NAME

SQUARES, FROZEN, MODELS, DATASETS = "squares", "frozen", "models", "datasets"
KINDS = {
    SQUARES: "decoded photos, by training",
    FROZEN: "outputs of frozen layers, by training",
    MODELS: "bundles fetched from a registry",
    DATASETS: "public data sets",
}
ROWS, LOCK = ".rows", ".lock"  # a file of rows, and what keeps others out while it is filled
DOOMED = ".doomed"  # what was half taken away when a process ended: no reader looks for such a name
_ROWS_OR_LOCK = re.compile(rf"[0-9a-f]{{32}}({re.escape(ROWS)}|{re.escape(LOCK)})")


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing in the cache: its size on disk in bytes, and the days since it was last used."""

    kind: str
    path: Path
    size: int
    idle_days: float


def touch(path: Path) -> None:
    """Note that it is used now: `kept` goes by the time of change, for many disks keep no time of reading."""
    with contextlib.suppress(OSError):  # a cache that only its owner may change
        os.utime(path)


def kept(root: Path, kinds: Sequence[str] = tuple(KINDS), *, now: float | None = None) -> list[Kept]:
    """Everything of these kinds below the cache folder `root`, by kind and size, the largest first."""
    now = time.time() if now is None else now
    found = [_described(kind, path, now) for kind in kinds for path in _things(root / kind, kind)]
    return sorted(found, key=lambda thing: (list(KINDS).index(thing.kind), -thing.size, thing.path))


def remove(thing: Kept) -> None:
    """Take it away: first its name, so that a kill leaves nothing that looks whole.  Raises OSError."""
    doomed = thing.path
    if doomed.suffix != DOOMED:
        doomed = thing.path.with_name(f"{thing.path.name}{DOOMED}")
        _delete(doomed)
        thing.path.replace(doomed)
    _delete(doomed)
    if thing.path.suffix == ROWS:
        thing.path.with_suffix(LOCK).unlink(missing_ok=True)
    if thing.kind == MODELS:
        with contextlib.suppress(OSError):  # other versions are in the model's folder
            thing.path.parent.rmdir()


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _things(folder: Path, kind: str) -> Iterator[Path]:
    for inner in _entries(folder) if kind == MODELS else [folder]:  # a folder a model, a thing a version
        yield from (path for path in _entries(inner) if _own(path, kind))


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder; nothing where it is none, or a link, which leads elsewhere."""
    return sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []


def _own(path: Path, kind: str) -> bool:
    """Did Catalens make it?"""
    from catalens.core.bundle import MANIFEST  # not above: `catalens cache --help` needs none of what comes with it

    if path.is_symlink():
        return False
    if path.is_dir():
        mark = {MODELS: MANIFEST, DATASETS: LOCK_NAME}.get(kind)  # which each of them has from the first
        return mark is not None and (path.suffix == DOOMED or (path / mark).is_file())
    if kind not in (SQUARES, FROZEN) or not _ROWS_OR_LOCK.fullmatch(path.name.removesuffix(DOOMED)):
        return False
    return path.suffix != LOCK or not path.with_suffix(ROWS).exists()  # a lock goes with its rows


def _described(kind: str, path: Path, now: float) -> Kept:
    size, used = 0, 0.0
    for file in [path, *(path.rglob("*") if path.is_dir() else ())]:
        with contextlib.suppress(FileNotFoundError):  # another process has just taken it away
            fact = file.lstat()
            size += getattr(fact, "st_blocks", -(-fact.st_size // 512)) * 512
            used = max(used, fact.st_mtime)
    return Kept(kind, path, size, max(0.0, (now - used) / 86_400))

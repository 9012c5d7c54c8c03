"""What lies in the cache folder, and taking it away again.

Only what Catalens puts there is looked at: a folder that was named by mistake loses nothing.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# kind -> (how deep below its folder one thing lies, what it is)
KINDS: dict[str, tuple[int, str]] = {
    "squares": (1, "decoded photos, by training"),
    "frozen": (1, "outputs of frozen layers, by training"),
    "models": (2, "bundles fetched from a registry"),
    "datasets": (1, "public data sets"),
}
LOCK = ".lock"
DOOMED = ".doomed"  # what was half taken away when a process ended: no reader looks for such a name


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing in the cache: its size on disk in bytes, and the days since it was last read or written."""

    kind: str
    path: Path
    size: int
    idle_days: float


def kept(root: Path, kinds: Sequence[str] = tuple(KINDS), *, now: float | None = None) -> list[Kept]:
    """Everything of these kinds below the cache folder `root`, by kind and size, the largest first."""
    now = time.time() if now is None else now
    found = [_described(kind, path, now) for kind in kinds for path in _things(root / kind, KINDS[kind][0])]
    return sorted(found, key=lambda thing: (list(KINDS).index(thing.kind), -thing.size, thing.path))


def remove(thing: Kept) -> None:
    """Take it away: first its name, so that a kill leaves nothing that looks whole.  Raises OSError."""
    doomed = thing.path if thing.path.name.endswith(DOOMED) else thing.path.with_name(f"{thing.path.name}{DOOMED}")
    if doomed != thing.path:
        thing.path.replace(doomed)
    if doomed.is_dir():
        shutil.rmtree(doomed)
    else:
        doomed.unlink(missing_ok=True)
        thing.path.with_suffix(LOCK).unlink(missing_ok=True)


def _things(folder: Path, depth: int) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.is_symlink():  # it leads elsewhere
            continue
        if path.suffix == LOCK and path.with_suffix(".rows").exists():  # goes with that file
            continue
        if depth == 1 or path.name.endswith(DOOMED) or not path.is_dir():
            yield path
        else:
            yield from _things(path, depth - 1)


def _described(kind: str, path: Path, now: float) -> Kept:
    files = [path] if not path.is_dir() else [file for file in path.rglob("*") if file.is_file()]
    facts = [file.lstat() for file in files]
    size = sum(getattr(fact, "st_blocks", -(-fact.st_size // 512)) * 512 for fact in facts)
    used = max((max(fact.st_atime, fact.st_mtime) for fact in facts), default=path.lstat().st_mtime)
    return Kept(kind, path, size, max(0.0, (now - used) / 86_400))

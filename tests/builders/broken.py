"""A dump with something wrong in it, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from catalens.curate.sources import IngestSettings
from tests.builders.dumps import photo, write

GOOD = {"a/1.jpg": photo(1), "b/2.jpg": photo(2)}  # two products that must come through whatever else is there


@dataclass(frozen=True)
class Broken:
    """`build(folder)` gives the dump.  Either `error` is in the message, or so many products are kept and the rest
    is counted: `set_aside` rows, `findings` besides.
    """

    build: Callable[[Path], Path]
    error: str | None = None
    products: int = 2
    set_aside: Mapping[str, int] = field(default_factory=dict)
    findings: Mapping[str, int] = field(default_factory=dict)
    settings: IngestSettings = field(default_factory=IngestSettings)


def files(contents: Mapping[str, bytes | str], path: str = "") -> Callable[[Path], Path]:
    """A dump of these files; `path` is the one to be named, else it is their folder."""
    return lambda root: write(root / "dump", contents) / path


def set_aside(cause: str, finding: str | None = None) -> dict[str, Mapping[str, int]]:
    """One row set aside; one finding that says why, where there is one."""
    return {"set_aside": {cause: 1}, "findings": {finding: 1} if finding else {}}

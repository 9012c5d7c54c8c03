"""Where Catalens keeps what can be made or fetched again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def user_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """`CATALENS_CACHE`, else the folder "catalens" in the user's cache folder as the platform has it."""
    if own := environment.get("CATALENS_CACHE"):
        return Path(own)
    if os.name == "nt":
        base = environment.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    else:
        base = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "catalens"

"""What was fetched, on disk: for every URL a small record, and the photo beside it.

    aa/aa31...f0.json     what came of the URL: {"url", "outcome", "final_url", "sha256", "bytes", "when"}
    aa/aa31...f0.photo    the bytes

A name is the sha256 of the URL.  The record is written last, each file gets its name only once it is whole: so a photo
counts when its record is there, and a `kill -9` at any moment leaves nothing that looks whole and is not.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from catalens.core.durable import replacing
from catalens.core.errors import FetchError
from catalens.core.web import Fetched

FETCHED, FAILED = "fetched", "failed"


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of one URL: the file with its photo, or why there will be none."""

    path: Path | None
    cause: str = ""
    detail: str = ""


class Downloads:
    """A folder of photos by URL.  One process at a time may write to it; see `hold`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, url: str, *, max_bytes: int) -> Kept | None:
        """What an earlier run left; None if the URL is to be fetched: also one that was too large for a lower limit."""
        record = _read(self._path(url, "json"))
        if record.get("url") != url:
            return None
        if record.get("outcome") == FAILED:
            limit = record.get("max_bytes")
            known = isinstance(limit, int) and limit >= max_bytes
            return Kept(None, str(record.get("cause")), str(record.get("detail"))) if known else None
        photo = self._path(url, "photo")
        try:
            whole = photo.stat().st_size == record.get("bytes")
        except OSError:
            return None
        return Kept(photo) if whole else None

    def keep(self, url: str, fetched: Fetched) -> Kept:
        """Write a photo, then its record."""
        photo = self._path(url, "photo")
        photo.parent.mkdir(parents=True, exist_ok=True)
        with replacing(photo) as partial:
            partial.write_bytes(fetched.data)
        found = {"final_url": fetched.url, "sha256": hashlib.sha256(fetched.data).hexdigest()}
        self._record(url, {"outcome": FETCHED, **found, "bytes": len(fetched.data)})
        return Kept(photo)

    def remember(self, url: str, error: FetchError, *, max_bytes: int) -> None:
        """Write down that there is no photo behind a URL, so that no later run asks again."""
        self._path(url, "json").parent.mkdir(parents=True, exist_ok=True)
        about = {"cause": error.cause, "detail": error.message, "max_bytes": max_bytes}
        self._record(url, {"outcome": FAILED, **about})

    def _record(self, url: str, values: dict[str, Any]) -> None:
        text = json.dumps({"url": url, **values, "when": datetime.now(UTC).isoformat(timespec="seconds")}, indent=1)
        with replacing(self._path(url, "json")) as partial:
            partial.write_text(text, encoding="utf-8")

    def _path(self, url: str, kind: str) -> Path:
        name = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()
        return self.folder / name[:2] / f"{name}.{kind}"


def _read(path: Path) -> dict[str, Any]:
    """A record; empty where there is none, or none that can be read: the URL is then fetched again."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}

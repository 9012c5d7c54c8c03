"""One large file from the web to disk: resumed where it was interrupted, verified before it gets its name."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from catalens.core.durable import flush, replacing
from catalens.core.errors import FetchError, SourceError
from catalens.core.progress import Progress
from catalens.core.web import NO_CONNECTION, Answer, Web, http_error
from catalens.curate.datasets.table import RemoteFile

ATTEMPTS = 5
BACK_OFF_S = 1.0  # before the second attempt, doubled before each other
_MB = 10**6
_NUMBER = re.compile("[0-9]{1,18}")


def download(
    file: RemoteFile, path: Path, web: Web, progress: Progress, *, sleep: Callable[[float], object] = time.sleep
) -> str:
    """Fetch a file to `path` unless it is there; its sha256.

    While it comes it is called "NAME.part"; a run that was interrupted is gone on with, by a Range request, if the file
    has not changed at the server since.  Raises FetchError, or SourceError if size or checksum are not what was
    published.
    """
    known = _read(_record(path))
    if path.is_file() and known.get("bytes") == path.stat().st_size and known.get("url") == file.url:
        return str(known["sha256"])
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _fetch(file, part, web, progress)
            break
        except FetchError as error:
            if error.again != "soon" or attempt == ATTEMPTS:
                raise
            sleep(max(BACK_OFF_S * 2 ** (attempt - 1), min(error.wait_s or 0, 120)))
    digest = _verified(file, part)
    flush(part)
    part.replace(path)
    flush(path.parent)
    about = {"url": file.url, "bytes": path.stat().st_size, "sha256": digest, "published": file.sha256 is not None}
    _write(_record(path), {**about, "when": datetime.now(UTC).isoformat(timespec="seconds")})
    _version(part).unlink(missing_ok=True)
    return digest


def _fetch(file: RemoteFile, part: Path, web: Web, progress: Progress) -> None:
    """Append to the part what is missing, or write it afresh."""
    begun = part.stat().st_size if part.is_file() else 0
    version = _read(_version(part)).get("version") if begun else None
    if begun and begun == file.bytes:
        return
    # If-Range: the rest only if it is the rest of the same file, else all of it
    headers = {"Range": f"bytes={begun}-", "If-Range": version} if begun and version else {}
    with web.stream(file.url, headers=headers) as answer:
        if answer.status == 206 and _starts_at(answer) == begun:
            total = begun + _length(answer)
        elif answer.status == 200:
            begun, total = 0, _length(answer)
            part.unlink(missing_ok=True)  # before its version is changed: a part is always of the version noted
            _write(_version(part), {"version": _version_of(answer)})
        elif answer.status in (206, 416):  # the part does not fit the file any more
            part.unlink(missing_ok=True)
            raise FetchError(f"HTTP {answer.status} for a part", cause=NO_CONNECTION, again="soon", source=file.url)
        else:
            raise http_error(answer, file.url)
        done = begun
        with part.open("ab") as target:
            for chunk in answer.chunks:
                target.write(chunk)
                done += len(chunk)
                if file.bytes is not None and done > file.bytes:
                    break
                progress(done // _MB, total // _MB or None, f"MB of {file.file_name}")


def _verified(file: RemoteFile, part: Path) -> str:
    """The sha256; a file that is not what was published is deleted.  Raises SourceError."""
    size = part.stat().st_size
    if file.bytes is not None and size != file.bytes:
        part.unlink()
        raise SourceError(f"expected {file.bytes:,} bytes, got {size:,}; it was deleted", source=file.url)
    with part.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
    if file.sha256 is not None and digest != file.sha256:
        part.unlink()
        message = (
            f"expected sha256 {file.sha256}, got {digest}; it was deleted: damaged, or another file than published"
        )
        raise SourceError(message, source=file.url)
    return digest


def _version_of(answer: Answer) -> str | None:
    """What a server calls this version of the file, fit for If-Range: a weak ETag is not (RFC 9110, 13.1.5)."""
    tag = answer.headers.get("etag", "")
    return tag if tag.startswith('"') and tag.isascii() else answer.headers.get("last-modified")


def _starts_at(answer: Answer) -> int | None:
    """The first byte of a 206 answer: "bytes 100-199/200" -> 100."""
    first = answer.headers.get("content-range", "").removeprefix("bytes ").partition("-")[0]
    return int(first) if _NUMBER.fullmatch(first) else None


def _length(answer: Answer) -> int:
    length = answer.headers.get("content-length", "")
    return int(length) if _NUMBER.fullmatch(length) else 0


def _version(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _record(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _write(path: Path, values: Mapping[str, Any]) -> None:
    with replacing(path) as partial:
        partial.write_text(json.dumps(values, indent=1), encoding="utf-8")

"""Archives for tests: a folder packed as people pack it, and members that no honest program writes."""

from __future__ import annotations

import io
import tarfile
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path

MODES = {".tar": "w", ".gz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}


def pack(folder: Path, archive: Path, top: str = "") -> Path:
    """A folder's files below `top` in a zip or tar, in no particular order."""
    files = sorted((file for file in folder.rglob("*") if file.is_file()), key=lambda file: file.name[::-1])
    names = [f"{top}{file.relative_to(folder).as_posix()}" for file in files]
    if archive.suffix == ".zip":
        return zip_of(archive, zip(names, (file.read_bytes() for file in files), strict=True))
    with tarfile.open(archive, MODES[archive.suffix]) as tar:
        for name, file in zip(names, files, strict=True):
            tar.add(file, name)
    return archive


def zip_of(
    path: Path, members: Iterable[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_STORED
) -> Path:
    """A zip of (name, content) in that order; names may come twice."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", method) as archive:
        warnings.simplefilter("ignore", UserWarning)  # about names that come twice
        for name, data in members:
            archive.writestr(name, data)
    return path


def tar_of(path: Path, members: Iterable[tuple[str | tarfile.TarInfo, bytes]]) -> Path:
    """A tar of (name, content) in that order; a TarInfo may be a link or a device."""
    with tarfile.open(path, MODES[path.suffix]) as archive:
        for name, data in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    """A member that is a link; or a device, by its `kind`."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info

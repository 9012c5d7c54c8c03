"""From a data set's name to a folder that `ingest` reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalens.core.cache import DATASETS, touch
from catalens.core.durable import replacing
from catalens.core.errors import SourceError
from catalens.core.folders import user_cache
from catalens.core.progress import Progress, silent
from catalens.core.web import Limits, Web
from catalens.curate.datasets.download import download
from catalens.curate.datasets.table import Dataset, find_dataset
from catalens.curate.datasets.unpack import is_archive, unpack
from catalens.curate.fetch.hold import hold
from catalens.curate.fetch.settings import WebSettings
from catalens.curate.sources.idx import LABELS
from catalens.curate.sources.protocol import IngestSettings

LONGEST_S = 24 * 3600.0  # for one file; a connection that says nothing is given up much sooner


@dataclass(frozen=True, slots=True)
class Ready:
    """A data set on disk: what to ingest, with which settings, and what a person should know of it."""

    source: Path
    reading: Mapping[str, Any]  # of IngestSettings
    remarks: tuple[str, ...]

    def completed(self, settings: IngestSettings) -> IngestSettings:
        """A person's settings, and where these say nothing, what the data set needs; nothing more is fetched."""
        needed = {name: value for name, value in self.reading.items() if name not in settings.model_fields_set}
        return settings.model_copy(update={**needed, "web": WebSettings()})


def fetch(name: str, settings: WebSettings, *, progress: Progress = silent) -> Ready:
    """Fetch a data set into the cache unless it is there.

    Raises ConfigError if there is none of this name, FetchError or SourceError if it cannot be fetched or is not what
    was published.
    """
    dataset = find_dataset(name)
    if dataset.login is not None:
        then = f"catalens ingest FOLDER CATALOG --format {dataset.format}"
        message = f"needs a login: fetch it at {dataset.login}, unpack it, then: {then}"
        raise SourceError(message, source=name)
    folder = (settings.cache or user_cache() / DATASETS) / name
    with hold(folder):
        digests = _download(dataset, folder / "files", settings, progress)
        data = _unpacked(dataset, folder, digests, progress)
        if dataset.labels:
            _write(data / LABELS, "\n".join(dataset.labels))
        touch(folder)
    reading = {"format": dataset.format, **({"category": dataset.category} if dataset.category else {})}
    return Ready(data / dataset.folder, reading, _remarks(dataset, digests))


def _download(dataset: Dataset, folder: Path, settings: WebSettings, progress: Progress) -> list[str]:
    """The files' sha256, once all are there."""
    limits = Limits(read_s=min(60.0, settings.timeout_s), total_s=LONGEST_S)
    with Web(allow_private=settings.allow_private, limits=limits) as web:
        return [download(file, folder / file.file_name, web, progress) for file in dataset.files]


def _unpacked(dataset: Dataset, folder: Path, digests: list[str], progress: Progress) -> Path:
    """The folder with the data; archives are unpacked into one, unless they were."""
    archives = [path for file in dataset.files if is_archive(path := folder / "files" / file.file_name)]
    if not archives:
        return folder / "files"
    data, made_of = folder / "data", folder / "data.txt"  # written last: what stands in it was unpacked to its end
    if not data.is_dir() or _text(made_of) != "\n".join(digests):
        unpack(archives, data, progress)
        _write(made_of, "\n".join(digests))
    return data


def _remarks(dataset: Dataset, digests: list[str]) -> tuple[str, ...]:
    unverified = tuple(
        f"{file.file_name} is unverified, nobody published its checksum; sha256 {digest}"
        for file, digest in zip(dataset.files, digests, strict=True)
        if file.sha256 is None
    )
    return (dataset.title, f"licence: {dataset.licence}; {dataset.homepage}", *unverified)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _write(path: Path, text: str) -> None:
    if _text(path) != text:  # a file that is touched is another dump
        with replacing(path) as partial:
            partial.write_text(text, encoding="utf-8")

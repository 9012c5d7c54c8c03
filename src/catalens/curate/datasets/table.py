"""The data sets that are known, read from datasets.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from urllib.parse import urlsplit

from pydantic import Field

from catalens.core.config import Settings
from catalens.core.errors import ConfigError
from catalens.core.registry import hint


class RemoteFile(Settings):
    """A file to fetch; `bytes` and `sha256` where they are published."""

    url: str
    name: str = ""
    bytes: int | None = None
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")

    @property
    def file_name(self) -> str:
        """What it is called on disk."""
        return self.name or urlsplit(self.url).path.rpartition("/")[2]


class Dataset(Settings):
    """What is known of one data set; see the head of datasets.toml."""

    title: str
    licence: str
    homepage: str
    format: str
    folder: str = ""
    category: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    files: tuple[RemoteFile, ...] = ()
    login: str | None = None


@cache
def datasets() -> Mapping[str, Dataset]:
    """All data sets by name."""
    document = tomllib.loads(files("catalens.curate.datasets").joinpath("datasets.toml").read_text(encoding="utf-8"))
    return {name: Dataset.model_validate(values) for name, values in document.items()}


def find_dataset(name: str) -> Dataset:
    """Raises ConfigError naming the nearest."""
    known = datasets()
    if name not in known:
        raise ConfigError(f"unknown data set {name!r}{hint(name, known)}", key=name)
    return known[name]

"""How to fetch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from catalens.core.address import Allowance
from catalens.core.config import Settings
from catalens.core.errors import ConfigError


class WebSettings(Settings):
    """How to fetch photos and data sets.  None of it changes what is read."""

    allow_private: tuple[str, ...] = ()  # hosts, addresses, networks that may be called though private; see core/web.py
    downloads: Path | None = None  # where photos are kept; None: "NAME.downloads" beside the list
    cache: Path | None = None  # where data sets are kept; None: ~/.cache/catalens/datasets
    connections: int = Field(default=16, ge=1, le=256)  # requests at once
    per_host: int = Field(default=2, ge=1)  # requests at once to one host
    delay_s: float = Field(default=0.2, ge=0)  # between two requests to one host, if its robots.txt asks for no more
    own_hosts: tuple[str, ...] = ()  # hosts that are yours: their robots.txt is for others
    timeout_s: float = Field(default=60.0, gt=0)  # for one photo
    attempts: int = Field(default=4, ge=1)  # at a URL in one run
    retry_failed: bool = False  # ask again for what an earlier run was told is not there

    @field_validator("allow_private", "own_hosts", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("own_hosts")
    @classmethod
    def _as_urls_have_them(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(host.lower() for host in value)

    @field_validator("allow_private")
    @classmethod
    def _can_be_understood(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                Allowance.parse(text)
            except ConfigError as error:
                raise ValueError(error.message) from None
        return value

"""What a service may be told: where it listens and how much it takes on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import Field

from catalens.core.config import Settings
from catalens.predict.predictor import DEFAULT_PROMISE, DEFAULT_TOP

MAX_TOP = 100  # labels or neighbours that a request may ask for


class ServeSettings(Settings):
    """Settings of `catalens serve`.  Limits are per request unless said."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535, description="0 takes a free one")
    max_bytes: int = Field(default=32 * 2**20, ge=1, description="of a request's body, all photos together")
    max_photos: int = Field(default=16, ge=1)
    workers: int = Field(
        default_factory=lambda: min(4, os.cpu_count() or 1), ge=1, description="requests worked on at the same time"
    )
    queue: int = Field(
        default=32, ge=0, description="requests that may wait for a worker, or send their body; more are 503"
    )
    body_timeout_s: float = Field(default=30, gt=0, description="for a body to come in; slower ones are 408")
    threads: int | None = Field(default=None, ge=1, description="of one run of the graph; all cores where not given")
    promise: float = Field(default=DEFAULT_PROMISE, gt=0, lt=1, description="where the request names none")
    top: int = Field(default=DEFAULT_TOP, ge=1, le=MAX_TOP, description="labels, where the request does not say")

    mix: bool = Field(default=True, description="correct for the mix of categories that the bundle was told of")
    language: str | None = Field(default=None, description="of the names of categories")
    names: Path | None = Field(
        default=None, description="a catalog or taxonomy.parquet with names in it that the bundle has not"
    )

    def limits(self) -> dict[str, Any]:
        """What a caller should know, for /v1/model."""
        return self.model_dump(include={"max_bytes", "max_photos", "workers", "queue"}) | {"max_top": MAX_TOP}

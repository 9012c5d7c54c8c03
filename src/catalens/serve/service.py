"""What the routes share: a predictor, the pool that bounds its work, and the settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import numpy as np
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from catalens.core.errors import ImageError, ImageTooLarge, UnreadableImage
from catalens.core.prediction import Finding
from catalens.predict.predictor import Look, Photo, Predictor, photo_finding
from catalens.serve.body import read_photos
from catalens.serve.pool import Pool
from catalens.serve.settings import ServeSettings

T = TypeVar("T")
_TOO_LARGE = photo_finding(ImageTooLarge(""), "").cause


class Service:
    """Reads photos from requests and looks at them, a few at a time."""

    def __init__(self, predictor: Predictor, settings: ServeSettings) -> None:
        self.predictor = predictor
        self.settings = settings
        self.pool = Pool(settings.workers, settings.queue)
        self.ready = False

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """One run of the graph before the first request; at the end, let what runs finish."""
        size = self.predictor.bundle.preprocess.size
        await self.pool.run(self.predictor.session.run, np.zeros((1, size, size, 3), np.uint8))
        self.ready = True
        yield
        self.ready = False
        self.pool.close()

    async def work_on(self, request: Request, work: Callable[[list[Photo]], T]) -> T:
        """What `work` makes of the request's photos, in a thread, if there is room.

        Raises Overloaded, ImageError or ConfigError, and what `work` raises.
        """
        with self.pool.place():
            return await self.pool.run(work, await self._photos(request))

    async def _photos(self, request: Request) -> list[Photo]:
        limits = self.settings
        try:
            async with asyncio.timeout(limits.body_timeout_s):
                return await read_photos(request, max_bytes=limits.max_bytes, max_photos=limits.max_photos)
        except TimeoutError:
            raise HTTPException(408, f"the body did not come in within {limits.body_timeout_s:g} s") from None

    def look(self, photos: Sequence[Photo], **options: Any) -> Look:
        """One pass over the photos of a product.  Raises ImageError if none can be used, and PromiseError."""
        look = self.predictor.look(photos, **options)
        if look.embedding is None:
            raise _unusable(look.prediction.findings)
        return look


def answer(request: Request, values: dict[str, Any]) -> Response:
    """JSON as it is: the values were checked where they were made.  Their timings go into the headers too."""
    request.state.timings_ms.update(values.get("timings_ms", {}))
    return JSONResponse(values)


def _unusable(findings: Sequence[Finding]) -> ImageError:
    """The one photo's own cause, or each photo's."""
    kind = ImageTooLarge if all(finding.cause == _TOO_LARGE for finding in findings) else UnreadableImage
    if len(findings) == 1:
        return kind(findings[0].detail, source=findings[0].source)
    causes = "; ".join(f"{finding.source}: {finding.detail}" for finding in findings)
    return kind(f"none of the {len(findings)} photos can be used: {causes}")

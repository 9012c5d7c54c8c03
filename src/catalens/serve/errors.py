"""Every error of the tree as an HTTP answer, in one JSON form (`schemas.ErrorOut`)."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from catalens.core import errors

log = logging.getLogger("catalens.serve")

HTTP_STATUS: dict[type[errors.CatalensError], int] = {
    errors.ConfigError: 422,
    errors.UnreadableImage: 422,
    errors.ImageTooLarge: 413,
    errors.CatalogError: 500,
    errors.TaxonomyError: 422,
    errors.SourceError: 422,
    errors.FetchError: 422,
    errors.NotFound: 404,
    errors.TrainingError: 500,
    errors.BundleCorrupt: 500,
    errors.BundleIncompatible: 500,
    errors.ParityError: 500,
    errors.PromiseError: 422,
    errors.IndexMismatch: 500,
    errors.MissingExtra: 501,
    errors.Overloaded: 503,
    errors.Unauthorised: 401,
    errors.GateFailed: 500,
}
RETRY_AFTER_S = 1


def http_status(error: errors.CatalensError) -> int:
    """The status of the error's class, or of the nearest class above it."""
    return next((HTTP_STATUS[kind] for kind in type(error).__mro__ if kind in HTTP_STATUS), 500)


def install(app: FastAPI) -> None:
    """Make every error of the app, its own and the framework's, answer in the one form."""

    @app.exception_handler(errors.CatalensError)
    async def ours(request: Request, error: errors.CatalensError) -> JSONResponse:
        status, source = http_status(error), error.source
        if status == 500:
            log.error("%s %s: %s", request.method, request.url.path, error)
            source = None  # a path of the server's, which is for its log alone
        headers = {"retry-after": str(RETRY_AFTER_S)} if status == 503 else None
        return _answer(
            request, status, type(error).__name__, error.message, source=source, key=error.key, headers=headers
        )

    @app.exception_handler(RequestValidationError)
    async def parameters(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        key = str(first["loc"][-1])
        return _answer(request, 422, "ConfigError", f"{key}: {first['msg']}, got {first.get('input')!r}", key=key)

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> JSONResponse:
        message = f"{request.method} {request.url.path}: {error.detail}"
        return _answer(request, error.status_code, "HTTPError", message, headers=dict(error.headers or {}))

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> JSONResponse:
        return _answer(request, 400, "HTTPError", "the caller hung up before the body was complete")

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        return _answer(request, 500, "InternalError", "the service failed on this request; its log says why")


def _answer(
    request: Request,
    status: int,
    kind: str,
    message: str,
    *,
    source: str | None = None,
    key: str | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    body: dict[str, Any] = {
        "type": kind,
        "message": message,
        "source": source,
        "key": key,
        "request_id": getattr(request.state, "request_id", None),
    }
    return JSONResponse({"error": body}, status, headers)

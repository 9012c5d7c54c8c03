"""From a request's body to photos: multipart or raw, refused as soon as it is too large, never written to disk."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser

from catalens.core.errors import ConfigError, ImageTooLarge, UnreadableImage
from catalens.predict.predictor import Photo

FIELD = "photos"
RAW_TYPES = ("image/", "application/octet-stream")
# for OpenAPI: the body is read by hand, so it is described by hand
REQUEST_BODY = {
    "required": True,
    "description": f"One product: form field `{FIELD}` once a photo, or the bytes of one photo as they are.",
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "properties": {FIELD: {"type": "array", "items": {"type": "string", "format": "binary"}}},
            }
        },
        "image/*": {"schema": {"type": "string", "format": "binary"}},
    },
}


async def read_photos(request: Request, *, max_bytes: int, max_photos: int) -> list[Photo]:
    """1 to `max_photos` photos.  Raises ImageTooLarge over `max_bytes`, UnreadableImage or ConfigError for a form."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    kind = request.headers.get("content-type", "application/octet-stream").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _read_form(request, max_bytes, max_photos)
    if not kind.startswith(RAW_TYPES):
        raise HTTPException(
            415,
            f"expected multipart/form-data with `{FIELD}`, or a photo as image/* or application/octet-stream, "
            f"got {kind!r} (with curl: -F {FIELD}=@shoe.jpg)",
        )
    data = b"".join([chunk async for chunk in _limited(request, max_bytes)])
    if not data:
        raise UnreadableImage("0 bytes: the request has no photo", source="body")
    return [Photo("body", data)]


class _InMemory(MultiPartParser):
    """Keeps files in memory: the body's limit bounds them, and a photo spooled to disk costs more than its decoding."""

    def __init__(self, request: Request, max_bytes: int, max_photos: int) -> None:
        super().__init__(request.headers, _limited(request, max_bytes), max_files=max_photos, max_fields=max_photos)
        self.spool_max_size = max_bytes + 1


async def _read_form(request: Request, max_bytes: int, max_photos: int) -> list[Photo]:
    try:
        form: FormData = await _InMemory(request, max_bytes, max_photos).parse()
    except (MultiPartException, KeyError) as error:  # KeyError: no boundary
        cause = f"the form cannot be read ({error}); at most {max_photos} photos"
        raise UnreadableImage(cause, source="body") from None
    photos: list[Photo] = []
    for field, value in form.multi_items():
        if field != FIELD or not isinstance(value, UploadFile):
            raise ConfigError(f"expected files in the form field {FIELD!r}, got the field {field!r}", key=field)
        photos.append(Photo(value.filename or f"{FIELD}[{len(photos)}]", value.file.read()))
    if not photos:
        raise UnreadableImage(f"expected 1 to {max_photos} photos in the form field {FIELD!r}, got none", source="body")
    return photos


async def _limited(request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """The body's chunks.  Raises ImageTooLarge as soon as they are too many, whatever the header declared."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise _too_large(max_bytes)
        yield chunk


def _too_large(max_bytes: int) -> ImageTooLarge:
    return ImageTooLarge(f"the request's body is larger than the {max_bytes:,} bytes allowed", source="body")

"""The routes over an index: similar products by photo, and the products themselves."""

from __future__ import annotations

import random
from functools import partial
from time import perf_counter
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from catalens.core.errors import NotFound
from catalens.predict.predictor import Photo
from catalens.search.index import Mask, parse_attributes
from catalens.serve import schemas
from catalens.serve.body import REQUEST_BODY
from catalens.serve.service import Service, answer
from catalens.serve.settings import MAX_TOP
from catalens.serve.shelf import Shelf

PHOTO_CACHE = "public, max-age=3600"
_NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": schemas.ErrorOut}}


def index_routes(service: Service, shelf: Shelf | None) -> APIRouter:
    """The routes; without an index they answer 404 and say how to have one."""
    router, settings = APIRouter(), service.settings

    @router.post(
        "/v1/similar",
        tags=["photos"],
        response_model=schemas.Similar,
        responses=schemas.ERRORS | _NOT_FOUND,
        openapi_extra={"requestBody": REQUEST_BODY},
    )
    async def similar(
        request: Request,
        k: Annotated[int, Query(ge=1, le=MAX_TOP, description="How many neighbours.")] = settings.top,
        category: Annotated[str | None, Query(description="Only below this category, of any level.")] = None,
        attribute: Annotated[list[str] | None, Query(description='Only with this one: "gender:Men".')] = None,
        exclude: Annotated[list[str] | None, Query(description="Never this product.")] = None,
    ) -> Response:
        """The products that look most like this one, by the same photos that /v1/classify takes."""
        here = _there(shelf)
        allow = here.products.allow(
            category=category, attributes=parse_attributes(attribute or []), without=exclude or []
        )
        found = await service.work_on(request, partial(_similar, service, here, k=k, allow=allow))
        return answer(request, found)

    @router.get("/v1/products/random", tags=["products"], response_model=schemas.ProductOut, responses=_NOT_FOUND)
    def random_product(category: Annotated[str | None, Query(description="Only below this one.")] = None) -> Response:
        """Any product of the index."""
        here = _there(shelf)
        allow = here.products.allow(category=category)
        rows = np.arange(len(here.products)) if allow is None else np.flatnonzero(allow)
        if not len(rows):
            raise NotFound(f"the index has no products under {category!r}", key=category)
        return JSONResponse(here.product(here.products.ids[random.choice(rows)]))

    # ids are the shop's own, and may hold slashes
    @router.get(
        "/v1/products/{product_id:path}/photo",
        tags=["products"],
        response_class=Response,
        responses={**_NOT_FOUND, 200: {"content": {"image/*": {}}}},
    )
    def photo(product_id: str, position: Annotated[int, Query(ge=0)] = 0) -> Response:
        """The bytes of one photo, as the catalog has them."""
        data, kind, digest = _there(shelf).photo(product_id, position)
        return Response(data, media_type=kind, headers={"etag": f'"{digest}"', "cache-control": PHOTO_CACHE})

    @router.get(
        "/v1/products/{product_id:path}", tags=["products"], response_model=schemas.ProductOut, responses=_NOT_FOUND
    )
    def product(product_id: str) -> Response:
        """One product of the index."""
        return JSONResponse(_there(shelf).product(product_id))

    return router


def _similar(service: Service, shelf: Shelf, photos: list[Photo], *, k: int, allow: Mask | None) -> dict[str, Any]:
    look = service.look(photos, promise=service.settings.promise)
    assert look.embedding is not None  # `look` raises where no photo can be used
    start = perf_counter()
    (neighbours,) = shelf.index.search(look.embedding[None], k, allow=allow)
    search_ms = round((perf_counter() - start) * 1000, 3)
    seen = look.prediction.to_json()
    return {
        "neighbours": [shelf.neighbour(neighbour) for neighbour in neighbours],
        "model": seen["model"],
        "findings": seen["findings"],
        "timings_ms": {**seen["timings_ms"], "search_ms": search_ms},
    }


def _there(shelf: Shelf | None) -> Shelf:
    if shelf is None:
        raise NotFound("this service has no index; start it with `catalens serve BUNDLE --index INDEX`")
    return shelf

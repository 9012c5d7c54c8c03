"""The service: one bundle, and perhaps an index, behind HTTP.  The request path starts here (DESIGN 3)."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query, Request
from starlette.responses import JSONResponse, Response

from catalens import __version__
from catalens.core.bundle import Bundle
from catalens.core.catalog import Catalog
from catalens.core.errors import IndexMismatch
from catalens.core.language import in_language, read_names
from catalens.core.taxonomy import Taxonomy
from catalens.predict.predictor import Predictor
from catalens.predict.session import Session
from catalens.search.index import Index
from catalens.serve import errors, schemas
from catalens.serve.body import REQUEST_BODY
from catalens.serve.headers import RequestHeaders
from catalens.serve.products import index_routes
from catalens.serve.service import Service, answer
from catalens.serve.settings import MAX_TOP, ServeSettings
from catalens.serve.shelf import Shelf


def create_app(
    bundle: Bundle,
    *,
    index: Index | None = None,
    catalog: Catalog | None = None,
    settings: ServeSettings | None = None,
    predictor: Predictor | None = None,
) -> FastAPI:
    """The service as an ASGI app.  `catalog` is the one that `index` was built from; its photos are then served too.

    Raises IndexMismatch if the index is not of this bundle, PromiseError if the default promise is not one it makes,
    TaxonomyError if there are no names in the language that the settings ask for.
    """
    settings = settings or ServeSettings()
    others = read_names(settings.names, settings.language)
    taxonomy = in_language(bundle.taxonomy, settings.language, *others)
    predictor = predictor or Predictor(bundle, Session(bundle, threads=settings.threads), taxonomy, mix=settings.mix)
    predictor.promise(settings.promise)
    if index is not None and index.space != bundle.digest:
        raise IndexMismatch(f"the index is of bundle {index.space[:12]}, the service of {bundle.digest[:12]}")
    service = Service(predictor, settings)
    shelf = None
    if index is not None:
        named = in_language(index.products.taxonomy, settings.language, *others, bundle.taxonomy)
        shelf = Shelf(index, catalog, named)

    app = FastAPI(
        title="Catalens",
        version=__version__,
        description=f"Files products by their photos, with the model {bundle.name}.",
        lifespan=service.lifespan,
    )
    app.add_middleware(RequestHeaders)
    errors.install(app)
    app.include_router(_model_routes(service, _describe(bundle, predictor.taxonomy, shelf, settings)))
    app.include_router(_classify_route(service))
    app.include_router(index_routes(service, shelf))
    return app


def _classify_route(service: Service) -> APIRouter:
    router, settings = APIRouter(tags=["photos"]), service.settings

    @router.post(
        "/v1/classify",
        response_model=schemas.Classified,
        responses=schemas.ERRORS,
        openapi_extra={"requestBody": REQUEST_BODY},
    )
    async def classify(
        request: Request,
        id: Annotated[str, Query(description="The product's id, given back as it is.")] = "",
        promise: Annotated[float, Query(description="The precision to keep; see /v1/model.")] = settings.promise,
        top: Annotated[int, Query(ge=1, le=MAX_TOP, description="How many labels.")] = settings.top,
    ) -> Response:
        """The category of one product, from 1..n photos of it."""
        look = await service.work_on(request, partial(service.look, id=id, promise=promise, top=top))
        return answer(request, look.prediction.to_json())

    return router


def _model_routes(service: Service, model: schemas.ModelOut) -> APIRouter:
    router = APIRouter(tags=["service"])
    described = model.model_dump_json()  # large where there are many classes, and always the same

    @router.get("/healthz", response_model=schemas.Health)
    async def healthz() -> Response:
        """The process answers."""
        return JSONResponse({"status": "ok"})

    @router.get("/readyz", response_model=schemas.Readiness, responses={503: {"model": schemas.Readiness}})
    async def readyz() -> Response:
        """The bundle is loaded and has run once."""
        return JSONResponse({"ready": service.ready}, 200 if service.ready else 503)

    @router.get("/v1/model", response_model=schemas.ModelOut)
    async def model_card() -> Response:
        """What answers here: classes, promises, preprocessing, limits."""
        return Response(described, media_type="application/json")

    return router


def _describe(bundle: Bundle, taxonomy: Taxonomy, shelf: Shelf | None, settings: ServeSettings) -> schemas.ModelOut:
    levels = [
        schemas.LevelOut(
            level=level,
            name=taxonomy.level_name(level),
            categories=[schemas.CategoryOut(id=node, path=list(taxonomy.path_names(node))) for node in nodes],
        )
        for level, nodes in enumerate(taxonomy.level_nodes)
    ]
    return schemas.ModelOut(
        model=bundle.name,
        digest=bundle.digest,
        classes=len(taxonomy.leaves),
        levels=levels,
        promises=[promise.precision for promise in bundle.promises],
        default_promise=settings.promise,
        preprocess=bundle.preprocess.to_json(),
        embedding_dim=bundle.manifest.embedding_dim,
        index=None if shelf is None else schemas.IndexOut(products=len(shelf.products), photos=shelf.has_photos),
        limits=settings.limits(),
    )

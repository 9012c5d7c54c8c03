"""What the service answers, for its documentation and for those who write clients.

Answers are made of checked values and sent as they are; these models describe them, and a test holds the two together.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

EXAMPLE_CLASSIFY: JsonDict = {
    "id": "sku-1042",
    "decision": {
        "action": "file",
        "node": "tshirts",
        "path": ["Apparel", "Topwear", "Tshirts"],
        "level": "articleType",
        "confidence": 0.993,
        "promise": 0.98,
        "reason": "Filed under Apparel > Topwear > Tshirts: 99.3 % sure, ...",
    },
    "labels": [{"id": "tshirts", "path": ["Apparel", "Topwear", "Tshirts"], "score": 0.993}],
    "model": "shirts@3f2a9c1b04de",
    "findings": [],
    "open_world": None,
    "suggestions": {
        "coverage": 0.95,
        "labels": [{"id": "tshirts", "path": ["Apparel", "Topwear", "Tshirts"], "score": 0.993}],
        "more": 0,
    },
    "attributes": {"colour": {"value": "Navy Blue", "score": 0.91}},
    "timings_ms": {"decode_ms": 3.1, "model_ms": 9.4, "decide_ms": 0.2},
}
EXAMPLE_SIMILAR: JsonDict = {
    "neighbours": [
        {
            "id": "15970",
            "score": 0.942,
            "category": "tshirts",
            "path": ["Apparel", "Topwear", "Tshirts"],
            "photo": "/v1/products/15970/photo?position=0",
        }
    ],
    "model": "shirts@3f2a9c1b04de",
    "findings": [],
    "timings_ms": {"decode_ms": 3.1, "model_ms": 9.4, "decide_ms": 0.2, "search_ms": 4.8},
}
EXAMPLE_ERROR: JsonDict = {
    "error": {
        "type": "UnreadableImage",
        "message": "1,024 bytes do not decode (image file is truncated)",
        "source": "shoe.png",
        "key": None,
        "request_id": "9c0f3a52c1d94be1a7",
    }
}


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DecisionOut(Answer):
    """What to do with the product; `node` is the deepest category at which the promise holds."""

    action: Literal["file", "suggest", "review", "reject"]
    node: str | None
    path: list[str]
    level: str | None
    confidence: float = Field(ge=0, le=1)
    promise: float | None
    reason: str


class LabelOut(Answer):
    """A leaf and its calibrated probability."""

    id: str
    path: list[str]
    score: float = Field(ge=0, le=1)


class AttributeOut(Answer):
    """An attribute's most likely value, and its share, which is not calibrated."""

    value: str
    score: float = Field(ge=0, le=1)


class FindingOut(Answer):
    """A photo of the request that could not be used, and why."""

    source: str
    cause: str
    detail: str


class SuggestionsOut(Answer):
    """Leaves of which one is right with probability `coverage`, best first; `more` of them are not named."""

    coverage: float
    labels: list[LabelOut]
    more: int


class Classified(Answer):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": EXAMPLE_CLASSIFY})

    id: str
    decision: DecisionOut
    labels: list[LabelOut]
    model: str
    findings: list[FindingOut]
    open_world: str | None
    suggestions: SuggestionsOut | None
    attributes: dict[str, AttributeOut]
    timings_ms: dict[str, float]


class NeighbourOut(Answer):
    """A product that looks alike; `score` is the cosine, `photo` is null where the service has no catalog."""

    id: str
    score: float = Field(ge=-1, le=1)
    category: str | None
    path: list[str]
    photo: str | None


class Similar(Answer):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": EXAMPLE_SIMILAR})

    neighbours: list[NeighbourOut]
    model: str
    findings: list[FindingOut]
    timings_ms: dict[str, float]


class PhotoOut(Answer):
    position: int
    url: str
    width: int
    height: int
    format: str


class ProductOut(Answer):
    """A product of the index; `photos` is empty where the service has no catalog."""

    id: str
    category: str | None
    path: list[str]
    attributes: dict[str, str]
    photos: list[PhotoOut]


class CategoryOut(Answer):
    id: str
    path: list[str]


class LevelOut(Answer):
    level: int
    name: str
    categories: list[CategoryOut]


class IndexOut(Answer):
    products: int
    photos: bool


class ModelOut(Answer):
    """What answers here: its name and digest, what it knows, what it promises, and what it takes."""

    model: str
    digest: str
    classes: int
    levels: list[LevelOut]
    promises: list[float]
    default_promise: float
    preprocess: dict[str, Any]
    embedding_dim: int
    index: IndexOut | None
    limits: dict[str, int]


class Health(Answer):
    status: Literal["ok"]


class Readiness(Answer):
    ready: bool


class ErrorDetail(Answer):
    type: str
    message: str
    source: str | None
    key: str | None
    request_id: str | None


class ErrorOut(Answer):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": EXAMPLE_ERROR})

    error: ErrorDetail


# a bad request's answers, in OpenAPI's form
ERRORS: dict[int | str, dict[str, Any]] = {
    408: {"model": ErrorOut, "description": "The body did not come in in time."},
    413: {"model": ErrorOut, "description": "The body, or the size that a photo declares, is too large."},
    415: {"model": ErrorOut, "description": "The body is neither a form nor a photo."},
    422: {"model": ErrorOut, "description": "No photo can be used, or a parameter is wrong; the message names it."},
    503: {"model": ErrorOut, "description": "As many requests are waiting as the service holds; see Retry-After."},
}

"""Health, the model card, headers, and the documentation."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from tests.builders.bundles import photo_of

from catalens.core.bundle import Bundle
from catalens.core.errors import PromiseError
from catalens.predict.predictor import Predictor
from catalens.search.exact import ExactIndex
from catalens.serve.app import create_app
from catalens.serve.schemas import (
    EXAMPLE_CLASSIFY,
    EXAMPLE_ERROR,
    EXAMPLE_SIMILAR,
    Classified,
    ErrorOut,
    ModelOut,
    Similar,
)
from catalens.serve.settings import ServeSettings


def test_ready_once_the_model_has_run(served_bundle: Bundle) -> None:
    app = create_app(served_bundle)
    cold = TestClient(app)  # not started
    assert cold.get("/healthz").status_code == 200
    assert (cold.get("/readyz").status_code, cold.get("/readyz").json()) == (503, {"ready": False})
    with TestClient(app) as started:
        assert (started.get("/readyz").status_code, started.get("/readyz").json()) == (200, {"ready": True})
    assert cold.get("/readyz").status_code == 503  # going down


def test_model_card(client: TestClient, served_bundle: Bundle, served_index: ExactIndex) -> None:
    card = ModelOut.model_validate(client.get("/v1/model").json())

    assert (card.model, card.digest) == (served_bundle.name, served_bundle.digest)
    assert card.classes == len(served_bundle.taxonomy.leaves)
    assert [level.name for level in card.levels] == ["department", "family", "type"]
    assert [node.id for node in card.levels[2].categories] == list(served_bundle.taxonomy.leaves)
    assert card.promises == [0.9, 0.95, 0.98, 0.99]
    assert card.preprocess == served_bundle.preprocess.to_json() | {
        name: list(card.preprocess[name]) for name in ("fill", "mean", "std")
    }
    assert card.limits["max_bytes"] == 2_000_000
    assert card.index is not None
    assert card.index.products == len(served_index.products)


def test_model_card_without_an_index(bare_client: TestClient) -> None:
    assert bare_client.get("/v1/model").json()["index"] is None


def test_default_promise_is_checked_before_serving(served_bundle: Bundle) -> None:
    with pytest.raises(PromiseError, match=r"no promise of 0\.97"):
        create_app(served_bundle, settings=ServeSettings(promise=0.97))


@pytest.mark.parametrize(
    ("given", "kept"), [("order-7.a_b:c", True), ("bad id\t", False), ("x" * 129, False), ("", False)]
)
def test_request_id(client: TestClient, given: str, kept: bool) -> None:
    answered = client.get("/healthz", headers={"x-request-id": given}).headers["x-request-id"]
    assert (answered == given) == kept
    assert answered


def test_server_timing(client: TestClient) -> None:
    header = client.post("/v1/classify", content=photo_of("boot"), headers={"content-type": "image/png"}).headers[
        "server-timing"
    ]
    parts = {name: float(ms) for name, ms in (part.split(";dur=") for part in header.split(", "))}
    assert {"decode", "model", "decide", "total"} == set(parts)
    assert parts["total"] >= parts["decode"] + parts["model"] + parts["decide"] - 0.1


def test_unknown_path_and_method_answer_in_the_same_form(client: TestClient) -> None:
    for response, status in ((client.get("/v1/nothing"), 404), (client.get("/v1/classify"), 405)):
        assert response.status_code == status
        ErrorOut.model_validate(response.json())


def test_failure_of_ours_says_nothing_about_us(served_bundle: Bundle) -> None:
    class Broken(Predictor):
        def look(self, *args: object, **options: object):
            raise RuntimeError("secret")

    app = create_app(served_bundle, predictor=Broken(served_bundle))
    client = TestClient(app, raise_server_exceptions=False)

    response = client.post("/v1/classify", content=photo_of("boot"), headers={"content-type": "image/png"})

    assert response.status_code == 500
    assert ErrorOut.model_validate(response.json()).error.type == "InternalError"
    assert "secret" not in response.text


def test_documentation_describes_what_is_answered(client: TestClient) -> None:
    Classified.model_validate(EXAMPLE_CLASSIFY)
    Similar.model_validate(EXAMPLE_SIMILAR)
    ErrorOut.model_validate(EXAMPLE_ERROR)
    document = client.get("/openapi.json").json()
    for path in ("/v1/classify", "/v1/similar"):
        post = document["paths"][path]["post"]
        assert set(post["requestBody"]["content"]) == {"multipart/form-data", "image/*"}
        assert {"200", "413", "415", "422", "503"} <= set(post["responses"])
    example = document["components"]["schemas"]["Classified"]["example"]
    assert example.items() <= EXAMPLE_CLASSIFY.items()  # FastAPI leaves out what is null
    assert {"decision", "labels", "timings_ms"} <= set(example)
    assert client.get("/docs").status_code == 200

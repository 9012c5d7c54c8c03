"""The service answers exactly as the predictor does, on the photos made to break preprocessing."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from catalens.core.bundle import Bundle
from catalens.export.hostile import HostileImage, hostile_images
from catalens.predict.predictor import Photo, Predictor


@pytest.fixture(scope="module")
def predictor(served_bundle: Bundle) -> Predictor:
    return Predictor(served_bundle)


def untimed(prediction: dict[str, Any]) -> dict[str, Any]:
    """Without what no two runs share, and as JSON has it: lists for tuples."""
    found = {key: value for key, value in prediction.items() if key != "timings_ms"}
    found["decision"] = {**found["decision"], "path": list(found["decision"]["path"])}
    found["labels"] = [{**label, "path": list(label["path"])} for label in found["labels"]]
    found["findings"] = list(found["findings"])
    return found


@pytest.mark.parametrize("image", hostile_images(), ids=lambda image: image.name)
def test_service_and_predictor_agree(client: TestClient, predictor: Predictor, image: HostileImage) -> None:
    expected = untimed(predictor.predict([Photo(image.name, image.data)], id=image.name, top=7).to_json())
    query = {"id": image.name, "top": 7}

    raw = client.post("/v1/classify", params=query, content=image.data, headers={"content-type": "image/x"})
    form = client.post("/v1/classify", params=query, files={"photos": (image.name, image.data)})

    assert untimed(raw.json()) == expected
    assert untimed(form.json()) == expected


def test_they_agree_on_a_product_of_several_photos(client: TestClient, predictor: Predictor) -> None:
    photos = [Photo(image.name, image.data) for image in hostile_images()[:3]] + [Photo("torn", b"torn")]
    expected = untimed(predictor.predict(photos).to_json())

    response = client.post("/v1/classify", files=[("photos", (photo.source, photo.data)) for photo in photos])

    assert untimed(response.json()) == expected
    assert len(expected["findings"]) == 1

"""One photo, three ways: the checkpoint in torch, the bundle in process, the service over HTTP.  All have to agree.

Over every network of ours, some of timm's, and real weights where they are present.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from tests.builders.catalogs import striped_catalog
from tests.builders.networks import small_run
from torch import nn

from catalens.core.bundle import Bundle, write_bundle
from catalens.core.preprocess import Preprocess
from catalens.core.progress import silent
from catalens.core.scores import product_logits, softmax
from catalens.export.hostile import HostileImage, hostile_images
from catalens.export.run import ExportSettings, fill_bundle
from catalens.predict.predictor import Photo, Predictor
from catalens.serve.app import create_app
from catalens.train.backbones import create
from catalens.train.checkpoint import TrainedRun
from catalens.train.cnn import OWN_MODELS
from catalens.train.model import build

SIZE = 96  # no hostile photo has it, so every one of them is resized
PHOTOS = hostile_images()
NETWORKS = (*OWN_MODELS, "convnext_atto")
REAL = ("mobilenetv2_100", "mobilenet_edgetpu_100")


@dataclass(frozen=True)
class Trio:
    """The same model as a checkpoint, a bundle, and a service."""

    trained: TrainedRun
    bundle: Bundle
    predictor: Predictor
    service: TestClient

    def torch_logits(self, photos: list[bytes]) -> np.ndarray:
        """float32 [N, C], each photo alone."""
        squares = np.stack([self.trained.preprocess.square(photo) for photo in photos])
        with torch.inference_mode():
            return np.concatenate([self.trained.model(torch.from_numpy(square[None]))[0] for square in squares])

    def probabilities(self, logits: np.ndarray) -> dict[str, float]:
        """float [1, C] -> leaf id -> calibrated probability."""
        row = softmax(logits, self.bundle.manifest.temperature)[0]
        return dict(zip(self.bundle.taxonomy.leaves, row.tolist(), strict=True))


@pytest.fixture(scope="module", params=[*NETWORKS, *REAL])
def trio(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trio]:
    weights = "scratch"
    if request.param in REAL:
        weights = str(request.getfixturevalue("real_weights") / f"{request.param}.safetensors")
    folder = tmp_path_factory.mktemp(request.param)
    catalog = striped_catalog(folder / "shop.catalog", products=24, photos=1)
    backbone = create(request.param, weights=weights, size=SIZE)
    preprocess = Preprocess(size=SIZE, mean=backbone.mean, std=backbone.std)
    torch.manual_seed(0)
    if weights == "scratch":
        _move_statistics(backbone.network)
    model = build(backbone, preprocess, classes=len(catalog.taxonomy.leaves), dropout=0.3)
    nn.init.normal_(model.head.weight, std=0.5)
    trained = replace(small_run(catalog, size=SIZE), model=model.eval(), preprocess=preprocess)
    bundle = write_bundle(
        folder / "three.bundle",
        lambda partial: fill_bundle(partial, trained, catalog, ExportSettings(), name="three", progress=silent),
    )
    predictor = Predictor(bundle)
    with TestClient(create_app(bundle, predictor=predictor)) as service:
        yield Trio(trained, bundle, predictor, service)


def _move_statistics(network: nn.Module) -> None:
    """Batch norm as after training; fresh statistics are 0 and 1, which hide a wrong folding."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, std=0.1)
            nn.init.uniform_(layer.running_var, 0.7, 1.4)


@pytest.mark.parametrize("photo", PHOTOS, ids=lambda photo: photo.name)
def test_checkpoint_bundle_and_service_agree(trio: Trio, photo: HostileImage) -> None:
    logits = trio.torch_logits([photo.data])
    graph, _ = trio.predictor.session.run(trio.trained.preprocess.square(photo.data)[None])
    assert np.abs(graph - logits).max() <= 1e-3

    expected = trio.probabilities(logits)
    prediction = trio.predictor.predict([Photo(photo.name, photo.data)], top=99)
    assert {label.id: label.score for label in prediction.labels} == pytest.approx(expected, abs=1e-3)

    answer = trio.service.post("/v1/classify", params={"top": 4}, files=[("photos", (photo.name, photo.data))]).json()
    assert {label["id"]: label["score"] for label in answer["labels"]} == pytest.approx(
        {label.id: label.score for label in prediction.labels}, abs=1e-6
    )
    assert answer["decision"]["action"] == prediction.decision.action


def test_a_product_of_many_photos_agrees(trio: Trio) -> None:
    photos = [(photo.name, photo.data) for photo in PHOTOS if photo.name in ("plain.jpg", "exif-6.jpg", "cmyk.jpg")]
    logits = trio.torch_logits([data for _, data in photos])
    expected = trio.probabilities(product_logits(["one"] * len(photos), logits)[1])
    prediction = trio.predictor.predict([Photo(name, data) for name, data in photos], top=99)
    assert {label.id: label.score for label in prediction.labels} == pytest.approx(expected, abs=1e-3)
    files = [("photos", photo) for photo in photos]
    answer = trio.service.post("/v1/classify", params={"top": 4}, files=files).json()
    assert {label["id"]: label["score"] for label in answer["labels"]} == pytest.approx(expected, abs=1e-3)
    assert answer["decision"]["reason"] == prediction.decision.reason

"""The gate: a graph that answers otherwise is stopped, and the error says on which photo and by how much."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from tests.builders.networks import small_network

from catalens.core.errors import ParityError
from catalens.core.preprocess import Preprocess
from catalens.export.hostile import hostile_images
from catalens.export.onnx import export_onnx
from catalens.export.parity import check_parity
from catalens.predict.invariance import batch_delta, other_answers
from catalens.predict.session import Session
from catalens.train.model import Classifier

PREPROCESS = Preprocess(size=32)
PHOTOS = hostile_images()
NAMES = [photo.name for photo in PHOTOS]
PIXELS = np.stack([PREPROCESS.square(photo.data) for photo in PHOTOS])


@pytest.fixture
def checkpoint() -> Classifier:
    return small_network(PREPROCESS, 5)


def _session(model: torch.nn.Module, folder: Path, alter: Callable[[onnx.ModelProto], None] | None = None) -> Session:
    path = folder / "model.onnx"
    export_onnx(model, PREPROCESS, path)
    if alter:
        proto = onnx.load(path)
        alter(proto)
        onnx.save(proto, path)
    return Session.of_graph(path, preprocess=PREPROCESS, classes=5, embedding_dim=16)


class Around(torch.nn.Module):
    """A model that changes another one's answers."""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner


def test_a_true_export_passes_with_small_differences(checkpoint: Classifier, tmp_path: Path) -> None:
    report = check_parity(checkpoint, _session(checkpoint, tmp_path), NAMES, PIXELS)
    assert report.images == len(PHOTOS)
    assert 0 < report.logit_delta < 1e-4  # not exactly 0: batch norm is folded into the convolutions
    assert report.embedding_delta < 1e-5


def _wrong_mean() -> Classifier:
    return small_network(replace(PREPROCESS, mean=(0.5, 0.456, 0.406)), 5)


def _planes_swapped() -> Classifier:
    model = small_network(PREPROCESS, 5)
    model.backbone[0].weight.data = model.backbone[0].weight.data.flip(1)  # BGR
    return model


def _train_mode_statistics() -> Classifier:
    model = small_network(PREPROCESS, 5)
    model.backbone[1].running_mean.zero_()
    return model


@pytest.mark.parametrize(
    "broken", [_wrong_mean, _planes_swapped, _train_mode_statistics], ids=lambda make: make.__name__
)
def test_a_graph_of_another_model_is_stopped(
    checkpoint: Classifier, tmp_path: Path, broken: Callable[[], Classifier]
) -> None:
    with pytest.raises(ParityError) as caught:
        check_parity(checkpoint, _session(broken(), tmp_path), NAMES, PIXELS)
    assert caught.value.source in NAMES
    assert caught.value.key == "logits"
    assert "the graph's logits differ from the checkpoint's by" in str(caught.value)
    assert "nothing was written" in str(caught.value)


def test_an_embedding_that_differs_is_stopped_though_logits_agree(checkpoint: Classifier, tmp_path: Path) -> None:
    class Longer(Around):
        def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            logits, embedding = self.inner(pixels)
            return logits, embedding * 1.01

    with pytest.raises(ParityError, match="embeddings differ") as caught:
        check_parity(checkpoint, _session(Longer(checkpoint), tmp_path), NAMES, PIXELS)
    assert caught.value.key == "embeddings"


def test_not_a_number_is_stopped(checkpoint: Classifier, tmp_path: Path) -> None:
    def poison(proto: onnx.ModelProto) -> None:
        bias = next(value for value in proto.graph.initializer if value.name == "head.bias")
        bias.CopyFrom(numpy_helper.from_array(np.full(5, np.nan, np.float32), "head.bias"))

    with pytest.raises(ParityError, match="by inf"):
        check_parity(checkpoint, _session(checkpoint, tmp_path, poison), NAMES, PIXELS)


def test_a_graph_whose_answer_depends_on_its_neighbours_is_stopped(checkpoint: Classifier, tmp_path: Path) -> None:
    class Mixing(Around):
        """As the checkpoint, plus a trace of the batch's size."""

        def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            logits, embedding = self.inner(pixels)
            ones = pixels[:, 0, 0, 0].to(torch.float32) * 0 + 1
            return logits + 2e-5 * ones.sum(), embedding

    with pytest.raises(
        ParityError, match=r"a photo alone and among 32: a logit by [\d.]+e-04, 0\.0001 allowed"
    ) as caught:
        check_parity(checkpoint, _session(Mixing(checkpoint), tmp_path), NAMES, PIXELS)
    assert caught.value.key == "batch"


def test_batch_delta_uses_full_batches_of_every_photo(checkpoint: Classifier, tmp_path: Path) -> None:
    session = _session(checkpoint, tmp_path)
    sizes: list[int] = []
    run = session.run
    session.run = lambda pixels: sizes.append(len(pixels)) or run(pixels)  # type: ignore[method-assign]
    assert batch_delta(session, PIXELS) < 1e-4
    assert sizes == [1] * len(PIXELS) + [32]


@pytest.mark.parametrize(
    ("expected", "got", "rows"),
    [
        ([[1.0, 0.0]], [[1.0, 0.0]], []),
        ([[1.0, 0.0]], [[0.0, 1.0]], [0]),
        ([[1.0, 0.9995]], [[0.9995, 1.0]], []),
        ([[1.0, 0.9985], [3, 2]], [[0.9985, 1.0], [3, 2]], [0]),
    ],
    ids=["same", "other", "tie within 1e-3", "no tie"],
)
def test_other_answers(expected: list[list[float]], got: list[list[float]], rows: list[int]) -> None:
    assert other_answers(np.array(expected), np.array(got), 1e-3).tolist() == rows

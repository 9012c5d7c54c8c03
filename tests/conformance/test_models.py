"""Every network that `catalens train --models` lists, and what training and export ask of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from timm.models.vgg import ConvMlp
from torch import nn
from torch.nn import functional as F

from catalens.core.errors import ConfigError
from catalens.core.preprocess import Preprocess
from catalens.export.onnx import export_onnx
from catalens.export.parity import check_parity
from catalens.predict.session import Session
from catalens.train.backbones import create, last_stages
from catalens.train.cnn import OWN_MODELS
from catalens.train.input_size import accept_small_squares
from catalens.train.model import build
from catalens.train.zoo import cost, listed, milliseconds

SMALL = (  # computed; the rest is looked at on torch's meta device, where there are shapes and no numbers
    *OWN_MODELS,
    "mobilenetv2_100",
    "mobilenetv3_large_100",
    "mobilenetv4_conv_small",
    "efficientnet_b0",
    "resnet18",
    "vit_tiny_patch16_224",
)
LEAST = {"inception_v3": 75, "vgg16": 32, "vgg19": 32, "convnext_tiny": 32}
SIZE = 64


def squares(count: int, size: int = SIZE) -> torch.Tensor:
    return torch.randint(0, 256, (count, size, size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", SMALL)
def test_answers_for_uint8_squares(name: str) -> None:
    backbone = create(name, size=SIZE)
    model = build(backbone, Preprocess(size=SIZE), classes=5, dropout=0.0).eval()
    with torch.no_grad():
        logits, embedding = model(squares(3))
    assert logits.shape == (3, 5)
    assert embedding.shape == (3, backbone.features)
    assert torch.allclose(embedding.norm(dim=1), torch.ones(3), atol=1e-5)


@pytest.mark.parametrize("name", listed())
def test_its_shapes_are_those_that_it_states(name: str) -> None:
    size = 96
    with torch.device("meta"):
        backbone = create(name, size=size)
        model = build(backbone, Preprocess(size=size), classes=7, dropout=0.1)
        logits, embedding = model(torch.empty(2, size, size, 3, dtype=torch.uint8))
    assert logits.shape == (2, 7)
    assert embedding.shape == (2, backbone.features)


@pytest.mark.parametrize("name", SMALL)
def test_a_step_reaches_every_parameter_and_lessens_the_loss(name: str) -> None:
    torch.manual_seed(0)
    model = build(create(name, size=SIZE), Preprocess(size=SIZE), classes=4, dropout=0.0)
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0  # the loss before and after is of the same network
    pixels, labels = squares(8), torch.arange(8) % 4
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(4):
        loss = F.cross_entropy(model(pixels)[0], labels)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        unreached = [key for key, parameter in model.named_parameters() if parameter.grad is None]
        assert not unreached
        assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
        optimizer.step()
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", [*listed(), "swin_tiny_patch4_window7_224", "densenet121"])
def test_its_last_stage_is_a_part_of_it(name: str) -> None:
    with torch.device("meta"):
        network = create(name, size=96).network
    names = {name for name, _ in network.named_parameters()}
    last = last_stages(network, 1)
    assert any(network.get_parameter(name).ndim > 1 for name in last), "a stage is more than the norm behind it"
    assert names - last, "and it is not all there is"
    assert last < last_stages(network, 2)


@pytest.mark.parametrize("name", listed())
def test_its_cost_is_counted(name: str) -> None:
    counted = cost(name)
    assert counted.params > 10_000
    assert counted.gmacs > 0.01
    assert counted.ms is None, "not measured unless asked for"
    assert counted.weights in (("none",) if name in OWN_MODELS else ("cached", "download"))


def test_the_counted_cost_is_that_of_the_paper() -> None:
    counted = cost("resnet50")
    assert counted.params == 25_557_032 - 1000 * 2049, "He et al. 2016, without the classifier"
    assert counted.gmacs == pytest.approx(4.09, abs=0.05)


@pytest.mark.parametrize("name", SMALL)
def test_its_time_is_measured(name: str) -> None:
    with torch.device("meta"):
        network = create(name, size=SIZE).network.eval()
    assert 0 < milliseconds(network, SIZE) < 5000


@pytest.mark.parametrize("name", LEAST)
def test_a_size_that_is_too_small_is_refused_with_the_least(name: str) -> None:
    least = LEAST[name]
    with torch.device("meta"):
        create(name, size=least)
        with pytest.raises(ConfigError, match=f"{name}.* {least - 1} pixels; it takes {least} pixels and more"):
            create(name, size=least - 1)


@pytest.mark.parametrize(
    ("size", "advice"), [(40, "try 32 or 48"), (225, "try 224 or 240"), (10, "try 16")], ids=["40", "225", "10"]
)
def test_a_transformer_is_told_multiples_of_its_patches(size: int, advice: str) -> None:
    with torch.device("meta"):
        with pytest.raises(ConfigError, match=f"patches of 16 pixels, and {size} is no multiple; {advice}"):
            create("vit_tiny_patch16_224", size=size)
        assert create("vit_tiny_patch16_224", size=size // 16 * 16 or 16).features == 192


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_vggs_head_takes_small_squares_as_timm_does_and_exports(tmp_path: Path) -> None:
    theirs = ConvMlp(8, 16, 7).eval()
    ours = accept_small_squares(nn.Sequential(ConvMlp(8, 16, 7))).eval()
    ours[0].load_state_dict(theirs.state_dict())
    for height, width in ((1, 1), (2, 2), (3, 5), (7, 4), (8, 9)):
        found = torch.randn(2, 8, height, width, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            assert torch.allclose(ours(found), theirs(found), atol=1e-5)
    with torch.no_grad():
        torch.onnx.export(ours, (torch.zeros(1, 8, 4, 4),), str(tmp_path / "m.onnx"), dynamo=False, opset_version=17)
    with torch.device("meta"):
        assert create("vgg11", size=64).network.pre_logits._forward_pre_hooks, "and so has VGG itself"


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("lightweight_cnn", 40),
        ("attention_cnn", 48),
        ("mobilenetv2_100", 64),
        ("mobilenetv4_conv_small", 64),
        ("vit_tiny_patch16_224", 48),
    ],
)
def test_its_graph_answers_as_it_does(name: str, size: int, tmp_path: Path) -> None:
    torch.manual_seed(2)
    preprocess = Preprocess(size=size)
    model = build(create(name, size=size), preprocess, classes=6, dropout=0.2).eval()
    with torch.no_grad():
        model.head.weight.normal_()  # classes whole logits apart, as a trained network's are
    shapes = export_onnx(model, preprocess, tmp_path / "model.onnx")
    session = Session.of_graph(
        tmp_path / "model.onnx", preprocess=preprocess, classes=shapes.classes, embedding_dim=shapes.embedding_dim
    )
    pixels = squares(5, size).numpy()
    report = check_parity(model, session, [str(number) for number in range(5)], pixels)
    assert report.images == 5
    assert np.isfinite(report.logit_delta)


@pytest.mark.parametrize("name", OWN_MODELS)
def test_ours_are_timm_models(name: str) -> None:
    network = timm.create_model(name, num_classes=7)
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 7)
    network.reset_classifier(3)
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 3)
    with pytest.raises(ConfigError, match="no pretrained weights"):
        timm.create_model(name, pretrained=True)


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'resnet50'"):
        create("resnet5O", size=64)

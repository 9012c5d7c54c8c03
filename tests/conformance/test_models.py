"""Every network that `catalens train --models` lists, and what training and export ask of it."""

from __future__ import annotations

import pytest
import timm
import torch

from catalens.core.errors import ConfigError
from catalens.core.preprocess import Preprocess
from catalens.train.backbones import create, last_stages
from catalens.train.cnn import OWN_MODELS
from catalens.train.model import build
from catalens.train.zoo import cost, listed

SMALL = (*OWN_MODELS, "mobilenetv2_100", "resnet18", "vit_tiny_patch16_224")  # the rest is looked at without computing
SIZE = 64


@pytest.mark.parametrize("name", SMALL)
def test_answers_for_uint8_squares(name: str) -> None:
    backbone = create(name, size=SIZE)
    model = build(backbone, Preprocess(size=SIZE), classes=5, dropout=0.0).eval()
    with torch.no_grad():
        logits, embedding = model(torch.randint(0, 256, (3, SIZE, SIZE, 3), dtype=torch.uint8))
    assert logits.shape == (3, 5)
    assert embedding.shape == (3, backbone.features)
    assert torch.allclose(embedding.norm(dim=1), torch.ones(3), atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_its_last_stage_is_a_part_of_it(name: str) -> None:
    network = create(name, size=SIZE).network
    names = {name for name, _ in network.named_parameters()}
    last = last_stages(network, 1)
    assert last & names, "the last stage holds parameters"
    assert names - last, "and is not all there is"
    assert last < last_stages(network, 2)


@pytest.mark.parametrize("name", listed())
def test_its_cost_is_counted(name: str) -> None:
    counted = cost(name)
    assert counted.params > 10_000
    assert counted.gmacs > 0.01


def test_the_counted_cost_is_that_of_the_paper() -> None:
    counted = cost("resnet50")
    assert counted.params == 25_557_032 - 1000 * 2049, "He et al. 2016, without the classifier"
    assert counted.gmacs == pytest.approx(4.09, abs=0.05)


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

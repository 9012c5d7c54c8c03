"""Channels last on the way back: only the layout differs, and it does."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from catalens.core.preprocess import Preprocess
from catalens.train.backbones import create
from catalens.train.model import Classifier, build

SIZE = 64
PIXELS = torch.randint(0, 256, (2, SIZE, SIZE, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def _built(name: str, *, channels_last: bool) -> Classifier:
    torch.manual_seed(0)
    backbone = create(name, weights="scratch", size=SIZE)
    model = build(backbone, Preprocess(size=SIZE), classes=3, dropout=0.0, channels_last=channels_last)
    return model.train()


def _gradient(model: Classifier, before_pool: str) -> Tensor:
    """Of what is pooled, for one batch."""
    found: list[Tensor] = []
    stage = model.backbone.get_submodule(before_pool)
    stage.register_forward_hook(lambda module, args, output: output.register_hook(found.append) and None)
    logits, *_ = model(PIXELS)
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 2])).backward()
    (gradient,) = found
    return gradient


@pytest.mark.parametrize(
    ("name", "before_pool"),
    [("residual_cnn", "stages"), ("mobilenetv2_100", "bn2"), ("resnet18", "layer4"), ("convnext_atto", "stages")],
)
def test_what_is_pooled_gets_its_gradient_with_channels_last(name: str, before_pool: str) -> None:
    model = _built(name, channels_last=True)
    gradient = _gradient(model, before_pool)
    assert gradient.shape[2] > 1
    assert gradient.is_contiguous(memory_format=torch.channels_last)
    plain = _built(name, channels_last=False)
    expected = _gradient(plain, before_pool)
    assert expected.is_contiguous()
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-6)


def test_a_network_whose_arrays_are_not_channels_first_is_left_alone() -> None:
    model = _built("swin_tiny_patch4_window7_224", channels_last=True)  # [N, H, W, C] at its pool
    assert _gradient(model, "norm").is_contiguous()


def test_what_is_not_trained_is_computed_as_ever() -> None:
    model, plain = (_built("residual_cnn", channels_last=last).eval() for last in (True, False))
    with torch.no_grad():
        graphs = [
            str(torch.jit.trace(each.backbone, torch.zeros(1, 3, SIZE, SIZE), check_trace=False).inlined_graph)
            for each in (model, plain)
        ]
    assert [graph.count("aten::mean") for graph in graphs] == [1, 1]
    assert [graph.count("aten::permute") for graph in graphs] == [0, 0]

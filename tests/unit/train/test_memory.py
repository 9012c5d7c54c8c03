"""The batch that fits: from what autograd keeps, without running out of memory to find out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from catalens.core.errors import TrainingError
from catalens.core.preprocess import Preprocess
from catalens.train.backbones import create
from catalens.train.memory import fitting_batch, kept_bytes
from catalens.train.model import build


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    return build(create("lightweight_cnn", size=64), Preprocess(size=64), classes=5, dropout=0.1)


def test_four_times_the_pixels_keep_about_four_times_the_bytes(model: nn.Module) -> None:
    small, large = kept_bytes(model, 32), kept_bytes(model, 64)
    assert small > 32 * 32 * 32 * 4, "at least the first convolution's output"
    assert large / small == pytest.approx(4, rel=0.3)


def test_measuring_leaves_the_model_as_it_was(model: nn.Module) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.eval()
    kept_bytes(model, 32)
    assert not model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_twice_the_memory_is_about_twice_the_batch(model: nn.Module) -> None:
    photo = kept_bytes(model, 64)
    sizes = [fitting_batch(model, 64, photos=10**6, free=int(photo * 100 * times)) for times in (1, 2, 4)]
    assert sizes[1] == 2 * sizes[0]
    assert sizes[2] == 4 * sizes[0]
    assert sizes[0] * photo < photo * 100


def test_few_photos_keep_the_batch_small(model: nn.Module) -> None:
    assert fitting_batch(model, 32, photos=70, free=10**12) == 8
    assert fitting_batch(model, 32, photos=10**6, free=10**12) == 256


def test_too_little_memory_says_how_much_is_needed(model: nn.Module) -> None:
    with pytest.raises(TrainingError, match=r"a batch of 4 photos of 64 pixels needs about .* GB"):
        fitting_batch(model, 64, photos=100, free=10**6)

"""What a step changes, and what it leaves alone."""

from __future__ import annotations

import copy

import pytest
import torch

from catalens.core.preprocess import Preprocess
from catalens.train.backbones import create
from catalens.train.batches import Plan
from catalens.train.mixing import Mixer
from catalens.train.model import Normalise, build
from catalens.train.module import Objective, TrainModule
from catalens.train.rates import parameter_groups, warmup_constant, warmup_cosine
from catalens.train.settings import TrainSettings


def module(**settings: object) -> TrainModule:
    torch.manual_seed(0)
    chosen = TrainSettings(model="residual_cnn", size=32, **settings)
    model = build(create("residual_cnn", size=32), Preprocess(size=32), classes=3, dropout=0.1)
    objective = Objective(torch.nn.CrossEntropyLoss(), Mixer(0, 0, 0, 3))
    return TrainModule(model, chosen, Plan(8, (32,), (4,), 1), objective)


def changed(trained: TrainModule) -> set[str]:
    """Names in the model's state that one training step alters."""
    before = copy.deepcopy(trained.model.state_dict())
    trained.train()
    trainable = [parameter for parameter in trained.model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trainable, lr=0.1)
    logits, _ = trained.model(torch.randint(0, 256, (4, 32, 32, 3), dtype=torch.uint8))
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 0])).backward()
    optimizer.step()
    after = trained.model.state_dict()
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_probe_changes_the_head_only_and_no_statistics() -> None:
    assert changed(module(mode="probe")) == {"head.weight", "head.bias"}


def test_last_changes_the_last_stage_and_the_head() -> None:
    names = changed(module(mode="last"))
    assert {"head.weight", "head.bias"} < names
    assert all(name.startswith(("head.", "backbone.stages.3.")) for name in names)
    assert "backbone.stages.3.0.first.1.running_mean" in names


def test_full_changes_everything() -> None:
    names = changed(module(mode="full"))
    assert "backbone.stem.0.weight" in names
    assert "backbone.stem.1.running_mean" in names


def test_freeze_norm_keeps_the_statistics_while_weights_learn() -> None:
    names = changed(module(mode="full", freeze_norm=True))
    assert "backbone.stem.0.weight" in names
    assert not [name for name in names if "running" in name]


def test_the_averaged_weights_follow_slowly() -> None:
    trained = module(ema=0.9)
    start = trained.averaged.module.head.bias.clone()
    with torch.no_grad():
        trained.model.head.bias.add_(1.0)
    trained.averaged.update(trained.model, step=10_000)
    assert torch.allclose(trained.averaged.module.head.bias - start, torch.full((3,), 0.1), atol=1e-5)
    assert trained.result is trained.averaged.module
    assert module(ema=0).result is not None


def test_the_backbone_has_its_own_rate_and_norms_no_decay() -> None:
    trained = module(lr=0.01, backbone_lr=0.1, weight_decay=0.5)
    groups = parameter_groups(trained.model, trained.settings)
    rates = {(group["lr"], group["weight_decay"]): len(group["params"]) for group in groups}
    assert set(rates) == {(0.001, 0.5), (0.001, 0.0), (0.01, 0.5), (0.01, 0.0)}
    assert rates[0.01, 0.5] == rates[0.01, 0.0] == 1


def test_earlier_stages_learn_more_slowly() -> None:
    trained = module(lr=0.01, weight_decay=0, layer_decay=0.5)
    rates = {
        id(parameter): group["lr"]
        for group in parameter_groups(trained.model, trained.settings)
        for parameter in group["params"]
    }
    by_name = {name: rates[id(parameter)] for name, parameter in trained.model.named_parameters()}
    assert by_name["head.weight"] == by_name["backbone.stages.3.0.first.0.weight"] == 0.01
    assert by_name["backbone.stages.2.0.first.0.weight"] == pytest.approx(0.005)
    assert by_name["backbone.stages.0.0.first.0.weight"] == pytest.approx(0.01 / 8)
    assert by_name["backbone.stem.0.weight"] == pytest.approx(0.01 / 16)


def test_a_constant_rate_rises_and_stays() -> None:
    assert [warmup_constant(step, warmup=2, steps=9) for step in (0, 1, 2, 8)] == [0.5, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("step", "factor"),
    [(0, 0.25), (3, 1.0), (4, 1.0), (9, 0.5), (14, 0.0)],
    ids=["first", "warm", "peak", "half", "end"],
)
def test_the_rate_rises_and_falls(step: int, factor: float) -> None:
    assert warmup_cosine(step, warmup=4, steps=14) == pytest.approx(factor, abs=1e-9)


def test_normalise_is_the_published_arithmetic() -> None:
    pixels = torch.randint(0, 256, (2, 8, 8, 3), dtype=torch.uint8)
    preprocess = Preprocess(size=8, mean=(0.1, 0.2, 0.3), std=(0.5, 0.4, 0.3))
    expected = (pixels.double() / 255 - torch.tensor(preprocess.mean).double()) / torch.tensor(preprocess.std).double()
    assert torch.allclose(Normalise(preprocess)(pixels).double(), expected.permute(0, 3, 1, 2), atol=1e-5)


@pytest.mark.parametrize("channels_last", [True, False])
def test_the_memory_layout_is_the_one_asked_for(channels_last: bool) -> None:
    pixels = torch.zeros(2, 8, 8, 3, dtype=torch.uint8)
    found = Normalise(Preprocess(size=8), channels_last=channels_last)(pixels)
    assert found.is_contiguous(memory_format=torch.channels_last) == channels_last
    assert found.is_contiguous() == (not channels_last)

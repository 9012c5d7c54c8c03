"""Averaged weights are timm's, whatever is frozen, and only what training changes is touched."""

from __future__ import annotations

import pytest
import torch
from timm.utils.model_ema import ModelEmaV3
from torch import nn

from catalens.train.averaging import Averaged, changing


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4))


def frozen_first(model: nn.Sequential) -> nn.Sequential:
    """As a run in mode `last` has it: the first two parts are still."""
    model.train()
    for part in model[:2]:
        part.requires_grad_(False).eval()
    return model


@pytest.mark.parametrize("frozen", [False, True])
def test_the_average_is_that_of_timm(frozen: bool) -> None:
    model = frozen_first(network()) if frozen else network().train()
    ours, theirs = Averaged(model, decay=0.9), ModelEmaV3(model, decay=0.9, use_warmup=True)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5)
    for step in range(1, 12):
        model(torch.rand(4, 3, 8, 8)).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
        ours.update(model, step=step)
        theirs.update(model, step=step)
    for (name, found), expected in zip(
        ours.module.state_dict().items(), theirs.module.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(found, expected, msg=name)
    assert not torch.equal(ours.module[2].weight, model[2].weight)
    assert ours.module[3].num_batches_tracked == 11
    assert not any(parameter.requires_grad for parameter in ours.parameters())


def test_what_is_frozen_is_not_among_the_tensors() -> None:
    model = frozen_first(network())
    pairs = changing(Averaged(model, decay=0.9).module, model)
    assert len(pairs) == 2 + 2 + 3  # a convolution and a norm, the norm's statistics
    assert len(changing(Averaged(network(), decay=0.9).module, network().train())) == 2 * 7


def test_tensors_are_found_again_after_a_move() -> None:
    model = network().train()
    averaged = Averaged(model, decay=0.5)
    averaged.update(model, step=1)
    model.double()
    averaged.double()
    averaged.look_again()
    with torch.no_grad():
        model[0].weight.add_(1)
    averaged.update(model, step=1)
    torch.testing.assert_close(averaged.module[0].weight, model[0].weight)

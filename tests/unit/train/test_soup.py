"""Weights averaged: the mean of each tensor, batch norm anew, a run folder that exports, and what does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.builders.catalogs import striped_catalog
from tests.unit.compare.conftest import QUICK, quick
from torch import nn

from catalens.compare.run import run as compare
from catalens.core.catalog import Catalog
from catalens.core.errors import ConfigError
from catalens.train.backbones import create
from catalens.train.checkpoint import load_run
from catalens.train.run import run
from catalens.train.settings import TrainSettings
from catalens.train.soup import average, cook, refresh_norms


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return striped_catalog(tmp_path_factory.mktemp("soup") / "shop.catalog", products=48, photos=1)


@pytest.fixture(scope="module")
def runs(shop: Catalog, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    for seed in (0, 1):
        run(shop, folder / str(seed), TrainSettings.model_validate({**QUICK, "model": "lightweight_cnn", "seed": seed}))
    return [folder / "0", folder / "1"]


def test_the_mean_of_each_tensor_and_counters_of_the_first() -> None:
    first = {"w": torch.tensor([1.0, 2.0]), "steps": torch.tensor(5)}
    second = {"w": torch.tensor([3.0, -2.0]), "steps": torch.tensor(9)}
    mean = average([first, second])
    assert mean["w"].tolist() == [2.0, 0.0]
    assert mean["w"].dtype == torch.float32
    assert mean["steps"].item() == 5


def test_batch_norm_anew_is_the_mean_and_variance_of_what_flows_through() -> None:
    model = nn.Sequential(nn.BatchNorm2d(1))
    squares = [torch.rand(1, 4, 4, generator=torch.Generator().manual_seed(seed)) * seed for seed in range(8)]
    refresh_norms(model, squares)
    norm = model[0]
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_mean.item() == pytest.approx(torch.stack(squares).mean().item(), rel=1e-5)
    assert norm.momentum == 0.1
    assert not norm.training


def test_uniform_soup_is_a_run_of_the_mean_weights(shop: Catalog, runs: list[Path], tmp_path: Path) -> None:
    soup = cook(runs, tmp_path / "soup", shop, how="uniform")
    assert sorted(soup.ingredients) == [0, 1]
    assert soup.norm_photos == 24
    mean = average([load_run(folder).model.state_dict() for folder in runs])
    cooked = load_run(tmp_path / "soup").model.state_dict()
    for name, tensor in mean.items():
        same = torch.allclose(cooked[name], tensor)
        assert same or "running" in name or "num_batches" in name, name
    assert not torch.allclose(cooked["backbone.stages.0.0.1.running_var"], mean["backbone.stages.0.0.1.running_var"])


def test_greedy_soup_is_never_worse_on_val_than_the_best_run(shop: Catalog, runs: list[Path], tmp_path: Path) -> None:
    alone = max(cook([folder], tmp_path / folder.name, shop).val_top1 for folder in runs)
    assert cook(runs, tmp_path / "soup", shop).val_top1 >= alone


def test_other_shapes_are_an_error(shop: Catalog, runs: list[Path], tmp_path: Path) -> None:
    other = TrainSettings.model_validate({**QUICK, "model": "basic_cnn", "epochs": 1})
    run(shop, tmp_path / "other", other)
    with pytest.raises(ConfigError, match="tensors have other shapes"):
        cook([runs[0], tmp_path / "other"], tmp_path / "soup", shop)


def test_a_soup_of_the_same_pretrained_weights_is_a_row(shop: Catalog, tmp_path: Path) -> None:
    weights = tmp_path / "small.safetensors"
    torch.manual_seed(0)
    save_file(create("lightweight_cnn", size=32).network.state_dict(), weights)
    settings = quick(vary={"seed": [0, 1]}, train={"weights": str(weights)}, soup="uniform")
    found = compare(shop, tmp_path / "out", settings)
    (row,) = [row for row in found.rows if row.kind == "soup"]
    assert set(row.of) == {"lightweight_cnn seed=0", "lightweight_cnn seed=1"}
    assert "batch norm recomputed on 24 photos" in row.note
    assert row.test is not None
    assert row.params == next(one for one in found.rows if one.kind == "model").params
    again = compare(shop, tmp_path / "out", settings)
    assert row in again.rows

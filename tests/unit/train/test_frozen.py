"""The frozen trunk is computed once: a training on its outputs is the training it stands for."""

from __future__ import annotations

import copy
import csv
import dataclasses
import errno
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.builders.catalogs import striped_catalog
from torch import nn

from catalens.core.errors import CatalogError, ConfigError
from catalens.core.preprocess import Preprocess
from catalens.train import frozen, rowfile, trunk
from catalens.train.augment import MILD, Augment
from catalens.train.backbones import create
from catalens.train.batches import make_plan
from catalens.train.dataset import PhotoDataset, photos_of
from catalens.train.frozen import FrozenDataset, prepare
from catalens.train.mixing import Mixer
from catalens.train.model import Classifier, build
from catalens.train.module import Objective, TrainModule
from catalens.train.run import run
from catalens.train.settings import TrainSettings
from catalens.train.split import split

PREPROCESS = Preprocess(size=32)
NETWORKS = {
    "lightweight_cnn": "stages.2",
    "mobilenetv2_100": "blocks.6",
    "resnet18": "layer4",
    "vit_tiny_patch16_224": "blocks.11",
    "convnext_atto": "stages.3",
}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return striped_catalog(tmp_path_factory.mktemp("train") / "striped.catalog", products=24)


def settings(**changes: object) -> TrainSettings:
    values = {"model": "lightweight_cnn", "size": 32, "mode": "last", "views": 2, "workers": 0, "augment": "light"}
    return TrainSettings.model_validate({**values, **changes})


def classifier(given: TrainSettings) -> Classifier:
    torch.manual_seed(0)
    model = build(create(given.model, size=32), PREPROCESS, classes=4, dropout=given.dropout)
    # activations of a network from scratch are too even to tell photos apart; statistics as after some training
    for module in model.backbone.modules():
        if isinstance(module, nn.Dropout) and given.mode == "probe":
            module.p = 0.0  # a frozen trunk is computed as in validation
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 2)
    return model


def trained(model: Classifier, given: TrainSettings) -> TrainModule:
    """In training mode, with what the mode freezes frozen."""
    mixer = Mixer(given.mixup, given.cutmix, given.mix_share, classes=4)
    return TrainModule(model, given, make_plan(given, 24, 8), Objective(nn.CrossEntropyLoss(), mixer)).train()


def datasets(catalog, given: TrainSettings) -> tuple[PhotoDataset, PhotoDataset]:
    train, val = (photos_of(catalog, part, catalog.taxonomy) for part in ("train", "val"))
    augment = Augment(given.augment, given.size, seed=given.seed, erasing=given.erasing)
    return PhotoDataset(train, PREPROCESS, augment), PhotoDataset(val, PREPROCESS)


def pixels(count: int = 4) -> torch.Tensor:
    return torch.randint(0, 256, (count, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("mode", ["probe", "last"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_on_the_rest_is_a_step_on_the_whole(name: str, mode: str) -> None:
    """Outputs, gradients and batch statistics, with dropout and batch norm as in training."""
    given = settings(model=name, mode=mode)
    whole = trained(classifier(given), given).model
    module = trained(copy.deepcopy(whole), given)
    parts = split(module.model, given)
    assert parts.cut == (NETWORKS[name] if mode == "last" else "head")
    activation = parts.trunk(pixels())
    assert not activation.requires_grad
    results = []
    for model, forward, given_pixels in ((whole, whole, pixels()), (module.model, parts.rest, activation)):
        torch.manual_seed(7)
        logits, embedding = forward(given_pixels)
        (logits.square().sum() + embedding[:, 0].sum()).backward()
        gradients = {key: p.grad for key, p in model.named_parameters() if p.requires_grad}
        results.append((logits, embedding, gradients, dict(model.named_buffers())))
    (logits, embedding, gradients, buffers), (logits_2, embedding_2, gradients_2, buffers_2) = results
    torch.testing.assert_close(logits, logits_2, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(embedding, embedding_2, rtol=1e-3, atol=1e-5)
    assert gradients.keys() == gradients_2.keys()
    assert all(value is not None for value in gradients_2.values())
    for key in gradients:
        torch.testing.assert_close(gradients[key], gradients_2[key], rtol=1e-2, atol=1e-4)
    for key in buffers:
        torch.testing.assert_close(buffers[key], buffers_2[key], rtol=1e-3, atol=1e-5)


def test_the_trunk_is_not_computed_again_and_adds_no_parameters() -> None:
    given = settings()
    model = classifier(given)
    before = [name for name, _ in model.named_modules()]
    parts = split(model, given)
    activation = parts.trunk(pixels())
    seen: list[str] = []
    for name, module in model.named_modules():
        module.register_forward_pre_hook(lambda module, args, name=name: seen.append(name))
    parts.rest(activation)
    assert not [name for name in seen if name.startswith(("backbone.stages.0", "backbone.stages.1"))]
    assert "backbone.stages.2.0.0" in seen
    assert [name for name, _ in model.named_modules()] == before


@pytest.mark.parametrize("name", NETWORKS)
def test_the_fast_trunk_is_the_trunk(name: str) -> None:
    given = settings(model=name)
    model = classifier(given)
    parts = split(model, given)
    made = trunk.fast(model, parts, given.size)
    assert made is not None, "it was traced, and agrees"
    for count in (1, 5):
        found = torch.from_numpy(made.run(pixels(count).numpy()))
        torch.testing.assert_close(found, parts.trunk(pixels(count)).contiguous(), rtol=1e-3, atol=1e-4)


def test_a_trunk_that_cannot_be_traced_is_left_as_it_is() -> None:
    given = settings()
    model = classifier(given)
    parts = split(model, given)

    def by_value(pixels: torch.Tensor) -> torch.Tensor:
        """Tracing keeps one branch of the two, and these two photos take it."""
        return parts.trunk(pixels) * (2.0 if len(pixels) == 3 else 1.0)

    assert trunk.fast(model, dataclasses.replace(parts, trunk=by_value), given.size) is None

    def failing(pixels: torch.Tensor) -> torch.Tensor:
        if torch.jit.is_tracing():
            raise RuntimeError("not on a trace")
        return parts.trunk(pixels)

    assert trunk.fast(model, dataclasses.replace(parts, trunk=failing), given.size) is None


def test_a_photo_that_cannot_be_read_ends_the_computing_with_its_cause(catalog, tmp_path: Path, monkeypatch) -> None:
    given = settings(cache_dir=tmp_path)
    square = PhotoDataset.square

    def broken(dataset: PhotoDataset, photo: int) -> np.ndarray:
        if photo == 3:
            raise CatalogError("a photo without bytes")
        return square(dataset, photo)

    monkeypatch.setattr(PhotoDataset, "square", broken)
    with pytest.raises(CatalogError, match="without bytes"):
        prepare(classifier(given), datasets(catalog, given)[0], None, given, tmp_path)


def test_modes_of_the_model_stay_as_they_are() -> None:
    given = settings()
    module = trained(classifier(given), given)
    before = {name: part.training for name, part in module.named_modules()}
    split(module.model, given).trunk(pixels())
    assert {name: part.training for name, part in module.named_modules()} == before


class Leaky(nn.Module):
    """A shortcut leads past the trained stage."""

    def __init__(self) -> None:
        super().__init__()
        self.num_features = 8
        self.stem = nn.Conv2d(3, 8, 3)
        self.stage = nn.Conv2d(8, 8, 1)

    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        return {"stem": r"^stem", "blocks": r"^stage"}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        return (self.stage(x) + x).mean((2, 3))


def test_a_network_that_cannot_be_cut_is_named() -> None:
    model = Classifier(PREPROCESS, Leaky(), features=8, classes=4)
    with pytest.raises(ConfigError, match=r"cannot be computed on its own.*'stage' is used behind it.*train\.views=0"):
        split(model, settings())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode": "full"}, r"'full' freezes nothing"),
        ({"last_stages": 3}, r"last_stages=3 trains all"),
        ({"sizes": (16, 32)}, r"sizes that grow"),
    ],
    ids=["full", "all stages", "progressive"],
)
def test_what_cannot_be_computed_once_says_so(catalog, tmp_path: Path, changes, message: str) -> None:
    given = settings(cache_dir=tmp_path, **changes)
    with pytest.raises(ConfigError, match=message) as caught:
        prepare(classifier(given), *datasets(catalog, given), given, tmp_path)
    assert caught.value.key == "views"


def test_without_views_nothing_is_prepared(catalog, tmp_path: Path) -> None:
    given = settings(views=0, cache_dir=tmp_path)
    assert prepare(classifier(given), *datasets(catalog, given), given, tmp_path) is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("traced", [True, False], ids=["traced", "in torch"])
def test_activations_are_those_of_the_augmented_photos(catalog, tmp_path: Path, monkeypatch, traced: bool) -> None:
    if not traced:
        monkeypatch.setattr(frozen, "fast", lambda *args: None)
    given = settings(cache_dir=tmp_path, dropout=0.0)
    model = classifier(given).eval()
    train, val = datasets(catalog, given)
    made = prepare(model, train, val, given, tmp_path / "run")
    assert made is not None
    assert made.val is not None
    rest = made.entry(model)
    assert len(made.train) == len(train)
    for epoch, view in ((0, 0), (1, 1), (2, 0), (7, 1)):
        places = [(epoch, 4), (epoch, 0), (epoch, 9)]
        activations, labels = made.train.__getitems__(places)
        shown, expected_labels = train.__getitems__([(view, photo) for _, photo in places])
        assert activations.dtype == torch.float32
        assert torch.equal(labels, expected_labels)
        torch.testing.assert_close(rest(activations)[0], model(shown)[0], rtol=1e-2, atol=1e-4)
        assert torch.equal(made.train[places[1]][0], activations[1])
    activations, labels = made.val.__getitems__([(5, 1), (0, 0)])
    torch.testing.assert_close(
        rest(activations)[0], model(val.__getitems__([(0, 1), (0, 0)])[0])[0], rtol=1e-2, atol=1e-4
    )


def photos_computed(monkeypatch) -> list[int]:
    seen: list[int] = []
    fetch = PhotoDataset.__getitems__

    def counted(dataset: PhotoDataset, places):
        seen.append(len(places))
        return fetch(dataset, places)

    monkeypatch.setattr(PhotoDataset, "__getitems__", counted)
    return seen


def test_a_later_run_computes_nothing_and_a_killed_one_goes_on(catalog, tmp_path: Path, monkeypatch) -> None:
    given = settings(cache_dir=tmp_path)
    train, val = datasets(catalog, given)
    seen = photos_computed(monkeypatch)
    put, calls = rowfile.RowFile.put, iter(range(1000))

    def killed(file: rowfile.RowFile, row: int, values: np.ndarray) -> None:
        if next(calls) == 8:
            raise KeyboardInterrupt
        put(file, row, values)

    monkeypatch.setattr(rowfile.RowFile, "put", killed)
    with pytest.raises(KeyboardInterrupt):
        prepare(classifier(given), train, val, given, tmp_path / "run")
    monkeypatch.setattr(rowfile.RowFile, "put", put)
    seen.clear()
    prepare(classifier(given), train, val, given, tmp_path / "run")
    assert sum(seen) == 2 * len(train) + len(val) - 8
    seen.clear()
    said: list[str] = []
    assert prepare(classifier(given), train, val, given, tmp_path / "other", say=said.append) is not None
    assert (sum(seen), said) == (0, [])


@pytest.mark.parametrize(
    "changes",
    [{"views": 3}, {"seed": 5}, {"augment": "mild"}, {"erasing": 0.5}, {"mode": "probe"}, {"last_stages": 2}],
    ids=str,
)
def test_what_changes_the_activations_computes_them_anew(catalog, tmp_path: Path, monkeypatch, changes) -> None:
    for changed in ({}, changes):
        given = settings(cache_dir=tmp_path, **changed)
        seen = photos_computed(monkeypatch)
        prepare(classifier(given), datasets(catalog, given)[0], None, given, tmp_path / "run")
    assert sum(seen) == given.views * 24


def test_a_policy_that_was_changed_under_its_name_computes_them_anew(catalog, tmp_path: Path, monkeypatch) -> None:
    given = settings(cache_dir=tmp_path, augment="mild")
    for brightness in (0.2, 0.6):
        monkeypatch.setattr("catalens.train.augment.MILD", dataclasses.replace(MILD, brightness=brightness))
        seen = photos_computed(monkeypatch)
        prepare(classifier(given), datasets(catalog, given)[0], None, given, tmp_path / "run")
    assert sum(seen) == given.views * 24


def test_other_weights_of_the_trunk_compute_them_anew(catalog, tmp_path: Path, monkeypatch) -> None:
    given = settings(cache_dir=tmp_path)
    for part, expected in (("stages.2", 0), ("stages.0", 48)):
        model = classifier(given)
        prepare(model, datasets(catalog, given)[0], None, given, tmp_path / "run")
        with torch.no_grad():
            for parameter in model.backbone.get_submodule(part).parameters():
                parameter.add_(0.1)
        seen = photos_computed(monkeypatch)
        prepare(model, datasets(catalog, given)[0], None, given, tmp_path / "run")
        assert sum(seen) == expected
        monkeypatch.undo()


def test_with_cache_none_they_lie_in_the_run_and_go_with_it(catalog, tmp_path: Path) -> None:
    given = settings(cache="none")
    made = prepare(classifier(given), *datasets(catalog, given), given, tmp_path)
    assert made is not None
    assert len(list((tmp_path / "frozen").glob("*.rows"))) == 2
    made.close()
    assert not list((tmp_path / "frozen").iterdir())


def test_a_full_disk_is_said_with_what_to_do(catalog, tmp_path: Path, monkeypatch) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(rowfile.os, "posix_fallocate", full)
    given = settings(cache_dir=tmp_path)
    with pytest.raises(ConfigError, match=r"disk is full.*train\.cache_dir.*train\.views=0"):
        prepare(classifier(given), *datasets(catalog, given), given, tmp_path)


def test_values_beyond_float16_stay_finite(catalog, tmp_path: Path) -> None:
    given = settings(cache_dir=tmp_path)
    model = classifier(given)
    with torch.no_grad():
        model.backbone.stages[1][0][1].weight.fill_(1e7)
    made = prepare(model, datasets(catalog, given)[0], None, given, tmp_path)
    assert made is not None
    activations, _ = made.train.__getitems__([(0, 0), (0, 1)])
    assert activations.max() == frozen.LARGEST


def test_a_file_that_vanished_under_a_run_is_an_error(catalog, tmp_path: Path) -> None:
    photos = photos_of(catalog, "train", catalog.taxonomy)
    file = rowfile.RowFile.on_disk(tmp_path / "a.rows", len(photos), (4,), "float16")
    with pytest.raises(CatalogError, match="changed while it was in use"):
        FrozenDataset(file, photos, views=1, channels_last=False)[0, 0]


@pytest.mark.parametrize("mode", ["last", "probe"])
def test_a_run_from_the_cache_learns_what_the_other_does(mode: str, tmp_path: Path) -> None:
    """Epoch e sees view e either way, so only the cache's float16 stands between the two."""
    catalog = striped_catalog(tmp_path / "shop.catalog", products=48)
    losses = {}
    for views in (0, 2):
        settings = TrainSettings.model_validate(
            {"model": "resnet18", "size": 32, "mode": mode, "views": views, "epochs": 2, "batch": 8, "augment": "mild"}
            | {"cache_dir": tmp_path / "cache", "tracking": "none", "lr": 3e-3}
        )
        run(catalog, tmp_path / f"{mode}-{views}", settings)
        with (tmp_path / f"{mode}-{views}" / "metrics.csv").open() as file:
            losses[views] = [float(row["train_loss"]) for row in csv.DictReader(file)]
    assert losses[2] == pytest.approx(losses[0], rel=0.01)

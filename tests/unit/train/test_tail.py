"""After training: what each change does, how one is chosen, and how it comes back with the model."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.builders.catalogs import striped_catalog

from catalens.core.errors import ConfigError
from catalens.core.preprocess import Preprocess
from catalens.train import tail
from catalens.train.backbones import create
from catalens.train.dataset import PhotoDataset, photos_of
from catalens.train.model import Classifier, build
from catalens.train.rebalance import PLAIN, Change, Linear, adjusted, between, changes, retrained, tau_normalised
from catalens.train.settings import TrainSettings

COUNTS = np.array([400, 200, 40, 4])


def overlapping(counts: np.ndarray, seed: int) -> tuple[torch.Tensor, np.ndarray]:
    """float16 [M, 8], int64 [M]: clouds of points whose categories cannot be told apart in every case."""
    generator = torch.Generator().manual_seed(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    centres = 1.8 * torch.eye(len(counts), 8)
    return (centres[labels] + torch.randn(len(labels), 8, generator=generator)).half(), labels


def trained(features: torch.Tensor, labels: np.ndarray) -> Linear:
    """Logistic regression, as the photos come."""
    head = torch.nn.Linear(8, 4)
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=60)

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = torch.nn.functional.cross_entropy(head(features.float()), torch.from_numpy(labels))
        value = value + 1e-3 * head.weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return Linear(head.weight.detach(), head.bias.detach())


@pytest.fixture(scope="module")
def plain() -> Linear:
    return trained(*overlapping(COUNTS, seed=0))


def table(plain: Linear, family: str, *, seed: int = 1) -> tuple[tail.Candidate, ...]:
    features, labels = overlapping(COUNTS * 3, seed=seed)
    other = retrained(plain, *overlapping(COUNTS, seed=0), smoothing=0.0, seed=0)
    return tail.measured(changes(family), plain, other, features, labels, COUNTS, COUNTS)


def test_adjusting_takes_the_prior_off_the_bias(plain: Linear) -> None:
    new = adjusted(plain, COUNTS, 0.5, None)
    assert new.weight is plain.weight
    assert torch.allclose(new.bias - plain.bias, torch.tensor(0.5 * np.log(400 / COUNTS)).float())
    capped = adjusted(plain, np.array([400, 200, 40, 0]), 0.5, 100)
    assert torch.allclose(capped.bias - plain.bias, torch.tensor(0.5 * np.log([1, 1, 2.5, 100])).float())


def test_tau_one_gives_all_weights_one_length(plain: Linear) -> None:
    lengths = tau_normalised(plain, 1.0).weight.norm(dim=1)
    assert torch.allclose(lengths, lengths.mean().expand(4))
    half = tau_normalised(plain, 0.5).weight.norm(dim=1)
    assert torch.allclose(half, (plain.weight.norm(dim=1) * lengths).sqrt())
    nothing = Linear(torch.zeros(4, 8), torch.zeros(4))
    assert tau_normalised(nothing, 1.0).weight.isfinite().all()


def test_retraining_follows_from_the_seed_and_helps_rare_categories(plain: Linear) -> None:
    features, labels = overlapping(COUNTS, seed=0)
    before = torch.get_rng_state()
    new = retrained(plain, features, labels, smoothing=0.1, seed=0)
    assert torch.equal(new.weight, retrained(plain, features, labels, smoothing=0.1, seed=0).weight)
    assert not torch.equal(new.weight, retrained(plain, features, labels, smoothing=0.1, seed=1).weight)
    assert torch.equal(torch.get_rng_state(), before)
    seen, truth = overlapping(np.array([200] * 4), seed=5)
    said = [(head(seen.float()).argmax(dim=1).numpy() == 3)[truth == 3].mean() for head in (plain, new)]
    assert said[1] > said[0] + 0.02


def test_between_is_between(plain: Linear) -> None:
    other = Linear(plain.weight + 1, plain.bias - 1)
    assert torch.allclose(between(plain, other, 0.25).weight, plain.weight + 0.25)
    assert torch.equal(between(plain, other, 1.0).bias, other.bias)


@pytest.mark.parametrize("family", ["adjust", "tau_norm", "crt", "auto"])
def test_a_family_begins_with_plain_and_holds_each_change_once(family: str) -> None:
    tried = changes(family)
    assert tried[0] == PLAIN
    assert len(set(tried)) == len(tried)
    assert len({(change.name, change.strength) for change in tried}) == len(tried)
    if family != "auto":
        assert {change.name for change in tried} == {"plain", family}
    assert set(tried) <= set(changes("auto"))


def test_what_is_measured_is_what_the_new_classifier_says(plain: Linear) -> None:
    """Over more photos than are computed at once."""
    features, labels = overlapping(COUNTS * 3, seed=1)
    other = retrained(plain, *overlapping(COUNTS, seed=0), smoothing=0.0, seed=0)
    assert len(labels) > 1024
    for candidate in table(plain, "auto")[::7]:
        said = candidate.change(plain, other, COUNTS)(features.float()).argmax(dim=1).numpy()
        assert candidate.top1 == pytest.approx((said == labels).mean(), abs=2e-3), candidate.change
        recalls = [(said[labels == label] == label).mean() for label in range(4)]
        assert candidate.macro_recall == pytest.approx(np.mean(recalls), abs=0.03)
        assert candidate.many == pytest.approx(np.mean(recalls[:2]), abs=2e-3)
        assert candidate.few == pytest.approx(recalls[3], abs=0.1)


def test_the_long_tail_gets_its_due_within_the_cost(plain: Linear) -> None:
    candidates = table(plain, "auto")
    chosen = tail.choose(candidates, 0.005)
    assert chosen.top1 >= candidates[0].top1 - 0.005
    assert chosen.macro_recall > candidates[0].macro_recall + 0.03
    assert chosen.macro_recall == max(c.macro_recall for c in candidates if c.top1 >= candidates[0].top1 - 0.005 - 1e-9)
    assert tail.choose(candidates, 1.0).macro_recall == max(c.macro_recall for c in candidates)


def test_of_equals_the_mildest_is_chosen() -> None:
    def candidate(change: Change, top1: float, macro: float, moved: float) -> tail.Candidate:
        return tail.Candidate(change, top1, macro, None, None, None, moved)

    plain = candidate(PLAIN, 0.8, 0.5, 0.0)
    wild, mild = candidate(Change(adjust=0.9), 0.8, 0.6, 0.3), candidate(Change(adjust=0.1), 0.797, 0.6, 0.1)
    dear = candidate(Change(adjust=2.0), 0.796, 0.9, 0.4)
    assert tail.choose([plain, wild, mild, dear], 0.003) is mild
    assert tail.choose([plain, candidate(Change(crt=1.0), 0.9, 0.5, 0.2)], 0.0) is plain


@dataclasses.dataclass(frozen=True)
class Shop:
    """A striped catalog, an untrained model and what `improve` wants."""

    model: Classifier
    train: PhotoDataset
    val: PhotoDataset
    counts: np.ndarray

    def improve(self, family: str, *, val: bool = True, **settings: object) -> tail.Improvement:
        chosen = TrainSettings(model="lightweight_cnn", size=32, workers=0, tail=family, **settings)
        return tail.improve(self.model, self.train, self.val if val else None, self.counts, chosen)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    catalog = striped_catalog(tmp_path / "shop.catalog", products=24, photos=1)
    preprocess = Preprocess(size=32)
    torch.manual_seed(0)
    model = build(create("lightweight_cnn", size=32), preprocess, classes=4, dropout=0.5)
    train, val = (PhotoDataset(photos_of(catalog, part, catalog.taxonomy), preprocess) for part in ("train", "val"))
    return Shop(model, train, val, np.bincount(train.photos.labels, minlength=4))


@pytest.mark.parametrize("family", ["none", "adjust", "tau_norm", "crt", "auto"])
def test_saved_and_applied_it_is_the_same_model_but_for_the_classifier(shop: Shop, family: str, tmp_path: Path) -> None:
    shop.model.train()
    state = {name: value.clone() for name, value in shop.model.state_dict().items()}
    improvement = shop.improve(family, tail_cost=0.9)
    assert shop.model.training
    assert all(torch.equal(value, state[name]) for name, value in shop.model.state_dict().items())
    improvement = dataclasses.replace(improvement, bias=improvement.bias + torch.arange(4.0))
    tail.save(improvement, tmp_path)
    pixels = torch.from_numpy(shop.val.square(0).copy())[None]
    shop.model.eval()
    before = shop.model(pixels)[1]
    assert tail.apply(shop.model, tmp_path)
    assert torch.equal(shop.model.head.weight, improvement.weight)
    assert torch.equal(shop.model.head.bias, improvement.bias)
    assert torch.equal(shop.model(pixels)[1], before)
    written = json.loads((tmp_path / "tail.json").read_text())
    assert len(written["tried"]) == len(improvement.candidates)
    assert written["chosen"]["name"] == improvement.chosen.name


def test_twice_the_same(shop: Shop) -> None:
    one, two = shop.improve("crt", tail_cost=0.9), shop.improve("crt", tail_cost=0.9)
    assert one.candidates == two.candidates
    assert torch.equal(one.weight, two.weight)


def test_a_model_of_another_epoch_keeps_its_classifier(shop: Shop, tmp_path: Path) -> None:
    assert not tail.apply(shop.model, tmp_path)
    tail.save(shop.improve("adjust"), tmp_path)
    with torch.no_grad():
        shop.model.head.bias[0] += 1
    kept = shop.model.head.bias.clone()
    assert not tail.apply(shop.model, tmp_path)
    assert torch.equal(shop.model.head.bias, kept)


@pytest.mark.parametrize("name", ["tail.json", "tail.safetensors"])
@pytest.mark.parametrize("damage", ["cut short", "gone", "of another run"])
def test_damaged_files_are_an_error(shop: Shop, tmp_path: Path, name: str, damage: str) -> None:
    tail.save(shop.improve("adjust"), tmp_path)
    path = tmp_path / name
    if damage == "cut short":
        path.write_bytes(path.read_bytes()[:40])
    elif damage == "gone":
        path.unlink()
    else:
        other = tmp_path / "other"
        other.mkdir()
        improvement = shop.improve("adjust")
        tail.save(dataclasses.replace(improvement, bias=improvement.bias + 1), other)
        path.write_bytes((other / name).read_bytes())
    if (name, damage) == ("tail.json", "gone"):
        assert not tail.apply(shop.model, tmp_path)
        return
    with pytest.raises(ConfigError, match="train again"):
        tail.apply(shop.model, tmp_path)


def test_without_val_it_is_adjusted_mildly_or_refused(shop: Shop) -> None:
    shop.counts[3] = 1
    improvement = shop.improve("adjust", val=False)
    assert (improvement.bias - shop.model.head.bias).argmax() == 3
    assert tail.lines(improvement) == ["no part 'val' to choose by: adjusted by 0.5 below 100 photos, untested"]
    for family in ("tau_norm", "crt", "auto"):
        with pytest.raises(ConfigError, match=r"train\.tail=adjust"):
            shop.improve(family, val=False)


def test_few_shot_categories_that_val_lacks_are_said(shop: Shop) -> None:
    shop.val.photos.labels[:] = 0
    improvement = shop.improve("adjust")
    assert improvement.notes == ("3 of 4 few-shot categories have no photo in val: what it does to them is untested",)
    assert tail.lines(improvement)[-1] == improvement.notes[0]


def test_attributes_beside_the_category_do_not_matter(shop: Shop) -> None:
    photos = dataclasses.replace(shop.val.photos, attributes=np.full((len(shop.val), 2), -1))
    with_attributes = dataclasses.replace(shop, val=PhotoDataset(photos, shop.val.preprocess))
    assert with_attributes.improve("adjust").candidates == shop.improve("adjust").candidates


def test_the_table_shows_what_it_bought(plain: Linear) -> None:
    candidates = table(plain, "auto")
    chosen = tail.choose(candidates, 0.005)
    improvement = tail.Improvement(candidates, chosen.change, plain.weight, plain.bias, "", 0.005)
    header, first, *rest = tail.lines(improvement)
    assert header.split() == ["after", "training", "top-1", "macro", "many", "medium", "few"]
    assert first.split()[:2] == ["plain", f"{candidates[0].top1:.1%}"]
    assert sum(line.endswith("chosen") for line in rest) == 1
    assert len({len(line.removesuffix("  chosen")) for line in (header, first, *rest)}) == 1

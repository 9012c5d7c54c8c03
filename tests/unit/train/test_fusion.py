"""The gate finds which photos to believe, is taken only where it pays, and is the same every time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from catalens.core.fusion import Fusion
from catalens.train import fusion as module
from catalens.train.fusion import FEWEST, fit

CLASSES, DIM = 8, 24


@dataclass(frozen=True)
class Shop:
    """Photos of products; the useless ones do not know the class, and their embedding shows it."""

    logits: np.ndarray
    embeddings: np.ndarray
    ids: tuple[str, ...]
    truth: np.ndarray
    useless: np.ndarray

    @property
    def all(self) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], np.ndarray]:
        return self.logits, self.embeddings, self.ids, self.truth


def shop(products: int, *, useless: float, seed: int = 0, classes: int = CLASSES) -> Shop:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 5, products)
    ids = tuple(f"p{number}" for number in np.repeat(np.arange(products), sizes))
    truth = np.repeat(rng.integers(0, classes, products), sizes)
    bad = rng.random(len(ids)) < useless
    logits = rng.normal(size=(len(ids), classes)) * 1.5
    logits[np.arange(len(ids)), truth] += np.where(bad, 0, 3)
    logits[bad] += 3 * np.eye(classes)[rng.integers(0, 2, int(bad.sum()))]  # and two classes profit from it
    embeddings = rng.normal(size=(len(ids), DIM)) / np.sqrt(DIM)
    embeddings[:, 0] += bad
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return Shop(logits.astype(np.float32), embeddings.astype(np.float32), ids, truth, bad)


def top1(fusion: Fusion, given: Shop) -> float:
    ids, logits = fusion.fuse(given.ids, given.logits, given.embeddings)
    truth = dict(zip(given.ids, given.truth.tolist(), strict=True))
    return float((logits.argmax(axis=1) == [truth[product] for product in ids]).mean())


@pytest.fixture(scope="module")
def fitted() -> tuple[Fusion, module.Choice]:
    return fit(*shop(300, useless=0.4).all, seed=0)


def test_useless_photos_are_told_and_it_pays_on_others(fitted: tuple[Fusion, module.Choice]) -> None:
    gated, choice = fitted
    fresh = shop(600, useless=0.4, seed=9)
    assert (choice.asked, choice.kind, choice.note) == ("auto", "gated", "")
    assert top1(gated, fresh) > top1(Fusion(), fresh) + 0.05
    weights = gated.weights(fresh.ids, fresh.embeddings)
    sizes = np.array([fresh.ids.count(product) for product in fresh.ids])
    relative = (weights * sizes)[sizes > 1]
    assert relative[fresh.useless[sizes > 1]].mean() < 0.5 * relative[~fresh.useless[sizes > 1]].mean()


def test_the_table_is_of_products_with_several_photos(fitted: tuple[Fusion, module.Choice]) -> None:
    choice = fitted[1]
    assert choice.products == 300
    assert 150 < choice.several < 300
    assert set(choice.table) == {"mean", "max", "gated"}
    assert choice.table["gated"]["nll"] < choice.table["mean"]["nll"]
    difference = choice.table["gated"]["top1"] - choice.table["mean"]["top1"]
    assert difference * choice.several == pytest.approx(choice.won - choice.lost)


def test_it_is_the_same_every_time(fitted: tuple[Fusion, module.Choice]) -> None:
    again, choice = fit(*shop(300, useless=0.4).all, seed=0)
    np.testing.assert_array_equal(again.gate, fitted[0].gate)
    assert choice == fitted[1]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_where_photos_are_alike_it_stays_with_the_mean(seed: int) -> None:
    fusion, choice = fit(*shop(200, useless=0.0, seed=seed).all, seed=seed)
    assert (fusion.kind, choice.note) == ("mean", "nothing surely beats the mean in cross-validation")
    assert choice.table["gated"]["top1"] >= choice.table["mean"]["top1"] - 0.02


def test_a_gate_that_was_asked_for_is_given_and_the_note_says_what_it_is_worth() -> None:
    fusion, choice = fit(*shop(200, useless=0.0).all, seed=0, how="gated")
    assert fusion.kind == "gated"
    assert "does not surely beat the mean" in choice.note
    fresh = shop(600, useless=0.0, seed=9)
    assert top1(fusion, fresh) >= top1(Fusion(), fresh) - 0.01


@pytest.mark.parametrize("how", ["auto", "gated"])
def test_too_few_products_with_several_photos(how: module.How) -> None:
    small = shop(FEWEST // 2, useless=0.4)
    fusion, choice = fit(*small.all, seed=0, how=how)
    assert (fusion.kind, choice.kind, choice.table) == ("mean", "mean", {})
    assert f"are too few to fit a gate ({FEWEST} are needed)" in choice.note


def test_no_photos_at_all() -> None:
    nothing = np.zeros((0, CLASSES), np.float32), np.zeros((0, DIM), np.float32), (), np.zeros(0, np.int64)
    assert fit(*nothing, seed=0)[0].kind == "mean"


def test_products_of_unknown_category_teach_nothing() -> None:
    given = shop(300, useless=0.4)
    unknown = np.array([int(product[1:]) >= 200 for product in given.ids])
    fusion, choice = fit(given.logits, given.embeddings, given.ids, np.where(unknown, -1, given.truth), seed=0)
    known = ~unknown
    few = tuple(product for product, kept in zip(given.ids, known, strict=True) if kept)
    alone, same = fit(given.logits[known], given.embeddings[known], few, given.truth[known], seed=0)
    assert choice == same
    np.testing.assert_array_equal(fusion.gate, alone.gate)


def test_a_named_fusion_needs_no_fit() -> None:
    fusion, choice = fit(*shop(20, useless=0.4).all, seed=0, how="max")
    assert (fusion.kind, choice.kind, choice.note) == ("max", "max", "")


def test_photos_all_alike_make_no_nan() -> None:
    given = shop(100, useless=0.4)
    same = np.ones_like(given.embeddings)
    fusion, _ = fit(given.logits, same, given.ids, given.truth, seed=0, how="gated")
    np.testing.assert_array_equal(fusion.gate, 0)


def test_with_many_classes_the_shortlist_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    given = shop(150, useless=0.4, classes=90)
    short, _ = fit(*given.all, seed=0, how="gated")
    monkeypatch.setattr(module, "SHORTLIST", 90)
    whole, _ = fit(*given.all, seed=0, how="gated")
    fresh = shop(600, useless=0.4, classes=90, seed=9)
    assert top1(short, fresh) == pytest.approx(top1(whole, fresh), abs=0.01)

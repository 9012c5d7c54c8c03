"""Losses: equal to the textbook where there is one, tame where the textbook is not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from catalens.core.errors import ConfigError
from catalens.core.taxonomy import Taxonomy
from catalens.train.losses import balanced, clamped, effective, log_prior, make_loss, node_log_probabilities
from catalens.train.settings import TrainSettings

# ragged: "gift" is a leaf at the top, and the last level has leaves of two depths
TREE = Taxonomy.from_paths(
    {"boot": ("Shoes", "High", "Boot"), "flat": ("Shoes", "Flat"), "gift": ("Gift",), "mule": ("Shoes", "High", "Mule")}
)
COUNTS = np.array([900, 90, 9, 1])


def loss_of(counts: np.ndarray = COUNTS, taxonomy: Taxonomy = TREE, **settings: object) -> torch.nn.Module:
    return make_loss(TrainSettings(**{"label_smoothing": 0.0, **settings}), taxonomy, counts)


def some_logits(rows: int = 6) -> torch.Tensor:
    return 3 * torch.randn(rows, 4, generator=torch.Generator().manual_seed(0))


LABELS = torch.tensor([0, 1, 2, 3, 3, 0])


@pytest.mark.parametrize("smoothing", [0.0, 0.1], ids=["hard", "smoothed"])
@pytest.mark.parametrize("gamma", [None, 0.0], ids=["cross-entropy", "focal with gamma 0"])
def test_cross_entropy_is_the_one_of_torch(smoothing: float, gamma: float | None) -> None:
    settings = {} if gamma is None else {"loss": "focal", "focal_gamma": gamma}
    loss, logits = loss_of(label_smoothing=smoothing, **settings), some_logits()
    mixed = 0.3 * F.one_hot(LABELS, 4) + 0.7 * F.one_hot(LABELS.flip(0), 4)
    assert torch.allclose(loss(logits, LABELS), F.cross_entropy(logits, LABELS, label_smoothing=smoothing))
    assert torch.allclose(loss(logits, mixed), F.cross_entropy(logits, mixed, label_smoothing=smoothing))


EVERY_FORM = [
    {},
    {"label_smoothing": 0.1},
    {"loss": "focal", "focal_gamma": 0.5},
    {"loss": "logit_adjusted"},
    {"class_weights": "balanced"},
    {"class_weights": "effective", "hierarchy": 0.4, "loss": "focal", "label_smoothing": 0.1},
]


@pytest.mark.parametrize("settings", EVERY_FORM, ids=str)
def test_a_label_and_the_same_label_as_probabilities_lose_the_same(settings: dict[str, object]) -> None:
    loss, logits = loss_of(**settings), some_logits()
    assert torch.allclose(loss(logits, LABELS), loss(logits, F.one_hot(LABELS, 4).float()))


@pytest.mark.parametrize("settings", EVERY_FORM, ids=str)
def test_a_batch_in_two_halves_gives_the_same_gradient(settings: dict[str, object]) -> None:
    """As accumulation and DDP have it, whatever categories each half holds."""
    loss = loss_of(**settings)
    whole, halves = some_logits().requires_grad_(), some_logits().requires_grad_()
    loss(whole, LABELS).backward()
    ((loss(halves[:3], LABELS[:3]) + loss(halves[3:], LABELS[3:])) / 2).backward()
    assert torch.allclose(whole.grad, halves.grad, atol=1e-7)


@pytest.mark.parametrize("settings", EVERY_FORM, ids=str)
def test_half_precision_and_extreme_logits_stay_finite(settings: dict[str, object]) -> None:
    loss = loss_of(**settings)
    logits = torch.tensor([[300.0, -300, 0, 0], [-300.0, 300, 0, 0]], requires_grad=True)
    value = loss(logits, torch.tensor([0, 0]))
    value.backward()
    assert value.isfinite()
    assert logits.grad.isfinite().all()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = loss(some_logits().bfloat16(), LABELS)
    assert low.dtype == torch.float32
    assert torch.allclose(low, loss(some_logits(), LABELS), rtol=0.03)
    assert not list(loss.parameters())
    assert not loss.state_dict()


def test_focal_is_the_formula_of_the_paper() -> None:
    logits = some_logits()
    p = logits.softmax(dim=1).gather(1, LABELS[:, None])[:, 0]
    expected = (-((1 - p) ** 2) * p.log()).mean()
    assert torch.allclose(loss_of(loss="focal", focal_gamma=2.0)(logits, LABELS), expected)


def test_logit_adjustment_adds_the_prior_of_the_photos() -> None:
    logits = some_logits()
    prior = torch.tensor(COUNTS / COUNTS.sum()).float()
    expected = F.cross_entropy(logits + 1.5 * prior.log(), LABELS)
    assert torch.allclose(loss_of(loss="logit_adjusted", adjust_tau=1.5)(logits, LABELS), expected)
    assert np.isfinite(log_prior(np.array([5, 0]))).all()


@pytest.mark.parametrize("form", [balanced, effective])
@pytest.mark.parametrize("limit", [1.0, 3.0, 10.0, 1e9])
@pytest.mark.parametrize("counts", [COUNTS, np.array([5, 5, 5]), np.array([10**7, 1, 0, 40])], ids=str)
def test_weights_have_mean_one_over_photos_within_the_clamp(form: object, limit: float, counts: np.ndarray) -> None:
    weights = clamped(form(counts), counts, limit)
    seen = counts > 0
    assert weights @ counts / counts.sum() == pytest.approx(1, rel=1e-6)
    assert weights.max() <= limit * (1 + 1e-9)
    assert weights.min() >= 1 / limit * (1 - 1e-9)
    assert (weights[~seen] == 1).all()
    assert (np.diff(weights[seen][np.argsort(counts[seen], kind="stable")]) <= 1e-12).all()  # rarer, not lighter


def test_without_a_clamp_that_bites_balanced_weights_are_the_textbooks() -> None:
    counts = np.array([40, 30, 20, 10])
    assert clamped(balanced(counts), counts, 100.0) == pytest.approx(100 / (4 * counts))


def naive_loss(counts: np.ndarray) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    weights = torch.tensor(balanced(counts)).float()
    return lambda logits, target: F.cross_entropy(logits, target, weights, reduction="none").mean()


def test_naive_weights_explode_and_ours_do_not() -> None:
    counts = np.array([100_000, 100_000, 100_000, 1])
    assert balanced(counts)[3] > 70_000

    def steepest(loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> float:
        logits = torch.zeros(8, 4, requires_grad=True)
        loss(logits, torch.tensor([0, 1, 2, 0, 1, 2, 0, 3])).backward()
        return float(logits.grad.abs().max())

    plain = steepest(loss_of(counts))
    assert steepest(naive_loss(counts)) > 10_000 * plain
    assert steepest(loss_of(counts, class_weights="balanced")) <= 10 * plain


def test_naive_weights_collapse_where_ours_learn() -> None:
    """The same network, data and steps: after the naive form it says the rare class to nearly everything."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.cat([torch.arange(3).repeat(600), torch.tensor([3])])
    centres = torch.tensor([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7], [0.0, 0.0]])
    points = centres[labels] + 0.7 * torch.randn(len(labels), 2, generator=generator)
    points[-1] = 0  # a photo like any other
    counts = np.array([600, 600, 600, 1])

    def top1(loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> float:
        torch.manual_seed(0)
        head = torch.nn.Linear(2, 4)
        optimizer = torch.optim.SGD(head.parameters(), lr=0.5)
        for rows in torch.randperm(len(labels), generator=torch.Generator().manual_seed(1)).split(32):
            optimizer.zero_grad()
            loss(head(points[rows]), labels[rows]).backward()
            optimizer.step()
            if 3 in labels[rows]:  # the step that does it
                break
        return float((head(points).argmax(dim=1) == labels).float().mean())

    tree = Taxonomy.from_paths({name: (name,) for name in "abcd"})
    assert top1(naive_loss(counts)) < 0.05
    assert top1(loss_of(counts, tree, class_weights="balanced")) > 0.85


def test_the_hierarchical_share_is_the_ancestors_likelihood() -> None:
    logits = some_logits()
    p = logits.softmax(dim=1)
    boot, flat, gift, mule = (p[:, TREE.leaf_index[leaf]] for leaf in ("boot", "flat", "gift", "mule"))
    shoes, high = boot + flat + mule, boot + mule
    top = {"boot": shoes, "flat": shoes, "mule": shoes, "gift": gift}
    middle = {"boot": high, "flat": flat, "mule": high, "gift": gift}
    rows = torch.arange(len(LABELS))
    above = [torch.stack([level[leaf] for leaf in TREE.leaves])[LABELS, rows].log() for level in (top, middle)]
    expected = 0.7 * F.cross_entropy(logits, LABELS) - 0.3 * (above[0].mean() + above[1].mean()) / 2
    assert torch.allclose(loss_of(hierarchy=0.3)(logits, LABELS), expected)


def test_confusing_siblings_costs_nothing_above() -> None:
    loss = loss_of(hierarchy=1.0)
    logits = torch.full((1, 4), -60.0)
    logits[0, TREE.leaf_index["mule"]] = 60.0
    assert loss(logits, torch.tensor([TREE.leaf_index["boot"]])) < 1e-5
    assert loss(logits, torch.tensor([TREE.leaf_index["gift"]])) > 50


def test_sums_of_leaves_do_not_underflow() -> None:
    log_p = torch.tensor([[0.0, -900.0, -901.0, -902.0]], dtype=torch.float64, requires_grad=True)
    nodes = torch.tensor([0, 1, 1, 0])
    above = node_log_probabilities(log_p, nodes, 2)
    assert torch.allclose(above[0, 1], torch.logsumexp(log_p[0, 1:3], 0))
    above[0, 1].backward()
    assert torch.allclose(log_p.grad[0, 1:3], torch.tensor([-900.0, -901.0], dtype=torch.float64).softmax(0))


def test_levels_that_say_nothing_are_not_trained_on() -> None:
    """One department over all leaves adds nothing but a loss of 0; and a flat tree is an error that says what to do."""
    shop = Taxonomy.from_paths({leaf: ("Shop", *TREE.path_names(leaf)) for leaf in TREE.leaves})
    logits = some_logits()
    in_order = torch.tensor([TREE.leaves.index(leaf) for leaf in shop.leaves])
    labels = torch.tensor([shop.leaf_index[TREE.leaves[label]] for label in LABELS])
    assert torch.allclose(
        loss_of(hierarchy=0.3)(logits, LABELS), loss_of(taxonomy=shop, hierarchy=0.3)(logits[:, in_order], labels)
    )
    with pytest.raises(ConfigError, match=r"train\.hierarchy=0"):
        loss_of(taxonomy=Taxonomy.from_paths({name: (name,) for name in "abcd"}), hierarchy=0.3)

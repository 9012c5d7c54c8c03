"""Strangers and products: every scorer by hand, a class left out as if it had never been, a bank out of a file."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalens.core.errors import BundleCorrupt
from catalens.core.openworld import BLOCK, FILE, GEN_TOP, SCORERS, Bank, Limit, OpenWorld, read_open_world, score

RNG = np.random.default_rng(0)


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def flat_bank(**changes: Any) -> Bank:
    """Three numbers an embedding, two in the basis: class 0 looks along x, class 1 along y; variances by hand."""
    bank = Bank(
        basis=np.array([[1, 0], [0, 1], [0, 0]], np.float32),
        rows=np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32),
        row_classes=np.array([0, 1, 1], np.int32),
        neighbours=2,
        centre=np.array([0.5, 0.5], np.float32),
        whitening=np.array([[2, 0], [0, 4]], np.float32),
        background=np.array([2, 4], np.float32),
        means=np.array([[1, -2], [-1, 2]], np.float32),
        mean_classes=np.array([0, 1], np.int32),
        trash=np.array([1, 2, 4, -0.5], np.float32),
    )
    return replace(bank, **changes)


def random_bank(classes: int = 6, dim: int = 8, directions: int = 5) -> Bank:
    labels = np.repeat(np.arange(classes), 4).astype(np.int32)
    return Bank(
        basis=np.linalg.qr(RNG.normal(size=(dim, directions)))[0].astype(np.float32),
        rows=(RNG.normal(size=(len(labels), directions)) / 3).astype(np.float16).astype(np.float32),
        row_classes=labels,
        neighbours=3,
        centre=RNG.normal(size=directions).astype(np.float32) / 5,
        whitening=RNG.normal(size=(directions, directions)).astype(np.float32),
        background=RNG.uniform(1, 3, directions).astype(np.float32),
        means=RNG.normal(size=(classes, directions)).astype(np.float32),
        mean_classes=np.arange(classes, dtype=np.int32),
        trash=RNG.normal(size=directions + 2).astype(np.float32),
    )


BANK = random_bank()
LOGITS = (RNG.normal(size=(20, 6)) * 3).astype(np.float32)
EMBEDDINGS = unit(RNG.normal(size=(20, 8)))
RULE = OpenWorld(Limit("knn", 0.25), Limit("gen", -3.5), BANK, strangers=40, unknown="held out")


def entropy(*probabilities: float) -> float:
    return sum((p * (1 - p)) ** 0.1 for p in probabilities)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("msp", 0.7),
        ("max_logit", math.log(7)),
        ("energy", math.log(10)),
        ("gen", -entropy(0.7, 0.2, 0.1)),
    ],
)
def test_of_logits_by_hand(name: str, expected: float) -> None:
    logits = np.log(np.array([[7, 2, 1]], np.float64))
    assert score(name, logits, np.zeros((1, 3), np.float32), None) == pytest.approx([expected])


# 0.6 of the product lies along x, 0.8 outside of the basis; white: (0.2, -2)
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("knn", 0.36),  # cosines 0.6, 0.36, 0
        ("mahalanobis", -0.64),  # to (1, -2)
        ("relative_mahalanobis", 0.04 / 2 + 4 / 4 - 0.64),
        ("trash", -(0.6 + 4 * 0.8 - 0.5)),
    ],
)
def test_of_embeddings_by_hand(name: str, expected: float) -> None:
    product = np.array([[0.6, 0, 0.8]], np.float32)
    assert score(name, np.zeros((1, 2)), product, flat_bank()) == pytest.approx([expected], abs=1e-6)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("knn", 0.0), ("mahalanobis", -(1.2**2 + 4**2)), ("msp", 1.0), ("max_logit", 1.0), ("energy", 1.0), ("gen", 0.0)],
)
def test_left_out_by_hand(name: str, expected: float) -> None:
    product = np.array([[0.6, 0, 0.8]], np.float32)
    got = score(name, np.array([[3.0, 1.0]]), product, flat_bank(), without=np.array([0]))
    assert got == pytest.approx([expected], abs=1e-5)


def test_fewer_neighbours_left_than_asked_for() -> None:
    got = score("knn", np.zeros((1, 2)), unit(np.ones((1, 3))), flat_bank(), without=np.array([1]))
    assert got == [-1]


def test_gen_looks_at_the_largest_hundred() -> None:
    logits = RNG.normal(size=(3, 250))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = [-entropy(*sorted(row)[-GEN_TOP:]) for row in shares]
    np.testing.assert_allclose(score("gen", logits, np.zeros((3, 2), np.float32), None), expected)


@pytest.mark.parametrize("name", SCORERS)
def test_left_out_is_as_if_it_had_never_been(name: str) -> None:
    """Every class in turn: its column, its mean and its rows cut out of the arrays for real."""
    for gone in range(6):
        kept = BANK.row_classes != gone
        means = BANK.mean_classes != gone
        smaller = replace(
            BANK,
            rows=BANK.rows[kept],
            row_classes=BANK.row_classes[kept],
            means=BANK.means[means],
            mean_classes=BANK.mean_classes[means],
        )
        expected = score(name, np.delete(LOGITS, gone, axis=1), EMBEDDINGS, smaller)
        got = score(name, LOGITS, EMBEDDINGS, BANK, without=np.full(20, gone))
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", SCORERS)
def test_blocks_rows_and_inputs(name: str) -> None:
    """Many are scored as one by one, each row with its own class left out, and nothing given is written to."""
    count = BLOCK + 3
    logits, embeddings = np.resize(LOGITS, (count, 6)), np.resize(EMBEDDINGS, (count, 8))
    without = RNG.integers(0, 6, count)
    before = logits.copy()
    got = score(name, logits, embeddings, BANK, without=without)
    assert got.dtype == np.float64
    for row in (0, 7, BLOCK - 1, BLOCK, count - 1):
        one = slice(row, row + 1)
        alone = score(name, logits[one], embeddings[one], BANK, without=without[one])
        np.testing.assert_allclose(alone, got[one], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(logits, before)
    assert score(name, logits[:0], embeddings[:0], BANK).shape == (0,)


@pytest.mark.parametrize("name", ["msp", "gen", "energy", "max_logit"])
def test_large_logits_do_not_overflow(name: str) -> None:
    logits = np.array([[1e4, -1e4, 0]], np.float32)
    assert np.isfinite(score(name, logits, np.zeros((1, 2), np.float32), None)).all()
    assert np.isfinite(score(name, logits, np.zeros((1, 2), np.float32), None, without=np.array([0]))).all()


def test_far_wins_over_near() -> None:
    rule = OpenWorld(Limit("max_logit", 0.0), Limit("max_logit", 2.0))
    logits = np.array([[-1, -2], [1, 0], [2, 0], [3, 9]], np.float32)  # 2 is at the limit, and passes
    blank = np.zeros((4, 3), np.float32)
    assert rule.verdicts(logits, blank) == ["far", "near", None, None]
    assert rule.verdicts(logits, blank, without=np.array([0, 0, 0, 1])) == ["far", "near", "near", None]
    assert replace(rule, far=None).verdicts(logits, blank) == ["near", "near", None, None]
    assert OpenWorld(None, None).verdicts(logits, blank) == [None] * 4
    assert rule.verdicts(logits[:0], blank[:0]) == []


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: score("maxlogit", LOGITS, EMBEDDINGS, BANK), "unknown scorer 'maxlogit'; known: msp, max_logit"),
        (lambda: score("knn", LOGITS, EMBEDDINGS, None), "expected a bank, for knn"),
        (lambda: score("trash", LOGITS, EMBEDDINGS, replace(BANK, trash=None)), "none were supplied"),
        (lambda: score("msp", LOGITS[:3], EMBEDDINGS, BANK), "got 3 logits and 20 embeddings"),
        (lambda: score("msp", LOGITS[:, :1], EMBEDDINGS, BANK, without=np.zeros(20, int)), "two classes or more"),
        (lambda: OpenWorld(Limit("knn", 0.1), None), "expected a bank"),
        (lambda: OpenWorld(None, Limit("msp", math.nan)), "a finite threshold"),
        (lambda: OpenWorld(None, Limit("odin", 0.1)), "expected a known scorer"),
        (lambda: OpenWorld(Limit("trash", 0.1), None, replace(BANK, trash=None)), "the weights of strangers"),
        (lambda: flat_bank(means=np.zeros((2, 3), np.float32)), r"expected means of shape \[2, 2\], got \[2, 3\]"),
        (lambda: flat_bank(centre=np.array([0, np.inf], np.float32)), "expected finite centre"),
        (lambda: flat_bank(neighbours=4), "expected 1 to 3 neighbours"),
        (lambda: flat_bank(background=np.array([1, 0], np.float32)), "variances above 0"),
    ],
    ids=[
        "unknown scorer",
        "no bank",
        "no weights",
        "rows",
        "one class",
        "rule without bank",
        "not a number",
        "rule's scorer",
        "rule's weights",
        "shape",
        "infinite",
        "neighbours",
        "variance",
    ],
)
def test_what_does_not_fit_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("trash", [True, False], ids=["with strangers", "without"])
def test_round_trip(tmp_path: Path, trash: bool) -> None:
    rule = RULE if trash else replace(RULE, bank=replace(BANK, trash=None), far=Limit("mahalanobis", -1 / 3))
    rule.write(tmp_path)
    values = json.loads(json.dumps(rule.to_json()))
    again = read_open_world(values, tmp_path, classes=6, dim=8)
    assert (again.far, again.near, again.to_json()) == (rule.far, rule.near, rule.to_json())
    assert again.verdicts(LOGITS, EMBEDDINGS) == rule.verdicts(LOGITS, EMBEDDINGS)
    for name in SCORERS if trash else SCORERS[:-1]:
        np.testing.assert_array_equal(
            score(name, LOGITS, EMBEDDINGS, again.bank), score(name, LOGITS, EMBEDDINGS, rule.bank)
        )
    (tmp_path / "b").mkdir()
    again.write(tmp_path / "b")
    assert (tmp_path / "b" / FILE).read_bytes() == (tmp_path / FILE).read_bytes()


def test_logits_alone_need_no_file(tmp_path: Path) -> None:
    rule = OpenWorld(None, Limit("gen", -3.5))
    rule.write(tmp_path)
    assert not list(tmp_path.iterdir())
    assert read_open_world(rule.to_json(), tmp_path, classes=6, dim=8).near == Limit("gen", -3.5)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-400])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(BANK.rows.astype(np.float16).tobytes()) + 7] ^= 0x01
    path.write_bytes(bytes(data))


def other(path: Path, **changes: Any) -> None:
    with np.load(path) as arrays:
        values = {name: arrays[name] for name in arrays} | changes
    np.savez(path, **{name: array for name, array in values.items() if array is not None})


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"text"),
        lambda path: path.write_bytes(b"PK\x03\x04 cut"),
        cut,
        flip,
        lambda path: np.save(path.open("wb"), np.zeros(3)),
        lambda path: other(path, rows=None),
        lambda path: other(path, neighbours=np.array([1, 2])),
        lambda path: other(path, rows=np.array([None])),
        lambda path: other(path, means=np.full((6, 5), np.nan, np.float32)),
        lambda path: other(path, basis=np.eye(7, 5, dtype=np.float32)),
        lambda path: other(path, row_classes=np.full(24, 6, np.int32)),
        lambda path: other(path, row_classes=np.full(24, -1, np.int32)),
        lambda path: other(path, extra=np.zeros(2, np.float32)),
        lambda path: other(path, basis=np.float32(3)),
    ],
    ids=[
        "missing",
        "empty",
        "text",
        "start of a zip",
        "cut short",
        "a bit",
        "another npy",
        "no rows",
        "two numbers",
        "objects",
        "not numbers",
        "other embeddings",
        "a class too many",
        "a class below 0",
        "an array too many",
        "a number for an array",
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    RULE.write(tmp_path)
    damage(tmp_path / FILE)
    with pytest.raises(BundleCorrupt, match=r"openworld\.npz") as caught:
        read_open_world(RULE.to_json(), tmp_path, classes=6, dim=8)
    assert caught.value.key == FILE


@pytest.mark.parametrize(
    "changes",
    [{"far": {"scorer": "odin", "threshold": 1.0}}, {"near": {"scorer": "gen"}}, {"strangers": None}, {"bank": False}],
    ids=["unknown scorer", "no threshold", "no count", "no bank"],
)
def test_a_manifest_that_makes_no_rule(tmp_path: Path, changes: dict[str, Any]) -> None:
    RULE.write(tmp_path)
    with pytest.raises(BundleCorrupt, match="does not hold an open-world rule"):
        read_open_world(RULE.to_json() | changes, tmp_path, classes=6, dim=8)


def test_the_product_of_two_scorers() -> None:
    bank = random_bank()
    logits = RNG.normal(size=(20, 6))
    embeddings = RNG.normal(size=(20, 8)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    both = score("msp_knn", logits, embeddings, bank)
    expected = score("msp", logits, embeddings, None) * np.maximum(score("knn", logits, embeddings, bank), 0)
    assert both == pytest.approx(expected)
    with pytest.raises(ValueError, match="expected a bank"):
        score("msp_knn", logits, embeddings, None)
    with pytest.raises(ValueError, match="expected a bank"):
        OpenWorld(None, Limit("msp_knn", 0.5))

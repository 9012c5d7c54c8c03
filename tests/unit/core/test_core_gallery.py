"""Added categories by hand: likeness, the gate, rows that sum to 1, the file, and who may be filed."""

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
from catalens.core.gallery import (
    FILE,
    Added,
    Gallery,
    Gate,
    Space,
    no_promise,
    prototypes,
    read_gallery,
)
from catalens.core.taxonomy import Taxonomy

RNG = np.random.default_rng(3)
TREE = Taxonomy.from_paths({"a": ("Fruit", "Apple"), "b": ("Fruit", "Berry"), "c": ("Fruit", "Mango"), "d": ("Lamp",)})
LEAVES = ("a", "b", "c", "d")  # the last two were added


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def gallery(**changes: Any) -> Gallery:
    """Trained: along x and y.  Added: c around z by two photos, d against x by one.  The space is as it is."""
    made = Gallery(
        categories=(Added("c", "Mango", "Fruit", 2), Added("d", "Lamp", "", 1)),
        embeddings=np.array([[0, 0.6, 0.8], [0, -0.6, 0.8], [-1, 0, 0]], np.float32),
        owners=np.array([0, 0, 1], np.int32),
        space=Space(np.zeros(3, np.float32), np.eye(3, dtype=np.float32)),
        base=np.array([[1, 0, 0], [0, 1, 0]], np.float16),
        gate=Gate(likeness=10, sure=-0.5, offset=-1, sharpness=4),
    )
    return replace(made, **changes)


def test_the_space_by_hand() -> None:
    """Moved by the centre, stretched, and made of length 1 again."""
    space = Space(np.array([1, 0], np.float32), np.array([[1, 0], [0, 4]], np.float32))
    found = space(np.array([[4, 1], [1, 0], [1, 5]], np.float32))
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0], [0, 1]], atol=1e-6)


def test_extend_by_hand() -> None:
    """Cosine 0.8 with c, -0.6 with d, and 0.6 with the trained class it is taken for."""
    product = np.array([[0.6, 0, 0.8]], np.float32)
    odds = 10 * (0.8 - 0.6) - 0.5 * math.log(0.7) - 1
    added = 1 / (1 + math.exp(-odds))
    share = 1 / (1 + math.exp(4 * (-0.6 - 0.8)))
    got = gallery().extend(np.array([[0.7, 0.3]]), product)
    np.testing.assert_allclose(got, [[0.7 * (1 - added), 0.3 * (1 - added), added * share, added * (1 - share)]], 1e-6)
    assert got.dtype == np.float64


def test_rows_sum_to_one_and_old_ones_keep_their_order() -> None:
    probabilities = RNG.dirichlet([0.3, 0.3], 500)
    before = probabilities.copy()
    got = gallery().extend(probabilities, unit(RNG.normal(size=(500, 3))))
    np.testing.assert_allclose(got.sum(axis=1), 1)
    assert ((got[:, 0] > got[:, 1]) == (probabilities[:, 0] > probabilities[:, 1])).all()
    np.testing.assert_array_equal(probabilities, before)
    assert gallery().extend(probabilities[:0], np.zeros((0, 3), np.float32)).shape == (0, 4)
    one = gallery().extend(probabilities[3:4], unit(np.ones((1, 3))))
    assert one.shape == (1, 4)
    sure = gallery().extend(np.array([[1.0, 0.0]]), np.array([[1, 0, 0]], np.float32))
    assert np.isfinite(sure).all()


def test_none_added_changes_nothing() -> None:
    empty = gallery(categories=(), embeddings=np.zeros((0, 3), np.float32), owners=np.zeros(0, np.int32))
    probabilities = RNG.dirichlet([1, 1], 7)
    np.testing.assert_array_equal(empty.extend(probabilities, unit(RNG.normal(size=(7, 3)))), probabilities)
    assert empty.alike() == ()
    assert not empty.unpromised(probabilities).any()


def test_what_an_added_category_looks_like() -> None:
    near = gallery(embeddings=unit(np.array([[0, 1, 1], [0, 1, 2], [1, 0.1, 0]])))
    assert [alike.leaf for alike in near.alike()] == [1, 0]
    assert near.alike()[1].cosine == pytest.approx(1 / math.sqrt(1.01), abs=1e-3)


def test_prototype_of_nothing_is_nothing() -> None:
    np.testing.assert_array_equal(prototypes(np.eye(2, dtype=np.float32), np.array([0, 0]), 2)[1], [0, 0])


@pytest.mark.parametrize(
    ("probabilities", "calibrated", "expected"),
    [
        ([0.1, 0.1, 0.7, 0.1], 0, "Looks like Fruit > Mango, a category added from 2 photos: no promise yet"),
        ([0.1, 0.1, 0.1, 0.7], 0, "Looks like Lamp, a category added from 1 photos"),
        ([0.1, 0.1, 0.7, 0.1], 4, "no promise yet"),
        ([0.1, 0.1, 0.7, 0.1], 5, None),
        ([0.4, 0.1, 0.3, 0.2], 0, None),
    ],
    ids=["added", "another", "too few calibrated", "calibrated", "trained"],
)
def test_no_promise_for_what_was_added(probabilities: list[float], calibrated: int, expected: str | None) -> None:
    categories = (Added("c", "Mango", "Fruit", 2, calibrated), Added("d", "Lamp", "", 1))
    made, row = gallery(categories=categories), np.array(probabilities)
    decision = no_promise(made, TREE, row)
    assert bool(made.unpromised(row[None])[0]) == (expected is not None)
    if expected is None:
        assert decision is None
    else:
        assert decision is not None
        assert expected in decision.reason
        assert (decision.action, decision.node, decision.promise) == ("suggest", None, None)
        assert decision.confidence == 0.7


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"embeddings": np.ones((3, 2), np.float32)}, r"photos of shape \[K, 3\], got \[3, 2\]"),
        ({"owners": np.zeros(2, np.int32)}, "the owners of 3 photos"),
        ({"owners": np.array([0, 1, 1], np.int32)}, r"\[2, 1\] of them, got \[1, 2\]"),
        ({"owners": np.array([0, 0, 2], np.int32)}, "1 photo or more"),
        ({"owners": np.array([0, 0, -1], np.int32)}, ""),
        ({"embeddings": np.full((3, 3), np.nan, np.float32)}, "finite"),
        ({"embeddings": np.full((3, 3), 1, np.float32)}, "length 1"),
        ({"base": np.full((2, 3), np.inf, np.float16)}, "finite"),
        ({"categories": ()}, "1 photo or more"),
        ({"base": np.eye(2, dtype=np.float16)}, r"classes of shape \[C, 3\], got \[2, 2\]"),
    ],
    ids=["dim", "owners", "counts", "unknown owner", "below 0", "nan", "length", "base", "none", "directions"],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        gallery(**changes)


def test_other_shapes_and_gates_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected probabilities \[P, 2\]"):
        gallery().extend(np.ones((1, 3)) / 3, np.array([[0, 0, 1]], np.float32))
    with pytest.raises(ValueError, match="finite"):
        Gate(math.nan, 0, 0, 1)
    with pytest.raises(ValueError, match=r"a centre \[D\] and a whitening"):
        Space(np.zeros(2, np.float32), np.eye(3, dtype=np.float32))
    with pytest.raises(ValueError, match="finite centre"):
        Space(np.full(3, np.nan, np.float32), np.eye(3, dtype=np.float32))


def test_round_trip_and_same_bytes(tmp_path: Path) -> None:
    gallery().write(tmp_path)
    values = json.loads(json.dumps(gallery().to_json()))
    again = read_gallery(values, tmp_path, leaves=LEAVES, classes=2, dim=3)
    assert (again.categories, again.gate) == (gallery().categories, gallery().gate)
    product, said = unit(RNG.normal(size=(9, 3))), RNG.dirichlet([1, 1], 9)
    np.testing.assert_array_equal(again.extend(said, product), gallery().extend(said, product))
    (tmp_path / "b").mkdir()
    again.write(tmp_path / "b")
    assert (tmp_path / "b" / FILE).read_bytes() == (tmp_path / FILE).read_bytes()


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(gallery().embeddings.tobytes()) + 7] ^= 0x01
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
        lambda path: path.write_bytes(path.read_bytes()[:-200]),
        flip,
        lambda path: other(path, owners=None),
        lambda path: other(path, embeddings=np.array([None])),
        lambda path: other(path, owners=np.array([0, 1, 1])),
        lambda path: other(path, base=np.zeros((3, 3), np.float16)),
        lambda path: other(path, base=np.zeros((2, 4), np.float16)),
        lambda path: other(path, whitening=np.eye(4, dtype=np.float32)),
        lambda path: other(path, embeddings=np.float32(3)),
    ],
    ids=[
        "missing",
        "empty",
        "text",
        "cut",
        "a bit",
        "lacking",
        "objects",
        "counts",
        "classes",
        "directions",
        "dim",
        "a number",
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    gallery().write(tmp_path)
    damage(tmp_path / FILE)
    with pytest.raises(BundleCorrupt, match=r"gallery\.npz") as caught:
        read_gallery(gallery().to_json(), tmp_path, leaves=LEAVES, classes=2, dim=3)
    assert caught.value.key == FILE


@pytest.mark.parametrize(
    "values",
    [{}, {"categories": [{"id": "c"}]}, {"categories": 3}, {"gate": {"likeness": 1}}, {"gate": None}],
    ids=["nothing", "half a category", "a number", "half a gate", "no gate"],
)
def test_a_manifest_that_makes_no_gallery(tmp_path: Path, values: dict[str, Any]) -> None:
    gallery().write(tmp_path)
    given = {**gallery().to_json(), **values} if values else {}
    with pytest.raises(BundleCorrupt, match="does not hold a gallery"):
        read_gallery(given, tmp_path, leaves=LEAVES, classes=2, dim=3)


def test_another_taxonomy_is_refused(tmp_path: Path) -> None:
    gallery().write(tmp_path)
    with pytest.raises(BundleCorrupt, match=r"expected the categories \['d', 'c'\], got \['c', 'd'\]"):
        read_gallery(gallery().to_json(), tmp_path, leaves=("a", "b", "d", "c"), classes=2, dim=3)

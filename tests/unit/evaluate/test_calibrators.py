"""Which calibration pays: taken where held-out rows speak for it, left where they do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from catalens.core.calibrator import FILE, Calibrator, Isotonic, read_calibrator
from catalens.core.errors import BundleCorrupt
from catalens.core.scores import softmax
from catalens.core.taxonomy import Taxonomy
from catalens.evaluate.calibrate import nll
from catalens.evaluate.calibrators import choose_kind, fit, fit_vector, isotonic

TREE = Taxonomy.from_paths({"one": ["a", "one"], "two": ["a", "two"], "three": ["b", "three"], "four": ["b", "four"]})


def _rows(count: int, *, seed: int = 0, shift: tuple[float, ...] = (0, 0, 0, 0), stretch: float = 1.0):
    """Logits of a network that is `shift` and `stretch` away from the truth, and labels drawn from the truth."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(size=(count, 4)) * 2
    cumulated = softmax(honest).cumsum(axis=1)
    truth = (rng.random((count, 1)) > cumulated).sum(axis=1)
    return stretch * honest + np.array(shift), truth


def test_a_temperature_is_enough_where_only_the_scale_is_wrong() -> None:
    logits, truth = _rows(2000, stretch=3.0)
    fitted = fit(logits, truth, TREE)
    assert fitted.calibrator.kind == "temperature"
    assert fitted.calibrator.temperature == pytest.approx(3.0, rel=0.1)
    tried = fitted.trials["leaves"]
    assert [trial.way for trial in tried] == ["temperature", "vector"]
    assert [trial.taken for trial in tried] == [True, False]


def test_classes_that_are_named_too_often_get_a_shift_of_their_own() -> None:
    logits, truth = _rows(2000, shift=(3, 0, 0, -3))
    fitted = fit(logits, truth, TREE)
    assert fitted.calibrator.kind == "vector"
    fresh, fresh_truth = _rows(4000, seed=1, shift=(3, 0, 0, -3))
    plain = nll(fresh / fitted.calibrator.temperature, fresh_truth)
    honest = nll(fresh - np.array([3, 0, 0, -3]), fresh_truth)
    assert nll(fitted.calibrator.logits(fresh), fresh_truth) == pytest.approx(honest, abs=0.02)
    assert plain > honest + 0.2


def test_too_few_rows_a_class_are_not_even_tried() -> None:
    logits, truth = _rows(39)
    assert choose_kind(logits, truth) == (False, ())


def test_vector_scaling_never_leaves_the_labels_less_likely() -> None:
    for seed in range(5):
        logits, truth = _rows(400, seed=seed, shift=(1, 0, -2, 0), stretch=0.5)
        found = fit_vector(logits, truth)
        assert nll(found.logits(logits), truth) <= nll(logits / found.temperature, truth) + 1e-9


def test_a_level_that_overstates_gets_a_curve() -> None:
    rng = np.random.default_rng(0)
    count = 3000
    confidence = rng.uniform(0.5, 1, count)
    right = rng.random(count) < 0.5  # whatever it says, it is right half of the time
    other = (1 - confidence) / 3
    probabilities = np.stack([confidence, other, other, other], axis=1)
    truth = np.where(right, 0, 2)
    fitted = fit(np.log(probabilities), truth, TREE)
    assert set(fitted.calibrator.levels) == {0, 1}
    stated = fitted.calibrator.confidence(1, fitted.calibrator.probabilities(np.log(probabilities)).max(axis=1))
    assert np.abs(stated - 0.5).max() < 0.15


def test_isotonic_pools_what_falls() -> None:
    curve = isotonic(np.array([0.1, 0.2, 0.3, 0.4]), np.array([False, True, False, True]))
    assert curve.said == pytest.approx([0.1, 0.25, 0.4])
    assert curve.meant == pytest.approx([1 / 3, 0.5, 2 / 3])
    assert curve(np.array([0.0, 0.25, 1.0])) == pytest.approx([1 / 3, 0.5, 2 / 3])


def test_one_confidence_for_all_gives_one_answer() -> None:
    curve = isotonic(np.full(6, 0.7), np.array([True, True, True, False, True, True]))
    assert curve(np.array([0.0, 0.7, 1.0])) == pytest.approx([6 / 8] * 3)


def test_a_calibrator_comes_back_from_its_file(tmp_path: Path) -> None:
    curve = Isotonic(np.array([0.2, 0.9]), np.array([0.1, 0.8]))
    written = Calibrator(1.5, np.array([1.0, 2, 3, 4]), np.array([0.0, 1, 0, -1]), {1: curve})
    written.write(tmp_path)
    read = read_calibrator(1.5, tmp_path, classes=4, listed=True)
    logits, _ = _rows(10)
    np.testing.assert_array_equal(read.probabilities(logits), written.probabilities(logits))
    np.testing.assert_array_equal(read.confidence(1, np.array([0.5])), written.confidence(1, np.array([0.5])))
    assert read.confidence(0, np.array([0.5])) == 0.5


def test_a_temperature_needs_no_file(tmp_path: Path) -> None:
    Calibrator(2.0).write(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert read_calibrator(2.0, tmp_path, classes=4, listed=False).kind == "temperature"


def test_damage_names_the_file(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no zip")
    with pytest.raises(BundleCorrupt, match=FILE):
        read_calibrator(1.0, tmp_path, classes=4, listed=True)
    Calibrator(1.0, np.ones(3), np.zeros(3)).write(tmp_path)
    with pytest.raises(BundleCorrupt, match="expected 4 finite numbers"):
        read_calibrator(1.0, tmp_path, classes=4, listed=True)


@pytest.mark.parametrize(
    ("said", "meant"), [([0.2, 0.1], [0.1, 0.2]), ([0.1, 0.2], [0.2, 0.1]), ([], []), ([0.1], [0.1, 0.2])]
)
def test_a_curve_that_falls_is_refused(said: list[float], meant: list[float]) -> None:
    with pytest.raises(ValueError, match="rising"):
        Isotonic(np.array(said), np.array(meant))


def test_a_constant_a_row_changes_nothing() -> None:
    """A network's logits may have any mean; fusion leaves them known up to it."""
    logits, truth = _rows(600, shift=(2, 0, 0, -2))
    found = fit_vector(logits, truth)
    moved = logits + np.random.default_rng(1).normal(5, 3, (len(logits), 1))
    np.testing.assert_allclose(found.probabilities(moved), found.probabilities(logits), atol=1e-9)
    again = fit_vector(moved, truth)
    assert nll(again.logits(moved), truth) <= nll(moved / again.temperature, truth)

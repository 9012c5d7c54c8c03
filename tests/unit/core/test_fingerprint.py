"""What a photo is known by survives what marketplaces do to photos, and nothing else passes for it."""

from __future__ import annotations

import numpy as np
import pytest
from tests.builders.listings import EDITS
from tests.builders.photos import scene

from catalens.core.fingerprint import VIEWS, Signatures, coefficients, fingerprint, hashes, interpolation, pixel_digest
from catalens.core.image import decode
from catalens.core.likeness import best_view, close_pair, closely, coarseness, shares


def difference(first: np.ndarray, second: np.ndarray) -> float:
    one, two = (Signatures.from_bytes([fingerprint(photo).signature]) for photo in (first, second))
    frame, _ = best_view(one, two)
    share, frame = shares(one, two, frame)
    if share[0] > 1:
        return float("inf")
    coarse = np.array([coarseness(first, second)], np.float32)
    return float(closely(close_pair(first, second)[None], frame, coarse)[0])


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("seed", range(3))
def test_a_copy_is_near(edit: str, seed: int):
    photo = scene(seed=seed)
    copy = decode(EDITS[edit](photo))
    known, again = fingerprint(photo), fingerprint(copy)
    assert known.pixel_digest != again.pixel_digest
    bits = min((value ^ again.phashes[0]).bit_count() for value in known.phashes)
    assert bits <= 7
    assert difference(photo, copy) < 1


def test_another_photo_is_not():
    assert all(difference(scene(seed=seed), scene(seed=seed + 1)) > 2 for seed in range(6))


def test_one_small_thing_of_another_colour_is_a_difference():
    photo = scene()
    other = photo.copy()
    other[130:170, 180:220] = (30, 160, 90)
    assert difference(photo, decode(EDITS["quality 50"](photo))) < 1 < 2 < difference(photo, other)


def test_another_colour_all_over_is_a_difference():
    photo = scene()
    assert difference(photo, photo[:, :, [1, 2, 0]]) > 2


def test_a_blank_photo_has_one_hash_however_it_was_saved():
    rng = np.random.default_rng(0)
    white = np.full((50, 40, 3), 250, np.uint8)
    noisy = (white - rng.integers(0, 3, white.shape)).astype(np.uint8)
    assert set(fingerprint(white).phashes) == set(fingerprint(noisy).phashes) == {0}


def test_pixel_digest_knows_the_shape():
    flat = np.arange(2 * 6 * 3, dtype=np.uint8)
    turned = flat.reshape(2, 6, 3)[:, ::-1]
    assert pixel_digest(flat.reshape(2, 6, 3)) != pixel_digest(flat.reshape(6, 2, 3))
    assert pixel_digest(turned) == pixel_digest(turned.copy())


def test_a_view_is_the_part_it_says():
    photo = scene(320, 320)
    whole = Signatures.from_bytes([fingerprint(photo).signature])
    for view in VIEWS[1:]:
        down, across = (
            slice(round(320 * (0.5 + shift - view.scale / 2)), round(320 * (0.5 + shift + view.scale / 2)))
            for shift in (view.down, view.right)
        )
        part = photo[down, across]
        seen = Signatures.from_bytes([fingerprint(part).signature])
        one, two = coefficients(whole, view)[0], coefficients(seen)[0]
        assert np.corrcoef(one, two)[0, 1] > 0.999, view
        assert np.corrcoef(coefficients(whole)[0], two)[0, 1] < 0.999, view


def test_hashes_of_many_are_those_of_each():
    known = [fingerprint(scene(seed=seed)) for seed in range(5)]
    together = Signatures.from_bytes([each.signature for each in known])
    for place, view in enumerate(VIEWS):
        assert hashes(coefficients(together, view)).tolist() == [each.phashes[place] for each in known]


def test_interpolation_keeps_what_is_even():
    matrix = interpolation(np.array([0.8, 1.0], np.float32), np.array([0.1, 0.0], np.float32), 16)
    np.testing.assert_allclose(matrix.sum(axis=2), 1, rtol=1e-5)
    np.testing.assert_allclose(matrix[1], np.eye(16), atol=1e-5)


def test_a_photo_of_one_pixel_has_a_fingerprint():
    known = fingerprint(np.zeros((1, 1, 3), np.uint8))
    assert len(known.signature) == 1024
    assert difference(np.zeros((1, 1, 3), np.uint8), np.zeros((2, 1, 3), np.uint8)) == 0

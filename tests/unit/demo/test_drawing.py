"""Every kind of the shop draws, the same for the same seed, and as a picture of something rather than noise."""

from __future__ import annotations

import io
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from catalens.core.image import decode
from catalens.demo.camera import aim, develop, finish
from catalens.demo.dump import draw_photo
from catalens.demo.material import PATTERNS, Material, albedo
from catalens.demo.mesh import ball, box, lathe, tube
from catalens.demo.render import photograph
from catalens.demo.scene import arrange
from catalens.demo.shop import SHOP, Kind

CLAY = Material((0.6, 0.5, 0.4))


def photo(kind: Kind, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [H, W, 3] and where the product is, bool [H, W]."""
    rng = np.random.default_rng(seed)
    item = kind.draw(rng)
    view = aim(item, rng, first=True)
    light, covered = photograph(item, view, arrange(item.pose, rng, first=True))
    return np.asarray(develop(light, finish(rng), (view.width, view.height), rng)), covered


def test_the_shop_has_three_levels_and_enough_leaves() -> None:
    paths = [kind.path for kind in SHOP]
    assert len(set(paths)) == len(paths) >= 24
    assert {len(path) for path in paths} == {3}
    families = Counter(path[:2] for path in paths)
    assert min(families.values()) >= 2, "a family of one kind can be confused with nothing"
    assert len({path[0] for path in paths}) >= 4


@pytest.mark.parametrize("kind", SHOP, ids=lambda kind: kind.path[-1])
def test_a_kind_draws_a_product_inside_the_frame(kind: Kind) -> None:
    picture, covered = photo(kind, 3)
    share = covered.mean()
    assert 0.015 < share < 0.8, f"the product covers {share:.0%} of the photo"
    border = np.concatenate([covered[0], covered[-1], covered[:, 0], covered[:, -1]])
    assert border.mean() < 0.25
    assert picture.std() > 4


@pytest.mark.parametrize("kind", SHOP[::9], ids=lambda kind: kind.path[-1])
def test_a_photo_is_smooth_where_noise_is_not(kind: Kind) -> None:
    """Neighbouring pixels of a photo agree; of coloured noise they do not."""
    grey = photo(kind, 5)[0].mean(axis=2)
    step = np.abs(np.diff(grey, axis=1)).mean()
    assert step < 0.35 * np.abs(grey - np.roll(grey, grey.shape[1] // 2, axis=1)).mean() + 4


def test_products_of_a_kind_differ_and_a_seed_repeats() -> None:
    mug = SHOP[0]
    first, again, other = (
        draw_photo(mug.draw(np.random.default_rng(1)), np.random.default_rng(2), first=True),
        draw_photo(mug.draw(np.random.default_rng(1)), np.random.default_rng(2), first=True),
        draw_photo(mug.draw(np.random.default_rng(4)), np.random.default_rng(2), first=True),
    )
    assert first == again
    assert first[1] != other[1]


def test_light_comes_from_where_it_is_said_to() -> None:
    """A ball lit from the left is brighter on its left."""
    from dataclasses import replace

    from catalens.demo.camera import View
    from catalens.demo.mesh import Item

    item = Item((ball(1.0, replace(CLAY, gloss=0.0)),))
    view = View(200, 200, yaw=0, pitch=10, roll=0, focal=400, shift=(0, 0), distance=3.0)
    scene = arrange("stand", np.random.default_rng(0), first=True)
    for side in (-1, 1):
        towards = np.array([side * 0.8, 0.5, 0.33], dtype=np.float32)
        lit = replace(scene, light=replace(scene.light, towards=towards / np.linalg.norm(towards)))
        picture, covered = photograph(item, view, lit)
        grey = np.where(covered, picture.mean(axis=2), np.nan)
        left, right = np.nanmean(grey[:, :100]), np.nanmean(grey[:, 100:])
        assert (left > 1.1 * right) if side < 0 else (right > 1.1 * left)


@pytest.mark.parametrize(
    "parts",
    [
        (ball(1.0, CLAY),),
        (lathe([(0, 0), (1, 0), (1, 2), (0, 2)], CLAY),),
        (tube([(0, 0, 0), (0, 1, 0), (0, 2, 0)], 0.2, CLAY),),
        box((1, 2, 3), CLAY),
    ],
    ids=["ball", "lathe", "tube", "box"],
)
def test_normals_of_closed_shapes_point_outwards(parts: tuple) -> None:
    points = np.concatenate([part.points for part in parts])
    normals = np.concatenate([part.normals for part in parts])
    outward = np.einsum("vc,vc->v", points - points.mean(axis=0), normals)
    assert (outward > -1e-3).mean() > 0.97


def test_a_lined_vessel_faces_outwards_outside_and_inwards_inside() -> None:
    outside, inside = ([(radius, 0.1 + y / 4) for y in range(8)] for radius in (1.0, 0.9))
    wall = lathe([(0, 0), *outside, *reversed(inside), (0, 0.1)], CLAY)
    radius = np.hypot(wall.points[:, 0], wall.points[:, 2])
    radial = (wall.points[:, 0] * wall.normals[:, 0] + wall.points[:, 2] * wall.normals[:, 2]) / np.maximum(
        radius, 1e-6
    )
    upright = (wall.points[:, 1] > 0.4) & (wall.points[:, 1] < 1.5)
    assert radial[upright & (radius > 0.95)].min() > 0.9
    assert radial[upright & (radius < 0.95)].max() < -0.9


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_mix_two_colours(pattern: str) -> None:
    rng = np.random.default_rng(0)
    uv, points = rng.random((500, 2), np.float32), rng.random((500, 3), np.float32) - 0.5
    colours = albedo(Material((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), pattern, 5.0), uv, points)
    assert colours.shape == (500, 3)
    assert colours.min() >= 0
    assert colours.max() <= 1
    assert (colours.std() > 0.02) == (pattern != "plain")


def test_every_file_that_is_drawn_decodes() -> None:
    rng = np.random.default_rng(0)
    item = SHOP[3].draw(rng)
    endings = Counter()
    for _ in range(60):
        ending, data = draw_photo(item, rng, first=False)
        endings[ending] += 1
        assert min(decode(data).shape[:2]) >= 150
        with Image.open(io.BytesIO(data)) as picture:
            endings[picture.mode] += 1
            endings["turned"] += picture.getexif().get(0x0112, 1) != 1
    assert endings[".jpg"] > 40
    assert endings["turned"] > 0
    assert endings["L"] + endings["RGBA"] > 0

"""The sheet shows what training shows: photos of many categories, their changes, and what is mixed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from tests.builders.catalogs import striped_catalog

from catalens.cli.train import command
from catalens.core.errors import CatalogError, ConfigError
from catalens.core.preprocess import Preprocess
from catalens.train import preview, recipe
from catalens.train.augment import Augment
from catalens.train.dataset import photos_of
from catalens.train.settings import TrainSettings


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return striped_catalog(tmp_path_factory.mktemp("preview") / "striped.catalog")


def cells(picture: Image.Image, *, columns: int, cell: int, row: int = 0) -> list[np.ndarray]:
    """The pictures of one row of the sheet, uint8 [cell, cell, 3]."""
    pixels = np.asarray(picture)
    top = preview._MARGIN + 2 * preview._LINE + 14 + row * (cell + preview._LINE + preview._GAP)
    lefts = [preview._MARGIN + column * (cell + preview._GAP) for column in range(columns)]
    return [pixels[top : top + cell, left : left + cell] for left in lefts]


def test_the_squares_are_those_of_training(catalog) -> None:
    settings = TrainSettings(size=96, augment="strong", erasing=0.5, seed=3)
    shown = cells(preview.sheet(catalog, settings, photos=2, views=3), columns=4, cell=96, row=1)
    photos = photos_of(catalog, "train", catalog.taxonomy)
    photo = preview._one_a_category(photos.labels, 2, seed=3)[1]
    square = Preprocess(size=96).square(photos.reader.read(photos.shards[photo], photos.rows[photo]))
    augment = Augment("strong", 96, seed=3, erasing=0.5)
    assert np.array_equal(shown[0], square)
    for epoch in range(3):
        assert np.array_equal(shown[1 + epoch], augment(square, epoch=epoch, photo=photo))


def test_a_small_square_is_shown_pixel_by_pixel(catalog) -> None:
    settings = TrainSettings(size=24, augment="none")
    first = cells(preview.sheet(catalog, settings, photos=1, views=1), columns=1, cell=96)[0]
    assert np.array_equal(first[::4, ::4].repeat(4, axis=0).repeat(4, axis=1), first)


def test_as_many_categories_as_there_are() -> None:
    labels = np.array([0] * 50 + [1] * 3 + [2])
    chosen = preview._one_a_category(labels, 3, seed=0)
    assert set(labels[chosen]) == {0, 1, 2}
    assert len(set(preview._one_a_category(labels, 10, seed=0))) == 10
    assert len(preview._one_a_category(labels, 100, seed=0)) == 54


def test_growing_sizes_are_shown_over_all_epochs() -> None:
    settings = TrainSettings(size=64, sizes=(32, 64), epochs=10)
    assert preview._epochs(settings, 4) == [0, 3, 6, 9]
    assert preview._head(9, 64, settings) == "epoch 10, 64 px"
    assert preview._epochs(TrainSettings(views=3), 7) == [0, 1, 2], "no more views than are computed"
    assert preview._epochs(TrainSettings(size=64, sizes=(32, 64), epochs=2), 7) == [0, 1]


def test_mixed_photos_say_what_they_are() -> None:
    squares = [np.full((16, 16, 3), value, np.uint8) for value in (0, 100, 200)]
    settings = TrainSettings(mixup=1.0, mix_share=0.1, seed=1)
    rows = preview._mixed_rows(squares, ["mug", "plate", "lamp"], settings, columns=4)
    assert [len(row) for row in rows] == [4, 4]
    greys = {"mug": 0, "plate": 100, "lamp": 200}
    for one in rows[0] + rows[1]:
        shares = [line.split() for line in one.caption.splitlines()]
        assert len({name for _, name in shares}) == 2
        assert abs(sum(float(share) * greys[name] for share, name in shares) - one.square.mean()) < 2
    assert preview._mixed_rows(squares, ["a", "b", "c"], TrainSettings(), columns=4) == []
    assert preview._mixed_rows(squares[:1], ["a"], settings, columns=4) == []


@pytest.mark.parametrize("name", recipe.names())
def test_every_recipe_has_a_sheet(catalog, tmp_path: Path, name: str) -> None:
    overrides = {"size": 48} | ({"sizes": [32, 48]} if "sizes" in recipe.values(name) else {})
    path = tmp_path / "new" / f"{name}.png"
    preview.write(catalog, recipe.settings(name, overrides), path, photos=2, views=2)
    width, height = Image.open(path).size
    assert width == 2 * preview._MARGIN + 3 * 96 + 2 * preview._GAP
    assert height > 2 * 96


@pytest.mark.parametrize("suffix", ["jpg", "webp", "html"])
def test_formats(catalog, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"sheet.{suffix}"
    preview.write(catalog, TrainSettings(size=32), path, photos=2, views=2)
    if suffix == "html":
        assert 'src="data:image/jpeg;base64,' in path.read_text(encoding="utf-8")
    else:
        assert Image.open(path).width > 300


def test_another_ending_is_refused_before_the_work(catalog, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ends in one of \.png"):
        preview.write(catalog, TrainSettings(), tmp_path / "sheet.gif")


def test_a_catalog_that_is_not_split(tmp_path: Path) -> None:
    catalog = striped_catalog(tmp_path / "c.catalog", products=8, split=False)
    with pytest.raises(CatalogError):
        preview.write(catalog, TrainSettings(size=32), tmp_path / "sheet.png")


def test_the_verb_writes_a_sheet_and_needs_no_run(catalog, tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    done = CliRunner().invoke(
        command, [str(catalog.path), "--recipe", "probe", "--size", "32", "--preview", str(path), "--json"]
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"preview": str(path), "augment": "light", "recipe": "probe"}
    assert "without pretrained weights" in done.stderr
    assert path.exists()


def test_the_verb_lists_the_recipes() -> None:
    told = CliRunner().invoke(command, ["--recipes"])
    assert all(name in told.stderr for name in recipe.names())
    listed = json.loads(CliRunner().invoke(command, ["--recipes", "--json"]).stdout)
    assert [each["name"] for each in listed] == recipe.names()
    assert all(each["values"]["mode"] in ("probe", "last", "full") for each in listed)


@pytest.mark.parametrize("batch", ["auto", "7"])
def test_the_batch_is_a_number_or_auto(batch: str) -> None:
    context = command.make_context("train", ["--batch", batch])
    assert context.params["batch"] == (batch if batch == "auto" else 7)


def test_another_batch_is_a_usage_error(catalog) -> None:
    done = CliRunner().invoke(command, [str(catalog.path), "run", "--batch", "all"])
    assert done.exit_code == 2
    assert "expected a number of photos or 'auto', got 'all'" in done.stderr

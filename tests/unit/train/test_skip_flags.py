"""Photos with a quality flag are not trained on; what the run says of them, and of its catalog, stays right."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.builders.catalogs import flag_photos, striped_catalog

from catalens.core.catalog import Catalog
from catalens.core.errors import CatalogError, ConfigError
from catalens.train.checkpoint import load_run
from catalens.train.run import run
from catalens.train.settings import TrainSettings

SETTINGS = TrainSettings(
    model="lightweight_cnn", size=32, epochs=1, batch=8, workers=0, augment="none", skip_flags=("dark", "tiny")
)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return striped_catalog(tmp_path / "striped.catalog")


def photos(catalog: Catalog, leaf: str) -> list[str]:
    """Those of a leaf's products in train."""
    rows = catalog.images_of("train").to_pylist()
    return [row["image_id"] for row in rows if catalog.categories[row["product_id"]] == leaf]


def test_they_are_left_out_and_counted(catalog: Catalog, tmp_path: Path) -> None:
    whole = run(catalog, tmp_path / "whole", SETTINGS.model_copy(update={"skip_flags": ()}))
    first, second, third, *_ = photos(catalog, "mug")
    flag_photos(catalog, {first: ["dark"], second: ["tiny", "dark"], third: ["greyscale"]})
    info = run(catalog, tmp_path / "run", SETTINGS)
    assert (whole["train_photos"], whole["skipped_photos"]) == (48, 0)
    assert (info["train_photos"], info["skipped_photos"]) == (46, 2)
    assert info["train_digest"] == whole["train_digest"] != info["trained_digest"]
    assert info["train_counts"]["mug"] == whole["train_counts"]["mug"] - 1, "both photos of one mug are skipped"
    taxonomy = load_run(tmp_path / "run").taxonomy
    catalog.check_not_split_anew(taxonomy, info)


def test_a_leaf_without_any_photo_left_is_not_trained(catalog: Catalog, tmp_path: Path) -> None:
    flag_photos(catalog, {photo: ["tiny"] for photo in photos(catalog, "lamp")})
    info = run(catalog, tmp_path / "run", SETTINGS)
    trained = load_run(tmp_path / "run").taxonomy
    assert set(trained.leaves) == {"mug", "plate", "sofa"}
    assert set(info["train_counts"]) == {"mug", "plate", "sofa"}
    catalog.check_not_split_anew(trained, info)


def test_a_run_is_not_resumed_with_other_photos(catalog: Catalog, tmp_path: Path) -> None:
    first, second, *_ = photos(catalog, "mug")
    flag_photos(catalog, {first: ["dark"]})
    run(catalog, tmp_path / "run", SETTINGS)
    flag_photos(catalog, {second: ["dark"]})
    with pytest.raises(ConfigError, match="trained_digest changed"):
        run(catalog, tmp_path / "run", SETTINGS, resume=True)


def test_the_photos_must_have_been_measured(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="run `catalens audit` first"):
        run(catalog, tmp_path / "run", SETTINGS)


def test_an_unknown_flag_is_named() -> None:
    with pytest.raises(ValidationError, match="no quality flag 'drak'; did you mean 'dark'"):
        TrainSettings(skip_flags=("drak",))

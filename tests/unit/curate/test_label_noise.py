"""Products filed in the wrong category are found, and everything that was not judged is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.builders.catalogs import striped_catalog

from catalens.core.catalog import Catalog, write_parquet
from catalens.core.config import load
from catalens.core.errors import ConfigError
from catalens.curate import label_noise
from catalens.curate.duplicates import made_by
from catalens.curate.label_noise import LabelNoiseSettings, run

LEAVES = ("mug", "plate", "lamp", "sofa")


def relabel(catalog: Catalog, categories: dict[str, str | None]) -> Catalog:
    """The catalog with other categories for some products (its digest is not looked at)."""
    rows = catalog.products.to_pylist()
    for row in rows:
        row["category_id"] = categories.get(row["product_id"], row["category_id"])
    write_parquet(pa.Table.from_pylist(rows, catalog.products.schema), catalog.path / "products.parquet")
    return Catalog(catalog.path)


def shop(folder: Path, categories: dict[str, str | None], products: int = 120) -> Catalog:
    """A striped catalog: product n is of kind n % 4, which anything that sees the photos can tell."""
    return relabel(striped_catalog(folder / "shop.catalog", products=products, photos=1), categories)


WRONG = {"p003": "mug", "p010": "sofa", "p021": "lamp", "p044": "plate"}


def test_wrong_categories_come_first_by_pixels_alone(tmp_path: Path):
    catalog = shop(tmp_path, dict(WRONG))
    said: list[tuple[int, int | None]] = []
    report = run(catalog, workers=1, progress=lambda done, total=None, note="": said.append((done, total)))
    assert {issue.product_id for issue in report.issues[:4]} == set(WRONG)
    assert {issue.product_id: issue.suggested for issue in report.issues[:4]} == {
        product: LEAVES[int(product[1:]) % 4] for product in WRONG
    }
    assert report.judged == 120
    assert report.accuracy == pytest.approx(116 / 120, abs=0.01)
    assert report.stray == 4
    assert report.stray_share == pytest.approx(4 / 120, abs=0.03)
    assert said[-1] == (360, 360)
    table = catalog.table("label_noise")
    assert table.schema.names == label_noise.SCHEMA.names
    assert table["product_id"].to_pylist()[:4] == [issue.product_id for issue in report.issues[:4]]
    assert table["rank"].to_pylist() == list(range(1, 121))
    assert sorted(table["product_id"].to_pylist()) == sorted(catalog.products["product_id"].to_pylist())
    first = table.to_pylist()[0]
    assert first["margin"] == pytest.approx(first["suggested_confidence"] - first["self_confidence"])
    by_name = {category.category_id: category for category in report.categories}
    assert by_name["mug"].products == 30  # p003 came, p044 left
    assert by_name["mug"].stray == 1
    assert ("sofa", "lamp") in {(pair.given, pair.true) for pair in report.confusions}
    assert report.to_json()["issues"][0]["product_id"] in WRONG


def test_nothing_is_suspected_where_all_is_right(tmp_path: Path):
    report = run(shop(tmp_path, {}), workers=1)
    assert report.issues == ()
    assert report.stray == 0
    assert report.accuracy == 1


def test_vectors_see_what_pixels_do_not(tmp_path: Path):
    # mugs and plates under each other's name, told apart by a network alone: every photo is the same
    catalog = striped_catalog(tmp_path / "shop.catalog", products=80, photos=1)
    ids = catalog.products["product_id"].to_pylist()
    rng = np.random.default_rng(0)
    hidden = rng.integers(0, 2, 80)
    names = {product: ("mug", "plate")[kind] for product, kind in zip(ids, hidden, strict=True)}
    catalog = relabel(catalog, names | {ids[7]: ("plate", "mug")[hidden[7]]})
    vectors = np.eye(8, dtype=np.float32)[hidden] + rng.normal(0, 0.02, (80, 8)).astype(np.float32)
    by_pixels = run(catalog, workers=1)
    report = run(catalog, (ids, vectors), workers=1)
    assert [issue.product_id for issue in report.issues] == [ids[7]]
    assert by_pixels.accuracy is not None
    assert by_pixels.accuracy < 0.7


def test_what_is_not_judged_is_told(tmp_path: Path):
    few = {f"p{n:03}": "sofa" for n in range(2, 118, 4)}
    catalog = shop(tmp_path, few | {"p000": None, "p001": None})
    ids = catalog.products["product_id"].to_pylist()
    vectors = np.random.default_rng(0).normal(0, 1, (118, 4)).astype(np.float32)
    report = run(catalog, (ids[:118], vectors), workers=1)
    assert report.without_category == 2
    assert report.without_vector == 2
    assert report.not_judged == {}
    assert report.judged == 116
    left = catalog.products["category_id"].to_pylist().count("lamp")
    assert left == 1, "its only product has no vector"


def test_copies_count_once_and_stay_in_one_fold(tmp_path: Path):
    catalog = shop(tmp_path, {})
    # thirty lamps, all of one photo: a category of one
    lamps = [f"p{n:03}" for n in range(2, 120, 4)]
    images = catalog.images.to_pylist()
    one = next(row for row in images if row["product_id"] == lamps[0])
    for row in images:
        if row["product_id"] in lamps:
            row |= {name: one[name] for name in ("image_id", "shard", "row")}
    write_parquet(pa.Table.from_pylist(images, catalog.images.schema), catalog.path / "images.parquet")
    report = run(Catalog(catalog.path), workers=1)
    assert report.not_judged == {"lamp": 30}
    assert report.judged == 90


def test_near_copies_stay_in_one_fold_where_they_are_known(tmp_path: Path):
    catalog = shop(tmp_path, {})
    lamps = [row for row in catalog.images.to_pylist() if int(row["product_id"][1:]) % 4 == 2]
    rows = [{"kind": "near", "group": 0, "image_id": row["image_id"], "product_id": row["product_id"]} for row in lamps]
    table = pa.Table.from_pylist(rows).replace_schema_metadata(made_by(catalog))
    catalog.write_table("duplicates", table)
    assert run(catalog, workers=1).not_judged == {"lamp": 30}


@pytest.mark.parametrize("settings", [{"min_products": 100}, {"min_products": 31}], ids=["far", "just"])
def test_a_catalog_without_two_categories_to_tell_apart(tmp_path: Path, settings: dict[str, Any]):
    catalog = shop(tmp_path, {})
    report = run(catalog, settings=LabelNoiseSettings(**settings), workers=1)
    assert report.judged == 0
    assert report.accuracy is None
    assert report.not_judged == dict.fromkeys(LEAVES, 30)
    assert catalog.table("label_noise").num_rows == 0


def test_one_category_left_is_not_judged_either(tmp_path: Path):
    catalog = shop(tmp_path, {f"p{n:03}": "mug" for n in range(12, 120)})
    report = run(catalog, workers=1)
    assert report.judged == 0
    assert report.not_judged == {"mug": 111, "plate": 3, "lamp": 3, "sofa": 3}


def test_the_same_again_and_alike_with_another_seed(tmp_path: Path):
    catalog = shop(tmp_path, dict(WRONG))
    first = run(catalog, workers=1)
    assert run(catalog, workers=1) == first
    other = run(catalog, settings=LabelNoiseSettings(seed=1), workers=1)
    assert {issue.product_id for issue in other.issues[:4]} == set(WRONG)


@pytest.mark.parametrize("prune", ["noise_rate", "class", "both"])
def test_every_way_to_choose(tmp_path: Path, prune: Any):
    report = run(shop(tmp_path, dict(WRONG)), settings=LabelNoiseSettings(prune=prune), workers=1)
    assert set(WRONG) <= {issue.product_id for issue in report.issues}


@pytest.mark.parametrize("values", [{"folds": 1}, {"min_products": 1}, {"prune": "clas"}, {"fold": 5}])
def test_wrong_settings_are_a_config_error(values: dict[str, Any]):
    with pytest.raises(ConfigError, match="labels"):
        load(None, LabelNoiseSettings, values, section="labels")

"""Splits of real dumps: the fashion copies stay together, grocery keeps its own parts."""

from __future__ import annotations

import csv
import hashlib
import zipfile
from collections import defaultdict
from pathlib import Path

import pytest
from tests.builders.split_catalogs import catalog_of, product

from catalens.core.catalog import Catalog
from catalens.curate.split import SplitSettings, run


@pytest.fixture(scope="module")
def fashion(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """articleType as leaf; the bytes of the photos are only hashed."""
    folder = real_data / "fashion"
    with (folder / "styles.csv").open(encoding="utf-8", newline="") as file:
        leaves = {row["id"]: row["articleType"] for row in csv.DictReader(file)}
    rows = []
    with zipfile.ZipFile(folder / "images.zip") as archive:
        for name in archive.namelist():
            identity = Path(name).stem
            if name.endswith(".jpg") and identity in leaves:
                photo = hashlib.sha256(archive.read(name)).hexdigest()
                rows.append(product(identity, leaves[identity], photos=[photo]))
    return catalog_of(tmp_path_factory.mktemp("fashion") / "fashion.catalog", rows)


@pytest.mark.real
def test_fashion(fashion: Catalog):
    report = run(fashion, SplitSettings(min_products=10))
    used = sum(part.products for name, part in report.parts.items() if name != "unused")
    shares = [report.parts[part].products / used for part in ("train", "val", "calib", "test")]
    assert shares == pytest.approx([0.7, 0.1, 0.1, 0.1], abs=0.001)
    assert report.groups < used, "the dump holds copies"
    assert {part: report.parts[part].categories for part in ("train", "val", "calib", "test")} == dict.fromkeys(
        ("train", "val", "calib", "test"), report.parts["train"].categories
    )

    split, holders = fashion.split, defaultdict(set)
    for image, owner in zip(*(fashion.images[name].to_pylist() for name in ("image_id", "product_id")), strict=True):
        holders[image].add(split[owner])
    assert not [image for image, parts in holders.items() if len(parts - {"unused"}) > 1]


@pytest.mark.real
def test_grocery_keeps_its_parts_and_gives_some_of_train_for_calibration(real_data: Path, tmp_path: Path):
    rows = []
    for part in ("train", "val"):
        for line in (real_data / "grocery" / f"{part}.txt").read_text(encoding="utf-8").splitlines():
            if line.strip():
                path, leaf, _ = (cell.strip() for cell in line.split(","))
                rows.append(product(path, leaf, given_split=part))
    report = run(catalog_of(tmp_path / "grocery.catalog", rows), SplitSettings(carve={"calib": 0.1}))
    assert report.parts["val"].products == 296
    assert report.parts["train"].products + report.parts["calib"].products == 2640
    assert report.parts["train"].categories == 81
    assert report.parts["calib"].products == pytest.approx(264, abs=1)

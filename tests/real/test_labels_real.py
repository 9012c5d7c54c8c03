"""Labels and parts of real dumps: categories that are none, shoes among the ties, sellers in one part."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from catalens.core.catalog import Catalog
from catalens.curate import ingest, label_noise, leaks, split
from catalens.curate.labels.category_names import suspicious_names
from catalens.curate.parts.split_settings import SplitSettings
from catalens.curate.sources import IngestSettings

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def clothing(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    folder = tmp_path_factory.mktemp("clothing") / "clothing.catalog"
    ingest.run(real_data / "clothing" / "images.csv", folder, IngestSettings(split="benchmark_split"))
    return Catalog(folder)


def test_clothing_has_categories_that_are_none(clothing: Catalog) -> None:
    assert {(name.name, name.reason) for name in suspicious_names(clothing.taxonomy)} == {
        ("Not sure", "undecided"),
        ("Other", "the rest"),
        ("Skip", "left out"),
    }


def test_the_given_split_of_clothing_shares_its_senders(clothing: Catalog) -> None:
    report = leaks.audit(clothing)
    assert report.split == "given"
    assert report.parts["val"].products == 341
    assert report.parts["val"].kinds["exact"] == 0
    assert report.parts["val"].kinds["seller"] > 250, "nearly all of it is by senders of train"


def test_senders_of_clothing_in_one_part(clothing: Catalog) -> None:
    report = split.run(clothing, SplitSettings(together=("seller",), anew=True))
    catalog = Catalog(clothing.path)
    held: dict[str, set[str]] = defaultdict(set)
    for product, seller in zip(*(catalog.products[name].to_pylist() for name in ("product_id", "seller")), strict=True):
        held[seller].add(catalog.split[product])
    assert all(len(parts) == 1 for parts in held.values())
    assert report.largest_group == 509
    assert all(abs(value) < 0.01 for value in report.off.values())
    assert [report.parts[part].categories for part in ("train", "val", "calib", "test")] == [20, 20, 20, 19]
    assert leaks.audit(catalog).parts["val"].kinds["seller"] == 0


def test_a_shoe_among_the_ties(real_data: Path, tmp_path: Path) -> None:
    ingest.run(real_data / "fashion", tmp_path / "fashion.catalog", IngestSettings())
    report = label_noise.run(Catalog(tmp_path / "fashion.catalog"))
    found = {issue.product_id: (issue.given, issue.suggested) for issue in report.issues[:50]}
    assert "Ties" in found["19222"][0]
    assert "Shoes" in found["19222"][1]
    assert "Casual Shoes" in found["13378"][0]
    assert "Wallets" in found["13378"][1]
    assert report.accuracy is not None
    assert report.accuracy > 0.65
    assert report.judged + sum(report.not_judged.values()) == 22_380
    assert 0.01 < report.stray_share < 0.04

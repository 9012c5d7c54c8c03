"""Roll-up training: the tree is cut at a level, and a product counts for its ancestor, from training to report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.builders.catalogs import striped_catalog

from catalens.cli.main import catalens as cli
from catalens.core.catalog import Catalog
from catalens.core.errors import TaxonomyError
from catalens.core.taxonomy import Taxonomy
from catalens.export.run import ExportSettings
from catalens.export.run import run as export
from catalens.train.dataset import photos_of
from catalens.train.parts import read_parts, tree_of
from catalens.train.run import run
from catalens.train.settings import TrainSettings

PATHS = {"mug": ("Kitchen", "Cup", "Mug"), "plate": ("Kitchen", "Plate"), "gift": ("Gift",), "lamp": ("Home", "Lamp")}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return striped_catalog(tmp_path_factory.mktemp("levels") / "c.catalog")


@pytest.mark.parametrize(
    ("level", "leaves"),
    [
        (0, ("Gift", "Home", "Kitchen")),
        (1, ("Gift", "Lamp", "Cup", "Plate")),
        (2, ("Gift", "Lamp", "Mug", "Plate")),
    ],
)
def test_a_ragged_tree_is_cut(level: int, leaves: tuple[str, ...]) -> None:
    tree = Taxonomy.from_paths(PATHS, level_names=("a", "b", "c"))
    cut = tree.cut(level)
    assert tuple(cut[leaf].name() for leaf in cut.leaves) == leaves
    assert cut.level_names == ("a", "b", "c")[: level + 1]
    assert (cut == tree) == (level == 2)
    lifted = tree.lifted(cut)
    assert set(lifted) >= set(tree.leaves), "every leaf is or has a leaf of the cut tree above it"
    assert all(lifted[leaf] in tree.path(leaf) for leaf in tree.leaves)


def test_a_product_of_a_leaf_that_is_not_trained_has_no_place() -> None:
    tree = Taxonomy.from_paths(PATHS)
    assert tree.lifted(tree.subset(["mug", "lamp"])) == {"mug": "mug", "lamp": "lamp"}


def test_the_nearest_leaf_is_the_one() -> None:
    tree, other = Taxonomy.from_paths(PATHS), Taxonomy.from_paths({"mug": ("M",), "Kitchen": ("K",)})
    assert tree.lifted(other)["mug"] == "mug"
    assert tree.lifted(other)["plate"] == "Kitchen"


@pytest.mark.parametrize(("asked", "level"), [("department", 0), ("0", 0), ("kind", 1), ("1", 1), (0, 0)], ids=str)
def test_a_level_is_named_or_numbered(catalog: Catalog, asked: str | int, level: int) -> None:
    settings = TrainSettings(level=asked)
    assert tree_of(catalog, settings.level).depth == level + 1


@pytest.mark.parametrize("asked", ["2", "-1", "colour"])
def test_a_level_that_is_none_is_told_those_that_are(catalog: Catalog, asked: str) -> None:
    with pytest.raises(TaxonomyError, match=rf"no level '{asked}'; there are 0 \(department\), 1 \(kind\)"):
        tree_of(catalog, asked)


def test_photos_have_the_label_of_their_ancestor(catalog: Catalog) -> None:
    tree = tree_of(catalog, "0")
    above = [catalog.taxonomy.path(leaf)[0] for leaf in catalog.taxonomy.leaves]
    coarse, fine = photos_of(catalog, "train", tree), photos_of(catalog, "train", catalog.taxonomy)
    assert coarse.ids == fine.ids
    assert [tree.leaves[label] for label in coarse.labels] == [above[label] for label in fine.labels]


def test_few_products_are_counted_at_the_level(catalog: Catalog) -> None:
    parts = read_parts(catalog, TrainSettings(level="department", min_products=10))
    assert parts.taxonomy.leaves == ("Home", "Kitchen"), "6 products a kind, 12 a department"
    assert dict(parts.products) == {"Home": 12, "Kitchen": 12}
    assert parts.counts.tolist() == [24, 24]


def test_from_training_to_the_report(catalog: Catalog, tmp_path: Path) -> None:
    settings = TrainSettings(
        model="lightweight_cnn", size=32, epochs=2, batch=8, workers=0, level="department", augment="none", seed=1,
        tracking="none", ema=0, dropout=0, lr=3e-3, warmup_epochs=0,
    )  # fmt: skip
    info = run(catalog, tmp_path / "run", settings)
    assert info["train_counts"] == {"Home": 12, "Kitchen": 12}
    bundle = export(tmp_path / "run", tmp_path / "b.bundle", ExportSettings())
    assert bundle.taxonomy.leaves == ("Home", "Kitchen")
    assert bundle.manifest.calibration["products"] == 8
    assert bundle.manifest.calibration["outside"] == 0

    result = CliRunner().invoke(cli, ["evaluate", str(bundle.path), str(catalog.path), "--json"])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert (said["products"], said["outside"]) == (8, 0)
    assert [level["level"] for level in said["levels"]] == ["department"]
    assert np.isfinite(said["nll"])

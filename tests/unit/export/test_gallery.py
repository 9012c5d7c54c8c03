"""Categories added to a bundle and removed again: the same graph, a longer tree, a version each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tests.builders.bundles import TAXONOMY, photo_of, tiny_bundle
from tests.builders.galleries import colour_catalog, halves

from catalens.core.bundle import Bundle
from catalens.core.catalog import Catalog, photos_digest
from catalens.core.errors import BundleCorrupt, BundleError, CatalogError, ConfigError, TaxonomyError, UnreadableImage
from catalens.core.gallery import FILE
from catalens.core.gallery_tree import Leaf, leaf_at
from catalens.export import gallery
from catalens.export.gallery import GallerySettings, NewCategory
from catalens.predict.predictor import Photo, Predictor
from catalens.predict.session import Session

SETTINGS = GallerySettings(rounds=3)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return colour_catalog(tmp_path_factory.mktemp("shop") / "shop.catalog")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny.bundle")


def shots(count: int = 4, *, seed: int = 0, upside_down: bool = False) -> tuple[Photo, ...]:
    rng = np.random.default_rng(seed)
    levels = {"upper": 5, "lower": 250} if upside_down else {}
    return tuple(Photo(f"half-{number}.png", halves(rng, **levels)) for number in range(count))


def half(names: Sequence[str] = ("Home", "Half"), **more: object) -> NewCategory:
    return NewCategory(leaf_at(TAXONOMY, names), shots(**more))  # type: ignore[arg-type]


@pytest.fixture
def grown(bundle: Bundle, catalog: Catalog, tmp_path: Path) -> Bundle:
    return gallery.add(bundle, tmp_path / "grown.bundle", [half()], SETTINGS, catalog=catalog)


def test_a_category_is_added_to_the_same_graph(bundle: Bundle, grown: Bundle, catalog: Catalog) -> None:
    assert grown.taxonomy.leaves == (*bundle.taxonomy.leaves, "Home > Half")
    assert grown.base_taxonomy == bundle.taxonomy
    assert grown.manifest.classes == bundle.manifest.classes
    assert grown.name != bundle.name
    made = grown.manifest.gallery
    assert made is not None
    assert made["made_from"] == bundle.name
    assert made["categories"] == [
        {"id": "Home > Half", "name": "Half", "parent": "Home", "photos": 4, "calibrated": 0},
    ]
    assert made["fitted"]["catalog_digest"] == catalog.digest
    assert made["fitted"]["trials"][0]["measured"]["old_before"] == 1.0
    assert made["fitted"]["actual"]["old"] == 21
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    np.testing.assert_array_equal(Session(grown).run(pixels)[0], Session(bundle).run(pixels)[0])
    card = (grown.path / "card.md").read_text()
    assert "| Home > Half | 4 | " in card
    assert "not yet |" in card


def test_what_looks_like_it_is_suggested_and_the_others_are_filed_as_before(bundle: Bundle, grown: Bundle) -> None:
    new = Predictor(grown).predict(shots(1, seed=99), promise=0.9)
    assert new.labels[0].id == "Home > Half"
    assert new.decision.action == "suggest"
    assert "Looks like Home > Half, a category added from 4 photos: no promise yet" in new.decision.reason
    for leaf in TAXONOMY.leaves:
        photo = [Photo("a", photo_of(leaf))]
        before, after = Predictor(bundle).predict(photo, promise=0.9), Predictor(grown).predict(photo, promise=0.9)
        assert (
            (after.decision.action, after.decision.node)
            == (before.decision.action, before.decision.node)
            != (
                "suggest",
                None,
            )
        )
        assert sum(
            label.score for label in Predictor(grown).predict(photo, promise=0.9, top=9).labels
        ) == pytest.approx(1)


def test_more_are_added_to_those_there_and_removed_again(grown: Bundle, bundle: Bundle, tmp_path: Path) -> None:
    other = NewCategory(leaf_at(grown.taxonomy, ("Office", "Upside"), id="u1"), shots(seed=5, upside_down=True))
    both = gallery.add(grown, tmp_path / "both.bundle", [other], SETTINGS)  # the gate is there: no catalog needed
    assert both.taxonomy.leaves == (*grown.taxonomy.leaves, "u1")
    assert both.taxonomy.path_names("u1") == ("Office", "Upside")
    assert both.gallery is not None
    assert grown.gallery is not None
    fitted = (grown.manifest.gallery or {})["fitted"]
    assert both.gallery.gate.offset == min(grown.gallery.gate.offset, fitted["careful"])
    assert (both.manifest.gallery or {})["fitted"] == {**fitted, "actual": None}
    assert both.manifest.gallery is not None
    assert both.manifest.gallery["made_from"] == grown.name
    assert Predictor(both).predict(shots(1, seed=6, upside_down=True), promise=0.9).labels[0].id == "u1"
    assert Predictor(both).predict(shots(1, seed=6), promise=0.9).labels[0].id == "Home > Half"

    first = gallery.remove(both, tmp_path / "first.bundle", ["Home > Half"], SETTINGS)
    assert first.taxonomy.leaves == (*bundle.taxonomy.leaves, "u1")
    assert Predictor(first).predict(shots(1, seed=6, upside_down=True), promise=0.9).labels[0].id == "u1"
    second = gallery.remove(both, tmp_path / "second.bundle", ["u1"], SETTINGS)
    assert (second.path / FILE).read_bytes() == (grown.path / FILE).read_bytes()
    assert second.taxonomy == grown.taxonomy
    none = gallery.remove(both, tmp_path / "none.bundle", ["u1", "Home > Half"], SETTINGS)
    assert none.taxonomy == bundle.taxonomy
    assert "Added categories" not in (none.path / "card.md").read_text()
    photo = [Photo("a", photo_of("lamp"))]
    assert Predictor(none).predict(photo, promise=0.9).labels == Predictor(bundle).predict(photo, promise=0.9).labels
    again = gallery.add(none, tmp_path / "again.bundle", [half()], SETTINGS)
    assert (again.path / FILE).read_bytes() == (grown.path / FILE).read_bytes()


def test_the_same_photos_give_the_same_version(bundle: Bundle, grown: Bundle, catalog: Catalog, tmp_path: Path) -> None:
    again = gallery.add(bundle, tmp_path / "again.bundle", [half()], SETTINGS, catalog=catalog)
    assert again.digest == grown.digest
    other = gallery.add(bundle, tmp_path / "other.bundle", [half(seed=1)], SETTINGS, catalog=catalog)
    assert other.name != grown.name


def test_a_name_that_is_taken(grown: Bundle, bundle: Bundle, catalog: Catalog) -> None:
    before = grown.digest
    for call in (
        lambda: gallery.add(bundle, grown.path, [half()], SETTINGS, catalog=catalog),
        lambda: gallery.remove(grown, grown.path, ["Home > Half"], SETTINGS),
    ):
        with pytest.raises(BundleError, match="already exists"):
            call()
    assert Bundle(grown.path).digest == before
    settings = SETTINGS.model_copy(update={"overwrite": True, "name": "fewer"})
    assert gallery.remove(grown, grown.path, ["Home > Half"], settings).manifest.name == "fewer"


def test_the_first_time_needs_the_catalog(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pass the catalog it was trained on"):
        gallery.add(bundle, tmp_path / "new.bundle", [half()], SETTINGS)


@pytest.mark.parametrize(
    ("categories", "error", "words"),
    [
        ([], ConfigError, "a category or more"),
        ([half(count=2)], ConfigError, "expected 3 to 20 photos, got 2"),
        ([half(count=21)], ConfigError, "expected 3 to 20 photos, got 21"),
        (
            [NewCategory(half().leaf, (*shots(), shots()[0]))],
            ConfigError,
            "half-0.png: is the same photo as half-0",
        ),
        ([half(), half(("Home", "Other"))], ConfigError, "is the same photo"),
        ([NewCategory(Leaf("lamp", "Light", "Home"), shots())], TaxonomyError, "'lamp' is taken"),
        ([NewCategory(Leaf("x", "Light", "Hom"), shots())], TaxonomyError, "did you mean 'Home'"),
        ([half(), half()], TaxonomyError, "is taken"),
        ([NewCategory(half().leaf, (*shots(), Photo("bad.jpg", b"text")))], UnreadableImage, "bad.jpg"),
    ],
    ids=["none", "too few", "too many", "twice", "in two", "id", "parent", "two of an id", "unreadable"],
)
def test_what_cannot_be_added(
    bundle: Bundle,
    catalog: Catalog,
    tmp_path: Path,
    categories: list[NewCategory],
    error: type[Exception],
    words: str,
) -> None:
    with pytest.raises(error, match=words):
        gallery.add(bundle, tmp_path / "new.bundle", categories, SETTINGS, catalog=catalog)
    assert not (tmp_path / "new.bundle").exists()


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (["lamp"], "'lamp' was trained, not added"),
        (["Home > Halve"], "no category 'Home > Halve' was added; did you mean 'Home > Half'"),
    ],
    ids=["trained", "unknown"],
)
def test_what_cannot_be_removed(grown: Bundle, tmp_path: Path, ids: list[str], words: str) -> None:
    with pytest.raises(TaxonomyError, match=words):
        gallery.remove(grown, tmp_path / "new.bundle", ids, SETTINGS)


def test_nothing_was_added(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match="no category 'x' was added"):
        gallery.remove(bundle, tmp_path / "new.bundle", ["x"], SETTINGS)


def test_a_catalog_that_does_not_do(bundle: Bundle, catalog: Catalog, tmp_path: Path) -> None:
    swapped = colour_catalog(tmp_path / "swapped.catalog")
    parts = {"train": "calib", "calib": "train"}
    table = swapped.table("splits")
    swapped.write_table(
        "splits", pa.table({"product_id": table["product_id"], "part": [parts[p] for p in table["part"].to_pylist()]})
    )
    images, labels = catalog.labelled("train", TAXONOMY)
    trained = {
        "catalog": {"digest": catalog.digest},
        "train_digest": photos_digest(images["image_id"].to_pylist(), labels),
    }
    knowing = tiny_bundle(tmp_path / "knowing.bundle", training=trained)
    with pytest.raises(CatalogError, match="split anew"):
        gallery.add(knowing, tmp_path / "new.bundle", [half()], SETTINGS, catalog=Catalog(swapped.path))
    with pytest.raises(CatalogError, match=r"too little to fit the gate on.* got 0"):  # three training photos a leaf
        gallery.add(bundle, tmp_path / "new.bundle", [half()], SETTINGS, catalog=Catalog(swapped.path))
    settings = SETTINGS.model_copy(update={"calibrate_on": "train"})
    with pytest.raises(CatalogError, match="trained on part 'train'"):
        gallery.add(bundle, tmp_path / "new.bundle", [half()], settings, catalog=catalog)


def test_a_bundle_that_grew_is_checked(grown: Bundle) -> None:
    (grown.path / FILE).unlink()
    with pytest.raises(BundleCorrupt, match=r"gallery\.npz"):
        Bundle(grown.path)


def test_the_gate_is_made_anew_with_the_catalog(grown: Bundle, catalog: Catalog, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"cost": 0.2})
    other = NewCategory(leaf_at(grown.taxonomy, ("Home", "Upside")), shots(seed=5, upside_down=True))
    both = gallery.add(grown, tmp_path / "both.bundle", [other], settings, catalog=catalog)
    assert both.manifest.gallery is not None
    assert both.manifest.gallery["fitted"]["cost"] == 0.2
    assert both.gallery is not None
    assert grown.gallery is not None
    assert replace(both.gallery.gate, offset=0) != replace(grown.gallery.gate, offset=0)

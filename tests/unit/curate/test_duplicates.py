"""Copies are found, told apart by kind, grouped without chains, and asked for by a new photo."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from tests.builders.bundles import tiny_bundle
from tests.builders.listings import EDITS, catalog_of, listing, lit, png, trimmed
from tests.builders.photos import jpeg, packshot, scene

from catalens.cli.duplicates import command
from catalens.cli.embed import command as embed
from catalens.core.catalog import Catalog
from catalens.core.errors import CatalogError, UnreadableImage
from catalens.core.fingerprint import Signatures, fingerprint
from catalens.core.image import decode
from catalens.core.shards import image_id
from catalens.curate import quality
from catalens.curate.copies.find_copies import CopyFinder, find_copies
from catalens.curate.copies.near import Photos, group_copies, stars
from catalens.curate.duplicates import DuplicatesSettings, groups_of, near_groups, run

SETTINGS = DuplicatesSettings(workers=1)


def photo(seed: int) -> bytes:
    return jpeg(scene(seed=seed), 92)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    first, second = decode(photo(1)), decode(photo(2))
    listings = [
        listing("original", photo(1), seller="anna", attributes={"Brand": "Aurora", "price": "20"}),
        listing("copied", photo(1), seller="bert", attributes={"brand": "Fake", "Price": "9"}),
        listing("edited", EDITS["half the size"](first), leaf="sock", seller="carl"),
        listing("png", png(second)),
        listing("again", png(second), photo(3)),
        listing("same pixels", _other_file(second)),
        *(listing(f"single {seed}", photo(seed)) for seed in range(10, 22)),
    ]
    return catalog_of(tmp_path_factory.mktemp("copies") / "shop.catalog", listings)


def _other_file(image: np.ndarray) -> bytes:
    """The same pixels in a file of other bytes."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def test_kinds_and_counts(shop: Catalog):
    report = run(shop, SETTINGS)
    values = report.to_json()
    assert values["exact"] == {"groups": 2, "photos": 4}
    assert values["pixel"] == {"groups": 1, "photos": 3}
    assert values["near"] == {"groups": 1, "photos": 3}
    assert (report.contradictory, report.cross_product, report.cross_seller) == (1, 2, 1)
    first, second = values["groups"]
    assert first["kind"] == "near"
    assert first["products"] == ["copied", "edited", "original"]
    assert first["categories"] == ["shirt", "sock"]
    assert first["sellers"] == ["anna", "bert", "carl"]
    assert first["brands"] == ["Aurora", "Fake"]
    assert first["prices"] == ["20", "9"]
    assert (second["kind"], second["contradictory"], len(second["images"])) == ("pixel", False, 3)
    json.dumps(values)


def test_the_table_says_who_is_in_which_group(shop: Catalog):
    run(shop, SETTINGS)
    rows = shop.table("duplicates").to_pylist()
    assert {row["kind"] for row in rows} == {"exact", "pixel", "near"}
    assert {row["product_id"] for row in rows if row["kind"] == "near"} == {"original", "copied", "edited"}
    near = near_groups(shop)
    assert near.num_rows == len(set(near["image_id"].to_pylist())) == 4
    assert set(groups_of(shop, "exact")) == {image_id(photo(1)), image_id(png(decode(photo(2))))}
    assert len(set(groups_of(shop, "pixel").values())) == 2


def test_a_second_run_keeps_what_is_there(shop: Catalog, monkeypatch: pytest.MonkeyPatch):
    first = run(shop, SETTINGS)
    monkeypatch.setattr("catalens.curate.duplicates.group_copies", None)
    assert run(shop, SETTINGS) == first
    with pytest.raises(TypeError):
        run(shop, DuplicatesSettings(workers=1, max_difference=2))


def test_before_the_run_there_are_no_groups(tmp_path: Path):
    catalog = catalog_of(tmp_path / "x.catalog", [listing("a", photo(1))])
    for ask in (near_groups, CopyFinder):
        with pytest.raises(CatalogError, match="run `catalens duplicates"):
            ask(catalog)


@pytest.mark.parametrize(
    ("older", "refused"),
    [("duplicates.VERSION", {near_groups}), ("duplicates.HashMeasure.version", {near_groups, CopyFinder})],
)
def test_tables_of_an_older_version_are_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, older: str, refused: set[Any]
):
    catalog = catalog_of(tmp_path / "x.catalog", [listing("a", photo(1)), listing("b", photo(1))])
    with monkeypatch.context() as then:
        then.setattr(f"catalens.curate.{older}", "0")
        run(catalog, SETTINGS)
    for ask in refused:
        with pytest.raises(CatalogError, match="run `catalens duplicates"):
            ask(catalog)
    run(catalog, SETTINGS)
    assert near_groups(catalog).num_rows == 1
    assert [copy.kind for copy in CopyFinder(catalog).find(photo(1))] == ["exact", "exact"]


def test_a_catalog_without_copies_and_one_of_one_photo(tmp_path: Path):
    for count in (1, 3):
        catalog = catalog_of(tmp_path / f"{count}.catalog", [listing(str(n), photo(n)) for n in range(count)])
        assert run(catalog, SETTINGS).groups == ()
        assert near_groups(catalog).num_rows == 0


def test_the_same_shot_in_other_colours_is_no_copy(tmp_path: Path):
    colours = [(150, 40, 50), (40, 60, 160), (70, 140, 60), (120, 110, 100)]
    catalog = catalog_of(
        tmp_path / "x.catalog", [listing(str(n), jpeg(packshot(colour=colour))) for n, colour in enumerate(colours)]
    )
    assert run(catalog, SETTINGS).near.groups == 0


def test_blank_photos_are_one_picture_however_many(tmp_path: Path):
    blank = [jpeg(np.full((60 + n, 50, 3), 250, np.uint8), 60 + n % 30) for n in range(40)]
    dark = [jpeg(np.full((60 + n, 50, 3), 60, np.uint8), 60 + n % 30) for n in range(3)]
    rows = [listing(str(n), data) for n, data in enumerate([*blank, *dark])]
    report = run(catalog_of(tmp_path / "x.catalog", rows), SETTINGS)
    assert sorted(len(group.images) for group in report.groups) == [3, 40]


def test_a_tiny_photo_does_not_bring_black_and_white_together(tmp_path: Path):
    shades = (0, 128, 255)
    sizes = ((1, 1), (2, 2), (1, 5000), (64, 64))
    photos = {f"{shade} {size}": png(np.full((*size, 3), shade, np.uint8)) for size in sizes for shade in shades}
    catalog = catalog_of(tmp_path / "x.catalog", [listing(name, data) for name, data in photos.items()])
    groups = [{name.split()[0] for name in group.products} for group in run(catalog, SETTINGS).groups]
    assert sorted(groups, key=str) == [{"0"}, {"128"}, {"255"}]


def test_photos_of_any_shape_and_kind(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 256, (1, 5000, 3), dtype=np.uint8)
    deep = Image.fromarray(np.linspace(0, 65535, 8000).reshape(100, 80).astype(np.uint16))
    pictures = {
        "wide": Image.fromarray(noise),
        "tall": Image.fromarray(noise.transpose(1, 0, 2)),
        "four": Image.fromarray(noise[0, :4].reshape(2, 2, 3)),
        "one": Image.fromarray(noise[:, :1]),
        "transparent": Image.new("RGBA", (100, 80), (200, 20, 30, 0)),
        "16 bit": deep,
    }
    photos = {}
    for name, picture in pictures.items():
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        photos[name] = buffer.getvalue()
    catalog = catalog_of(tmp_path / "x.catalog", [listing(name, data) for name, data in photos.items()])
    assert run(catalog, SETTINGS).groups == ()
    assert quality.run(catalog, workers=1).photos == len(photos)
    finder = CopyFinder(catalog)
    for name, data in photos.items():
        first, *_ = finder.find(data, mirrored=True)
        assert (first.product_id, first.kind) == (name, "exact")


def test_colour_swatches_are_told_apart_without_looking_closely(monkeypatch: pytest.MonkeyPatch):
    """All have one hash; each pair of them would be decoded and laid over each other."""
    monkeypatch.setattr("catalens.curate.copies.near.closely", None)
    levels = range(0, 256, 50)
    pictures = [
        np.full((20 + size, 20, 3), (red, green, 90), np.uint8) for red in levels for green in levels for size in (0, 1)
    ]
    photos = Photos(
        Signatures.from_bytes([fingerprint(picture).signature for picture in pictures]), pictures.__getitem__
    )
    places = np.arange(len(pictures))
    assert group_copies(photos, radius=7, limit=1.3).tolist() == (places - places % 2).tolist()


def test_a_catalog_no_photo_of_which_decodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(data: bytes, *, source: str) -> None:
        raise UnreadableImage("is broken", source=source)

    catalog = catalog_of(tmp_path / "x.catalog", [listing("a", photo(1)), listing("b", photo(2))])
    monkeypatch.setattr("catalens.curate.scan.decode", broken)
    report = run(catalog, SETTINGS)
    assert (report.groups, report.unreadable) == ((), 2)
    assert find_copies(catalog, photo(1)) == []


def test_mirrored_copies_on_demand(tmp_path: Path):
    turned = jpeg(scene(seed=4)[:, ::-1])
    catalog = catalog_of(tmp_path / "x.catalog", [listing("a", photo(4)), listing("b", turned), listing("c", photo(5))])
    assert run(catalog, SETTINGS).near.groups == 0
    assert run(catalog, DuplicatesSettings(workers=1, mirrored=True)).near.photos == 2


def test_vectors_bring_pairs_that_hashes_do_not(tmp_path: Path):
    part = jpeg(trimmed(scene(seed=6), 0.2, 0.1, 0.05, 0.15))
    data = [photo(6), part, *(photo(seed) for seed in range(30, 50))]
    catalog = catalog_of(tmp_path / "x.catalog", [listing(str(n), each) for n, each in enumerate(data)])
    assert run(catalog, SETTINGS).near.groups == 0
    vectors = np.random.default_rng(0).standard_normal((len(data), 64)).astype(np.float32)
    vectors[1] = vectors[0] + 0.1 * vectors[1]
    vectors[3] = vectors[2]  # near by its vector, and another picture
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    report = run(catalog, SETTINGS, vectors=([image_id(each) for each in data], vectors))
    assert [group.products for group in report.groups] == [("0", "1")]


# chains


def test_a_star_is_no_chain():
    middles = stars(7, np.arange(5), np.arange(1, 6))
    assert middles[6] == 6
    assert all(abs(place - middle) <= 1 for place, middle in enumerate(middles.tolist()))
    assert len(set(middles.tolist())) > 2


def test_the_one_with_most_copies_stands_in_the_middle():
    assert stars(5, np.array([0, 1, 1]), np.array([1, 2, 3])).tolist() == [1, 1, 1, 1, 4]
    nothing = np.empty(0, np.int64)
    assert stars(2, nothing, nothing).tolist() == [0, 1]


def test_ever_darker_photos_are_not_one_group():
    """Each is a copy of the next; the first and the last are far apart."""
    pictures = [lit(scene(seed=8), 1 - 0.12 * step) for step in range(6)]
    photos = Photos(
        Signatures.from_bytes([fingerprint(picture).signature for picture in pictures]), pictures.__getitem__
    )
    middle = group_copies(photos, radius=7, limit=1.25)
    assert middle[0] != middle[5]
    assert len(set(middle.tolist())) < 6


# a new photo


@pytest.mark.parametrize("edit", EDITS)
def test_a_new_photo_that_was_edited_is_found(shop: Catalog, edit: str):
    run(shop, SETTINGS)
    found = find_copies(shop, EDITS[edit](decode(photo(11))))
    assert [(copy.product_id, copy.kind) for copy in found] == [("single 11", "near")]
    assert 0 < found[0].difference < 1.25


def test_a_new_photo_by_kind(shop: Catalog):
    run(shop, SETTINGS)
    finder = CopyFinder(shop)
    exact = finder.find(photo(1))
    assert [(copy.product_id, copy.kind) for copy in exact] == [
        ("original", "exact"),
        ("copied", "exact"),
        ("edited", "near"),
    ]
    assert {copy.kind for copy in finder.find(_other_file(decode(photo(12))))} == {"pixel"}
    turned = jpeg(scene(seed=13)[:, ::-1])
    assert finder.find(turned) == []
    assert [copy.kind for copy in finder.find(turned, mirrored=True)] == ["mirrored"]
    assert finder.find(photo(99)) == []
    with pytest.raises(UnreadableImage, match=r"new\.jpg"):
        finder.find(b"no photo", source="new.jpg")


# the verb


def test_the_verb(shop: Catalog, tmp_path: Path):
    runner = CliRunner()
    result = runner.invoke(command, [str(shop.path), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["cross_seller"] == 1
    assert "1 of the groups under several categories." in result.stderr
    new = tmp_path / "new.jpg"
    new.write_bytes(EDITS["quality 50"](decode(photo(14))))
    result = runner.invoke(command, [str(shop.path), "--photo", str(new), "--json"])
    (copy,) = json.loads(result.stdout)["copies"]
    assert (copy["product_id"], copy["kind"]) == ("single 14", "near")
    assert "single 14" in runner.invoke(command, [str(shop.path), "--photo", str(new)]).stdout
    new.write_bytes(photo(99))
    assert "none of the catalog's photos" in runner.invoke(command, [str(shop.path), "--photo", str(new)]).stderr
    new.write_bytes(b"no photo")
    broken = runner.invoke(command, [str(shop.path), "--photo", str(new)])
    assert isinstance(broken.exception, UnreadableImage)
    assert str(new) in str(broken.exception)
    wrong = runner.invoke(command, [str(shop.path), "--photo", str(new), "--bundle", str(tmp_path)])
    assert wrong.exit_code == 2


def test_the_verb_with_the_vectors_of_a_bundle(tmp_path: Path):
    part = jpeg(trimmed(scene(seed=6), 0.15, 0.05, 0.05, 0.1))
    colours = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0))
    others = [*(photo(seed) for seed in range(3)), *(png(np.full((9, 9, 3), colour, np.uint8)) for colour in colours)]
    listings = [listing("whole", photo(6)), listing("part", part), *(listing(f"{n}", p) for n, p in enumerate(others))]
    catalog = catalog_of(tmp_path / "x.catalog", listings)
    bundle = tiny_bundle(tmp_path / "tiny.bundle")
    runner = CliRunner()
    arguments = [str(catalog.path), "--bundle", str(bundle.path), "--json"]
    early = runner.invoke(command, arguments)
    assert isinstance(early.exception, CatalogError)
    assert "run `catalens embed" in str(early.exception)
    assert runner.invoke(embed, [str(bundle.path), str(catalog.path)]).exit_code == 0
    result = runner.invoke(command, arguments)
    assert result.exit_code == 0, result.output
    (group,) = json.loads(result.stdout)["groups"]
    assert (group["kind"], group["products"]) == ("near", ["part", "whole"])
    without = runner.invoke(command, [str(catalog.path), "--json"])
    assert json.loads(without.stdout)["groups"] == []

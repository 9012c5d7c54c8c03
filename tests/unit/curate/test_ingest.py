"""Ingest: what is written, what is refused, and that an interruption at any step changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.builders.dumps import DUMPS, Dump, bson_dump, fashion_dump, folder_dump, photo, table_dump, write

from catalens.core import shards
from catalens.core.catalog import Catalog, content_digest
from catalens.core.errors import CatalogError, SourceError
from catalens.curate.ingest import run
from catalens.curate.making.check import CheckedRow
from catalens.curate.making.finish import reconcile
from catalens.curate.making.journal import Journal, Part
from catalens.curate.sources import IngestSettings
from catalens.curate.sources.protocol import Row

SETTINGS = IngestSettings()


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return tmp_path / "shop.catalog"


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every second photo begins a part."""
    monkeypatch.setattr(shards, "SHARD_PHOTOS", 2)


def test_a_catalog_holds_what_the_dump_said(tmp_path: Path, catalog: Path) -> None:
    report = run(table_dump(tmp_path).source, catalog, SETTINGS)
    made = Catalog(catalog)
    first = made.products.to_pylist()[-1]
    assert (first["product_id"], first["category_id"], first["seller"]) == ("p6", "Milk", None)
    by_id = {row["product_id"]: row for row in made.products.to_pylist()}
    assert by_id["p1"] == {
        "product_id": "p1",
        "category_id": "Fruit > Apple",
        "seller": "anna",
        "group": None,
        "attributes": [("colour", "red")],
        "source": "listings.csv: row 1",
        "given_split": None,
    }
    assert (made.images["width"][0].as_py(), made.images["height"][0].as_py()) == (12, 16)
    assert report.digest == made.digest == content_digest(made.taxonomy, made.products, made.images)
    assert (made.info.rows_read, report.rows_merged, report.examples["no photo"]) == (9, 1, ["p5"])
    assert not (catalog / "journal").exists()
    assert json.loads(json.dumps(report.to_json()))["set_aside"] == made.info.set_aside


def test_level_names_come_from_the_dump(tmp_path: Path, catalog: Path) -> None:
    report = run(fashion_dump(tmp_path).source, catalog, SETTINGS)
    assert report.levels == [
        {"level": "masterCategory", "categories": 2},
        {"level": "subCategory", "categories": 3},
        {"level": "articleType", "categories": 4},
    ]


def test_a_copy_within_a_product_is_two_rows_of_the_same_bytes(tmp_path: Path, catalog: Path) -> None:
    run(bson_dump(tmp_path).source, catalog, SETTINGS)
    copies = [row for row in Catalog(catalog).images.to_pylist() if row["product_id"] == "8"]
    assert [row["position"] for row in copies] == [0, 1]
    assert len({(row["shard"], row["row"], row["image_id"]) for row in copies}) == 1


def test_a_category_that_is_no_leaf_stays_as_an_attribute(tmp_path: Path, catalog: Path) -> None:
    write(tmp_path / "photos", {"a/1.jpg": photo(1), "a/b/2.jpg": photo(2), "3.jpg": photo(3)})
    report = run(tmp_path / "photos", catalog, SETTINGS)
    rows = {row["product_id"]: (row["category_id"], row["attributes"]) for row in Catalog(catalog).products.to_pylist()}
    assert rows == {"a/1.jpg": (None, [("original category", "a")]), "a/b/2.jpg": ("a > b", []), "3.jpg": (None, [])}
    assert report.findings == {"category has subcategories": 1}


def test_a_name_with_the_separator_in_it_is_no_path(tmp_path: Path, catalog: Path) -> None:
    write(tmp_path / "photos", {"a > b/1.jpg": photo(1), "a/b/2.jpg": photo(2)})
    run(tmp_path / "photos", catalog, SETTINGS)
    made = Catalog(catalog)
    named = {product: made.taxonomy.path_names(str(leaf)) for product, leaf in made.categories.items()}
    assert named == {"a > b/1.jpg": ("a > b",), "a/b/2.jpg": ("a", "b")}


def test_an_id_that_stands_for_two_paths_is_an_error(tmp_path: Path) -> None:
    part = Part(tmp_path / "part-00000.arrow")
    for path in (("Caf\u00e9",), ("Cafe\u0301",)):  # one name, written in two ways
        part.keep(CheckedRow(Row("1", (), ("row 1",), path, "7"), (), ()))
    with pytest.raises(SourceError, match="'7' stands for"):
        part.keep(CheckedRow(Row("2", (), ("row 2",), ("Bar",), "7"), (), ()))


def test_too_large_photos_are_findings(tmp_path: Path, catalog: Path) -> None:
    wide, heavy = photo(1, size=(300, 300)), photo(2) + bytes(5000)
    write(tmp_path / "photos", {"a/ok.jpg": photo(3), "a/wide.jpg": wide, "a/heavy.jpg": heavy})
    report = run(tmp_path / "photos", catalog, IngestSettings(max_pixels=50_000, max_photo_bytes=5000))
    assert (report.products, report.findings, report.set_aside) == (1, {"photo too large": 2}, {"no usable photo": 2})


def test_nothing_usable_is_an_error_with_the_causes(tmp_path: Path, catalog: Path) -> None:
    write(tmp_path / "photos", {"a/1.jpg": "text", "a/2.jpg": ""})
    with pytest.raises(SourceError, match=r"no usable photo \(2\)"):
        run(tmp_path / "photos", catalog, SETTINGS)


def test_progress_is_told(tmp_path: Path, catalog: Path) -> None:
    told: list[tuple[int, int | None, str]] = []
    run(folder_dump(tmp_path).source, catalog, SETTINGS, progress=lambda *said: told.append(said))
    assert told[-1] == (7, 7, "4 products")


@pytest.mark.parametrize("threads", [1, 8])
def test_threads_do_not_change_the_catalog(tmp_path: Path, catalog: Path, small_shards: None, threads: int) -> None:
    dump = bson_dump(tmp_path)
    expected = run(dump.source, tmp_path / "other.catalog", SETTINGS).digest
    assert run(dump.source, catalog, IngestSettings(threads=threads)).digest == expected


def test_rows_that_do_not_add_up_are_an_error() -> None:
    reconcile(10, 6, 1, {"no photo": 3})
    with pytest.raises(CatalogError, match="10 rows were read"):
        reconcile(10, 6, 1, {"no photo": 2})


def test_a_finished_catalog_is_left_alone(tmp_path: Path, catalog: Path) -> None:
    dump = table_dump(tmp_path)
    first = run(dump.source, catalog, SETTINGS)
    before = {file: file.stat().st_mtime_ns for file in catalog.rglob("*")}
    again = run(dump.source, catalog, SETTINGS)
    assert again.unchanged
    assert not first.unchanged
    assert (again.digest, again.set_aside, again.findings) == (first.digest, first.set_aside, first.findings)
    assert {file: file.stat().st_mtime_ns for file in catalog.rglob("*")} == before


def test_another_dump_does_not_replace_a_catalog_unless_told_to(tmp_path: Path, catalog: Path) -> None:
    run(table_dump(tmp_path).source, catalog, SETTINGS)
    Catalog(catalog).write_table("splits", pa.table({"product_id": ["p1"], "part": ["train"]}))
    other = folder_dump(tmp_path).source
    with pytest.raises(CatalogError, match="--overwrite"):
        run(other, catalog, SETTINGS)
    assert Catalog(catalog).has_table("splits")
    assert run(other, catalog, IngestSettings(overwrite=True)).format == "folder"
    assert not Catalog(catalog).has_table("splits")


def test_a_folder_that_is_no_catalog_is_not_touched(tmp_path: Path) -> None:
    mine = write(tmp_path / "mine", {"thesis.txt": "mine", "images/part-1.jpg": "mine"})
    for settings in (SETTINGS, IngestSettings(overwrite=True, restart=True)):
        with pytest.raises(CatalogError, match="is not a catalog"):
            run(table_dump(tmp_path).source, mine, settings)
    assert (mine / "images" / "part-1.jpg").read_text() == "mine"


def test_a_catalog_does_not_lie_in_the_folder_it_is_read_from(tmp_path: Path) -> None:
    source = folder_dump(tmp_path).source
    with pytest.raises(CatalogError, match="put it beside"):
        run(source, source / "shop.catalog", SETTINGS)


class Stopped(BaseException):
    """What a test raises in the middle."""


def stop_in_the_second_part(source: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ingest that ends before its second seal."""
    seal = Journal.seal

    def stopping(self: Journal, *values: Any, **more: Any) -> None:
        if self.entries:
            raise Stopped
        seal(self, *values, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "seal", stopping)
        with pytest.raises(Stopped):
            run(source, catalog, SETTINGS)


def test_going_on_with_other_settings_or_another_dump_is_an_error(
    tmp_path: Path, catalog: Path, small_shards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = table_dump(tmp_path).source
    stop_in_the_second_part(source, catalog, monkeypatch)
    with pytest.raises(CatalogError, match="its ingest was not finished"):
        Catalog(catalog)
    with pytest.raises(CatalogError, match=r"begun with seller None, now it is 'sender_id'.*--restart"):
        run(source, catalog, IngestSettings(seller="sender_id"))
    with (source / "listings.csv").open("a") as table:
        table.write("\n")
    with pytest.raises(CatalogError, match=r"the dump has changed .*--restart"):
        run(source, catalog, SETTINGS)
    restarted = run(source, catalog, IngestSettings(seller="sender_id", restart=True))
    assert restarted.products == 3


def test_going_on_does_not_read_again_what_was_sealed(
    tmp_path: Path, catalog: Path, small_shards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = table_dump(tmp_path).source
    stop_in_the_second_part(source, catalog, monkeypatch)
    sealed = (catalog / "images" / "part-00000.arrow").stat().st_mtime_ns
    told: list[int] = []
    run(source, catalog, SETTINGS, progress=lambda done, *_: told.append(done))
    assert told[0] > 1
    assert (catalog / "images" / "part-00000.arrow").stat().st_mtime_ns == sealed


def test_a_sealed_shard_that_is_gone_is_an_error(
    tmp_path: Path, catalog: Path, small_shards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = table_dump(tmp_path).source
    stop_in_the_second_part(source, catalog, monkeypatch)
    (catalog / "images" / "part-00000.arrow").unlink()
    with pytest.raises(CatalogError, match="a sealed shard is missing; pass --restart"):
        run(source, catalog, SETTINGS)


def test_two_ingests_do_not_write_one_catalog(tmp_path: Path, catalog: Path) -> None:
    pytest.importorskip("fcntl")
    with (
        Journal(catalog, {}),
        pytest.raises(CatalogError, match="another ingest is writing this catalog"),
    ):
        Journal(catalog, {})


def test_a_second_ingest_deletes_nothing_of_the_first(tmp_path: Path, catalog: Path) -> None:
    pytest.importorskip("fcntl")
    source = table_dump(tmp_path).source
    with Journal(catalog, {}) as first:
        (catalog / "images" / "part-00000.arrow").write_bytes(b"being written")
        for settings in (SETTINGS, IngestSettings(restart=True), IngestSettings(overwrite=True)):
            with pytest.raises(CatalogError, match="another ingest is writing this catalog"):
                run(source, catalog, settings)
        assert (catalog / "images" / "part-00000.arrow").exists()
        assert (first.folder / "begin.json").exists()


def test_a_catalog_that_another_ingest_finished_meanwhile_is_not_cleared(tmp_path: Path, catalog: Path) -> None:
    run(table_dump(tmp_path).source, catalog, SETTINGS)
    with pytest.raises(CatalogError, match="finished by another ingest"):
        Journal(catalog, {})
    assert len(Catalog(catalog).images)


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux")
def test_a_dump_whose_name_is_no_text(tmp_path: Path, catalog: Path) -> None:
    source = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    write(source, {"a/1.png": photo(1)})
    assert run(source, catalog, SETTINGS).products == 1
    assert Catalog(catalog).info.made_by["source"].endswith("\\udcff")


@pytest.fixture
def moments(tmp_path: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Copies of the catalog's folder as it is before every rename and deletion of a file that an ingest makes.

    That is what a kill would leave: between two of them only a ".partial" grows.
    """
    taken: list[Path] = []

    def photographed(name: str) -> None:
        change = getattr(Path, name)

        def changing(self: Path, *values: Any, **more: Any) -> Any:
            taken.append(shutil.copytree(catalog, tmp_path / f"moment-{len(taken)}"))
            return change(self, *values, **more)

        monkeypatch.setattr(Path, name, changing)

    photographed("replace")
    photographed("unlink")
    return taken


@pytest.mark.parametrize(
    ("build", "settings"),
    [
        (bson_dump, SETTINGS),
        (table_dump, SETTINGS),
        (table_dump, IngestSettings(min_products=2, small_categories="drop")),
    ],
    ids=["bson", "table", "a shard of which cleaning leaves nothing"],
)
def test_killed_at_any_step_and_run_again_it_is_the_same_catalog(
    tmp_path: Path,
    catalog: Path,
    moments: list[Path],
    small_shards: None,
    monkeypatch: pytest.MonkeyPatch,
    build: Any,
    settings: IngestSettings,
) -> None:
    dump: Dump = build(tmp_path)
    expected = run(dump.source, catalog, settings)
    monkeypatch.undo()
    monkeypatch.setattr(shards, "SHARD_PHOTOS", 2)
    assert len(moments) >= 1 + 2 * 5 + 5  # begin; two parts of five files; five files at the end
    for moment in moments:
        assert_same(run(dump.source, moment, settings), expected, moment)


def test_killed_while_replacing_a_catalog_and_run_again_it_is_the_new_one(
    tmp_path: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    source = DUMPS["folder"](tmp_path).source
    expected = run(source, tmp_path / "new.catalog", SETTINGS)
    run(table_dump(tmp_path).source, catalog, SETTINGS)
    moments: list[Path] = request.getfixturevalue("moments")
    run(source, catalog, IngestSettings(overwrite=True))
    monkeypatch.undo()
    for moment in moments:
        again = run(source, moment, IngestSettings(overwrite=True))
        assert_same(again, expected, moment)


def test_killed_while_its_journal_is_removed_the_catalog_is_finished(tmp_path: Path, catalog: Path) -> None:
    source = table_dump(tmp_path).source
    expected = run(source, catalog, SETTINGS)
    write(catalog / "journal", {"part-00000.json": "half of it is gone"})
    again = run(source, catalog, SETTINGS)
    assert again.unchanged
    assert again.digest == expected.digest
    assert not (catalog / "journal").exists()


def assert_same(again: Any, expected: Any, folder: Path) -> None:
    """Equal reports, equal digests over what is really there, and nothing left over."""
    made = Catalog(folder)
    assert (again.digest, again.set_aside, again.findings) == (expected.digest, expected.set_aside, expected.findings)
    assert content_digest(made.taxonomy, made.products, made.images) == expected.digest
    for image in made.images.to_pylist():
        assert shards.image_id(made.photos.read(image["shard"], image["row"])) == image["image_id"]
    shard_files = {file.name for file in (folder / "images").iterdir()}
    assert shard_files == set(made.images["shard"].to_pylist())
    assert {file.name for file in folder.iterdir()} == {
        "catalog.json", "taxonomy.parquet", "products.parquet", "images.parquet", "images", "tables",
    }  # fmt: skip

"""What is particular to the folder, fashion, grocery and bson readers, and how `auto` chooses among all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.builders.dumps import photo, write

from catalens.core.errors import ConfigError, SourceError
from catalens.curate.sources import SOURCES, IngestSettings, open_source, recognise
from catalens.curate.sources.fashion import FashionSource
from catalens.curate.sources.folder import FolderSource
from catalens.curate.sources.listed import read_taxonomy
from catalens.curate.sources.protocol import Item, Note, Row

SETTINGS = IngestSettings()


def folder_items(root: Path, *names: str) -> list[Item]:
    write(root, {name: photo(number) for number, name in enumerate(names)})
    return [item for _, item in FolderSource(root, SETTINGS).read(0)]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["train/a/1.jpg", "val/a/2.jpg"], [(("a",), "train"), (("a",), "val")]),
        (
            ["Training/a/1.jpg", "testing/b/2.jpg", "extra/3.jpg"],
            [(("a",), "train"), (("extra",), None), (("b",), "test")],
        ),
        (["train/a/1.jpg"], [(("a",), "train")]),
        (["train/1.jpg", "doll/2.jpg"], [(("doll",), None), (("train",), None)]),
        (["a/b/c/1.jpg", "a/2.jpg", "3.jpg"], [(None, None), (("a",), None), (("a", "b", "c"), None)]),
        (["a/train/1.jpg"], [(("a", "train"), None)]),
    ],
    ids=["split", "split and more", "one split", "toy trains", "any depth", "only at the top"],
)
def test_folders_are_levels_or_splits(tmp_path: Path, files: list[str], expected: list[object]) -> None:
    rows = folder_items(tmp_path, *files)
    assert sorted([(row.category, row.given_split) for row in rows], key=str) == sorted(expected, key=str)


def test_accented_folders_are_one_category_however_they_are_spelt(tmp_path: Path) -> None:
    rows = folder_items(tmp_path, "train/cafe\u0301/1.jpg", "val/caf\u00e9/2.jpg")
    assert {row.category for row in rows} == {("caf\u00e9",)}


def test_what_is_passed_over_is_noted(tmp_path: Path) -> None:
    write(tmp_path, {"a/1.jpg": photo(1), "a/readme.md": "x", ".git/x.jpg": photo(2), "a/.DS_Store": "x"})
    (tmp_path / "a" / "round").symlink_to(tmp_path, target_is_directory=True)
    notes = [item for _, item in FolderSource(tmp_path, SETTINGS).read(0) if isinstance(item, Note)]
    assert {(note.place, note.cause) for note in notes} == {
        (".git", "hidden folder"),
        ("a/.DS_Store", "hidden file"),
        ("a/readme.md", "not a photo"),
        ("a/round", "folder links to one above it"),
    }


def test_a_link_to_itself_is_a_photo_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "round.jpg").symlink_to("round.jpg")
    rows = folder_items(tmp_path, "a/1.jpg")
    assert [row.product_id for row in rows] == ["round.jpg", "a/1.jpg"]
    with pytest.raises(OSError, match="symbolic links"):
        rows[0].photos[0].open()


def test_a_table_that_cannot_be_read_does_not_make_its_photos_a_folder_per_class(tmp_path: Path) -> None:
    write(tmp_path, {"images/1.jpg": photo(1)})
    (tmp_path / "list.csv").write_bytes("image,category\n1.jpg,Möbel\n".encode("latin-1"))
    with pytest.raises(SourceError, match=r"list\.csv: is not UTF-8 .* save it as UTF-8"):
        open_source(tmp_path, SETTINGS)


def test_a_name_that_is_no_text_is_escaped(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with open(os.fsencode(tmp_path / "a") + b"/\xff.jpg", "wb") as file:
        file.write(photo(1))
    ((_, row),) = FolderSource(tmp_path, SETTINGS).read(0)
    assert isinstance(row, Row)
    assert row.product_id == "a/\\udcff.jpg"


def test_the_fingerprint_changes_with_the_files(tmp_path: Path) -> None:
    write(tmp_path, {"a/1.jpg": photo(1)})
    before = FolderSource(tmp_path, SETTINGS).fingerprint
    assert FolderSource(tmp_path, SETTINGS).fingerprint == before
    write(tmp_path, {"a/2.jpg": photo(2)})
    assert FolderSource(tmp_path, SETTINGS).fingerprint != before


def test_fashion_reads_an_images_folder_and_joins_surplus_columns(tmp_path: Path) -> None:
    table = (
        "id,gender,masterCategory,subCategory,articleType,productDisplayName,usage\n"
        "7,Men,Apparel,Topwear,Shirts,blue, with pockets, and more,Casual\n"
    )
    write(tmp_path, {"styles.csv": table, "images/7.jpg": photo(7), "images/8.jpg": photo(8)})
    row, note = (item for _, item in FashionSource(tmp_path, SETTINGS).read(0))
    assert isinstance(row, Row)
    assert row.category == ("Apparel", "Topwear", "Shirts")
    assert dict(row.attributes) == {
        "gender": "Men",
        "productDisplayName": "blue, with pockets, and more",
        "usage": "Casual",
    }
    assert isinstance(note, Note)
    assert (note.place, note.cause) == ("8.jpg", "photo without a row")


def test_fashion_without_its_columns_says_which(tmp_path: Path) -> None:
    write(tmp_path, {"styles.csv": "id,name\n", "images/7.jpg": photo(7)})
    with pytest.raises(SourceError, match=r"missing \['articleType', 'masterCategory', 'subCategory'\]"):
        list(FashionSource(tmp_path, SETTINGS).read(0))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("id\n1\n", "a column of ids and one a level"),
        ("id,l1,l2\n1,,B\n", "row 1: expected an id and names without a gap"),
        ("id,l1\n1,A\n1,B\n", "row 2: category id '1' stands twice"),
        ("id,l1,l2\nA,A,\n2,A,B\n", "a category of its own and the parent"),
    ],
    ids=["one column", "gap", "twice", "leaf and inner node"],
)
def test_a_taxonomy_file_that_is_no_tree_is_named(tmp_path: Path, table: str, message: str) -> None:
    write(tmp_path, {"names.csv": table})
    with pytest.raises(Exception, match=message) as caught:
        read_taxonomy(tmp_path / "names.csv")
    assert caught.value.source == str(tmp_path / "names.csv")


def test_no_format_fits_and_the_message_says_what_was_looked_for(tmp_path: Path) -> None:
    write(tmp_path, {"readme.txt": "nothing here"})
    with pytest.raises(SourceError) as caught:
        recognise(tmp_path)
    for name in SOURCES:
        assert f"{name}: {SOURCES.load(name).looks_for}" in str(caught.value)


def test_several_formats_fit_and_the_message_names_them(tmp_path: Path) -> None:
    write(tmp_path, {"styles.csv": "id", "images/1.jpg": photo(1), "train.bson": b""})
    with pytest.raises(SourceError, match=r"fashion, bson\); choose one with --format"):
        recognise(tmp_path)


def test_an_unknown_format_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'fashion'"):
        open_source(tmp_path, IngestSettings(format="fashon"))

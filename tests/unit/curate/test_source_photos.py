"""Photos of a dump: found exactly or loosely, in a folder or a zip, and never another product's."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from tests.builders.dumps import write

from catalens.core.errors import SourceError
from catalens.curate.sources.files import is_photo_name
from catalens.curate.sources.photos import PhotoFiles, archived_photos

FILES = [
    "images/12.jpg",
    "images/a/13.PNG",
    "images/twice.jpg",
    "images/twice.png",
    "images/Case.jpg",
    "images/case.jpg",
    "images/caf\u00e9.jpg",
]


def stores(root: Path) -> list[PhotoFiles]:
    write(root / "dump", {name: name for name in FILES})
    with zipfile.ZipFile(root / "images.zip", "w") as archive:
        for name in FILES:
            archive.writestr(name, name)
    return [PhotoFiles(root / "dump"), archived_photos(root / "images.zip", "utf-8")]


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("images/12.jpg", "images/12.jpg"),
        ("12.jpg", "images/12.jpg"),
        ("12", "images/12.jpg"),
        (" 12.JPG ", "images/12.jpg"),
        ("a/13", "images/a/13.PNG"),
        ("a\\13.png", "images/a/13.PNG"),
        ("IMAGES\\A\\13.png", "images/a/13.PNG"),
        ("A/13.png", "images/a/13.PNG"),
        ("cafe\u0301.jpg", "images/caf\u00e9.jpg"),
        ("../dump/images/12.jpg/..", None),
        ("x/" * 5000, None),
        ("images/12.jpg\0", None),
        ("Case.jpg", "images/Case.jpg"),
        ("case.jpg", "images/case.jpg"),
        ("CASE.JPG", None),
        ("twice", None),
        ("twice.png", "images/twice.png"),
        ("13", None),
        ("1", None),
    ],
)
def test_a_reference_finds_one_photo_or_none(tmp_path: Path, reference: str, found: str | None) -> None:
    for store in stores(tmp_path):
        photo = store.find(reference)
        assert (photo and photo.name) == found
        if photo:
            with photo.open() as file:
                assert file.read().decode() == found


def test_a_zip_may_hold_all_in_one_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        archive.writestr("dataset/photos/1.jpg", b"1")
        archive.writestr("dataset/photos/2.jpg", b"2")
        archive.writestr("__MACOSX/dataset/photos/._1.jpg", b"no photo")
    store = archived_photos(tmp_path / "images.zip", "utf-8")
    photo = store.find("1")
    assert photo is not None
    assert photo.name == "dataset/photos/1.jpg"
    assert list(store.names()) == ["dataset/photos/1.jpg", "dataset/photos/2.jpg"]


def test_what_is_no_zip_is_named(tmp_path: Path) -> None:
    (tmp_path / "images.zip").write_bytes(b"no zip")
    with pytest.raises(SourceError, match="zip") as caught:
        archived_photos(tmp_path / "images.zip", "utf-8")
    assert caught.value.source == str(tmp_path / "images.zip")


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.jfif", "a.webp", "a.tif", "a.HEIC", "a.avif"])
def test_photos_are_told_by_extension_in_any_case(name: str) -> None:
    assert is_photo_name(name)
    assert not is_photo_name(name + ".txt")

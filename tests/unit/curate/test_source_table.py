"""Tables: which column means what, several photos a row, several rows a product, every file format."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.builders.archives import tar_of
from tests.builders.dumps import jsonl, photo, write

from catalens.core.errors import SourceError
from catalens.curate.sources import IngestSettings, lines, open_source, recognise
from catalens.curate.sources.columns import find_columns
from catalens.curate.sources.protocol import Item, Note, Row, Unusable
from catalens.curate.sources.table import TableSource
from catalens.curate.sources.window import window

PHOTOS = {f"images/{number}.jpg": photo(number) for number in range(1, 6)}


def items(root: Path, table: str | bytes, *, name: str = "items.csv", **settings: Any) -> list[Item]:
    """What a table beside five photos gives."""
    write(root, {**PHOTOS, name: table})
    return [item for _, item in TableSource(root / name, IngestSettings(**settings)).read(0)]


def names(row: Item) -> list[str]:
    assert isinstance(row, Row)
    return [photo.name for photo in row.photos]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (["image", "sender_id", "label", "kids"], (("image",), None, ("label",), "sender_id", None, None)),
        (["SKU", "Image Path", "category", "split"], (("Image Path",), "SKU", ("category",), None, None, "split")),
        (["image2", "image1", "id"], (("image1", "image2"), "id", (), None, None, None)),
        (
            ["path", "category_level2", "category_level1", "category_id", "group"],
            (("path",), None, ("category_level1", "category_level2"), None, "group", None),
        ),
    ],
    ids=["clothing", "case and space", "numbered photos", "levels"],
)
def test_columns_are_recognised_by_usual_names(header: Sequence[str], expected: tuple[Any, ...]) -> None:
    found = find_columns(header, IngestSettings(), "items.csv")
    assert (found.image, found.product_id, found.category, found.seller, found.group, found.split) == expected


def test_a_column_that_is_told_is_not_taken_for_something_else() -> None:
    found = find_columns(["image", "label", "id"], IngestSettings(seller="label", split="id"), "items.csv")
    assert (found.category, found.product_id, found.seller, found.split) == ((), None, "label", "id")


@pytest.mark.parametrize(
    ("header", "settings", "message"),
    [
        (["image", "label"], {"seller": "lable"}, "did you mean 'label'"),
        (["a", "b"], {}, "--image-column"),
        ([], {}, "--image-column"),
    ],
    ids=["misspelt", "none fits", "empty file"],
)
def test_a_column_that_is_not_there_is_an_error(header: list[str], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SourceError, match=message):
        find_columns(header, IngestSettings(**settings), "items.csv")


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("items.csv", "id,image,label\n7,1.jpg|2.jpg,Milk\n"),
        ("items.tsv", "id\timage\tlabel\n7\t1.jpg|2.jpg\tMilk\n"),
        ("items.csv", '\ufeffid,image,label\r\n7,"[""1.jpg"", ""2.jpg""]",Milk\r\n'),
        ("items.jsonl", jsonl([{"id": 7, "image": ["1.jpg", "2.jpg"], "label": "Milk"}])),
    ],
    ids=["csv", "tsv", "bom, crlf, json list", "jsonl"],
)
def test_several_photos_stand_in_one_row(tmp_path: Path, name: str, table: str) -> None:
    (row,) = items(tmp_path, table, name=name)
    assert names(row) == ["images/1.jpg", "images/2.jpg"]
    assert (row.product_id, row.category) == ("7", ("Milk",))


def test_parquet_lists_and_missing_values(tmp_path: Path) -> None:
    table = pa.table(
        {"id": [1, 2], "image": [["1", "2"], ["3"]], "label": [["Fruit", "Apple"], None], "weight": [float("nan"), 2.5]}
    )
    write(tmp_path, PHOTOS)
    pq.write_table(table, tmp_path / "items.parquet")
    first, second = (item for _, item in TableSource(tmp_path / "items.parquet", IngestSettings()).read(0))
    assert (names(first), first.category, dict(first.attributes)) == (
        ["images/1.jpg", "images/2.jpg"],
        ("Fruit", "Apple"),
        {},
    )
    assert (second.category, dict(second.attributes)) == (None, {"weight": "2.5"})


def test_na_is_a_value_and_an_empty_cell_is_not(tmp_path: Path) -> None:
    (row,) = items(tmp_path, "image,label,size,colour\n1,NA,NA,\n")
    assert (row.category, dict(row.attributes)) == (("NA",), {"size": "NA"})


def test_every_key_of_json_lines_is_an_attribute(tmp_path: Path) -> None:
    table = jsonl([{"image": "1", "a": 1}, {"image": "2", "b": {"c": "\ud800"}}])
    first, second = items(tmp_path, table, name="items.jsonl")
    assert dict(first.attributes) == {"a": "1"}
    assert dict(second.attributes) == {"b": '{"c": "\\ud800"}'}


@pytest.mark.parametrize(
    ("cells", "settings", "path"),
    [
        ("Fruit > Apple,x", {}, ("Fruit", "Apple")),
        ("Fruit/Apple,x", {"category_separator": "/"}, ("Fruit", "Apple")),
        ("Fruit > Apple,x", {"category_separator": ""}, ("Fruit > Apple",)),
        ("Fruit,Apple", {"category": ("category", "sub")}, ("Fruit", "Apple")),
        ("Fruit,", {"category": ("category", "sub")}, ("Fruit",)),
        (",", {"category": ("category", "sub")}, None),
    ],
    ids=["one column", "own separator", "no separator", "two columns", "shallower", "unknown"],
)
def test_category_paths(tmp_path: Path, cells: str, settings: dict[str, Any], path: tuple[str, ...] | None) -> None:
    (row,) = items(tmp_path, f"image,category,sub\n1,{cells}\n", **settings)
    assert isinstance(row, Row)
    assert row.category == path


def test_a_gap_in_the_category_is_set_aside(tmp_path: Path) -> None:
    (row,) = items(tmp_path, "image,l1,l2\n1,,Apple\n", category=("l1", "l2"))
    assert isinstance(row, Unusable)
    assert row.cause == "gap in the category"


def test_ids_of_categories_are_named_by_a_taxonomy(tmp_path: Path) -> None:
    write(tmp_path, {"names.csv": "id,top,leaf\n4,Fruit,Apple\n5,Milk,\n"})
    (row,) = items(tmp_path, "image,category\n1,4\n", taxonomy=tmp_path / "names.csv")
    source = TableSource(tmp_path / "items.csv", IngestSettings(taxonomy=tmp_path / "names.csv"))
    assert row.category_id == "4"
    assert source.taxonomy.path_names("4") == ("Fruit", "Apple")
    assert source.taxonomy.path_names("5") == ("Milk",)


def test_rows_of_a_product_need_not_stand_together(tmp_path: Path) -> None:
    table = "id,image,label,seller,split,note\na,1,Milk,x,valid,one\nb,2,Milk,,,\na,3,Milk,,validation,two\n"
    first, second = items(tmp_path, table)
    assert (first.product_id, names(first)) == ("b", ["images/2.jpg"])
    assert (second.product_id, names(second)) == ("a", ["images/1.jpg", "images/3.jpg"])
    assert second.places == ("items.csv: row 1", "items.csv: row 3")
    assert (second.seller, second.given_split, second.attributes["note"], second.notes) == ("x", "val", "one | two", ())


def test_contradictions_between_rows(tmp_path: Path) -> None:
    table = "id,image,label,seller\na,1,Milk,x\na,2,Milk,y\nb,3,Milk,x\nb,4,Fruit,x\n"
    kept, *aside = items(tmp_path, table)
    assert isinstance(kept, Row)
    assert kept.seller == "x"
    assert [(note.cause, note.detail) for note in kept.notes] == [
        ("contradictory seller", "its rows say x and y; kept x")
    ]
    assert [(item.place, item.cause) for item in aside] == [
        ("items.csv: row 3", "contradictory category"),
        ("items.csv: row 4", "contradictory category"),
    ]


def test_a_photo_named_twice_is_one_photo_with_a_note(tmp_path: Path) -> None:
    (row,) = items(tmp_path, "id,image\na,1\na,images/1.jpg\n")
    assert names(row) == ["images/1.jpg"]
    assert [note.cause for note in row.notes] == ["photo named twice"]


def test_photos_that_are_not_there_are_told(tmp_path: Path) -> None:
    first, second = items(tmp_path, "id,image\na,1|nowhere\nb,https://shop.example/2.jpg\n")
    assert [note.cause for note in first.notes] == ["photo not found"]
    assert isinstance(second, Unusable)
    assert "URL" in second.detail


def test_broken_rows_are_set_aside(tmp_path: Path) -> None:
    rows = items(tmp_path, '{"image": "1"}\n{"image": \n[1]\n', name="items.jsonl")
    assert [type(row) for row in rows] == [Row, Unusable, Unusable]


def test_two_tables_in_a_folder_are_not_guessed_between(tmp_path: Path) -> None:
    write(tmp_path, {"train.csv": "image,label\n", "val.csv": "image,label\n", **PHOTOS})
    assert recognise(tmp_path) == "table"
    with pytest.raises(SourceError, match=r"train\.csv, val\.csv; name the file"):
        TableSource(tmp_path, IngestSettings())


URI = f"data:image/jpeg;base64,{base64.b64encode(PHOTOS['images/1.jpg']).decode()}"


@pytest.mark.parametrize(
    ("name", "table", "expected"),
    [
        ("items.csv", f'id,image\n7,"{URI}"\n', ["items.csv: row 1: image"]),
        ("items.csv", f'id,image\n7,"2.jpg|{URI}"\n', ["images/2.jpg", "items.csv: row 1: image[1]"]),
        ("items.jsonl", jsonl([{"id": 7, "image": [URI, "2.jpg"]}]), ["items.jsonl: row 1: image[0]", "images/2.jpg"]),
        ("items.jsonl", jsonl([{"id": 7, "image": {"bytes": None, "path": "2.jpg"}}]), ["images/2.jpg"]),
        ("items.csv", "id,image\n7,\"['1.jpg', '2.jpg']\"\n", ["images/1.jpg", "images/2.jpg"]),
        ("items.csv", "id,image1,image2\n7,1.jpg,2.jpg\n", ["images/1.jpg", "images/2.jpg"]),
    ],
    ids=["data URI", "path and data URI", "list of both", "struct", "list as Python prints it", "two columns"],
)
def test_cells_hold_paths_or_photos(tmp_path: Path, name: str, table: str, expected: list[str]) -> None:
    (row,) = items(tmp_path, table, name=name)
    assert names(row) == expected
    for photo_found in row.photos:
        with photo_found.open() as file:
            assert file.read() in PHOTOS.values()


@pytest.mark.parametrize("as_struct", [False, True], ids=["bytes", "bytes and path"])
def test_photos_in_cells_wait_on_disk_until_their_product_is_complete(tmp_path: Path, as_struct: bool) -> None:
    cells = [{"bytes": photo(n), "path": "x.jpg"} if as_struct else photo(n) for n in range(6)]
    pq.write_table(pa.table({"id": list("abcabc"), "image": cells}), tmp_path / "items.parquet")
    rows = [item for _, item in TableSource(tmp_path / "items.parquet", IngestSettings()).read(0)]
    held = [[each.open().read() for each in row.photos] for row in rows if isinstance(row, Row)]
    assert held == [[photo(n), photo(n + 3)] for n in range(3)]
    assert all(isinstance(row.photos[0].open, partial) and row.photos[0].open.func is window for row in rows)


def test_an_unusual_separator_is_said(tmp_path: Path) -> None:
    write(tmp_path, {**PHOTOS, "items.csv": "\ufeffid;image;libellé\r\n7;1.jpg;Lait, entier\r\n"})
    source = TableSource(tmp_path / "items.csv", IngestSettings(category="libellé"))
    ((_, row),) = source.read(0)
    assert isinstance(row, Row)
    assert (row.category, source.remarks[0]) == (("Lait, entier",), "columns are separated by ';'")


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "mac_roman"])
def test_a_table_in_another_encoding_is_recognised_and_read(tmp_path: Path, encoding: str) -> None:
    write(tmp_path, {**PHOTOS, "items.csv": "image,label\n1.jpg,café\n".encode(encoding)})
    name, source = open_source(tmp_path, IngestSettings(encoding=encoding))
    ((_, row),) = source.read(0)
    assert isinstance(row, Row)
    assert (name, row.category) == ("table", ("café",))


def test_an_encoding_that_is_none_is_refused() -> None:
    for encoding in ("utf-9", "rot13", "any"):
        with pytest.raises(ValueError, match="expected the name of a text encoding"):
            IngestSettings(encoding=encoding)


def test_a_line_that_would_fill_the_memory_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 1000)
    with pytest.raises(SourceError, match=r"items\.jsonl.*longer than 1,000 characters"):
        items(tmp_path, " " * 2000, name="items.jsonl")


def test_photos_may_be_in_a_tar_beside_the_table(tmp_path: Path) -> None:
    members = [("all/1.jpg", photo(1)), ("all/2.jpg", photo(2)), ("../3.jpg", photo(3))]
    tar_of(tmp_path / "images.tar.gz", members)
    write(tmp_path, {"items.csv": "image,label\n1,a\n2.jpg,b\n"})
    first, second, note = (item for _, item in TableSource(tmp_path, IngestSettings()).read(0))
    assert (names(first), names(second)) == (["all/1.jpg"], ["all/2.jpg"])
    assert isinstance(note, Note)
    assert note.cause == "unsafe name in the archive"

"""Hugging Face data sets: which files, which split, which column is what; and Products-10K."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.builders.dumps import hugging_face, photo, write

from catalens.core.errors import SourceError
from catalens.curate.sources import IngestSettings, open_source, recognise
from catalens.curate.sources.parquet import ParquetSource
from catalens.curate.sources.products10k import Products10kSource
from catalens.curate.sources.protocol import Row

SETTINGS = IngestSettings()
ROWS = [(photo(1), 0), (photo(2), 1)]


def rows(path: Path, **settings: Any) -> list[Row]:
    return [item for _, item in ParquetSource(path, IngestSettings(**settings)).read(0) if isinstance(item, Row)]


def data_set(path: Path, features: dict[str, Any], columns: dict[str, list[Any]]) -> Path:
    table = pa.table({"image": [{"bytes": photo(1), "path": "x.jpg"}], **columns})
    said = json.dumps({"info": {"features": {"image": {"_type": "Image"}, **features}}})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata({"huggingface": said}), path)
    return path


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"],
         [("train/0", "train"), ("train/1", "train"), ("train/2", "train"), ("train/3", "train")]),
        (["default/validation/0000.parquet"], [("validation/0", "val"), ("validation/1", "val")]),
        (["test.parquet"], [("test/0", "test"), ("test/1", "test")]),
        (["shoes.parquet"], [("shoes/0", None), ("shoes/1", None)]),
    ],
    ids=["shards", "folder of the split", "one file", "no split"],
)  # fmt: skip
def test_rows_are_called_and_split_by_their_files(tmp_path: Path, files: list[str], expected: list[Any]) -> None:
    for file in files:
        hugging_face(tmp_path / "hub" / file, ROWS, names=["b", "a"])
    assert recognise(tmp_path / "hub") == "parquet"
    assert [(row.product_id, row.given_split) for row in rows(tmp_path / "hub")] == expected


def test_a_file_of_its_own_is_recognised_by_its_metadata_and_other_tables_are_not(tmp_path: Path) -> None:
    assert recognise(hugging_face(tmp_path / "train.parquet", ROWS, names=["b", "a"])) == "parquet"
    pq.write_table(pa.table({"image": ["1.jpg"], "label": ["a"]}), tmp_path / "list.parquet")
    assert recognise(tmp_path / "list.parquet") == "table"


def test_classes_are_named_and_those_without_photos_are_kept(tmp_path: Path) -> None:
    path = hugging_face(tmp_path / "train.parquet", [*ROWS, (photo(3), None)], names=["10", "9", "none"])
    assert [row.category_id for row in rows(path)] == ["10", "9", None]
    source = ParquetSource(path, SETTINGS)
    assert source.taxonomy is not None
    assert source.taxonomy.leaves == ("9", "10", "none")
    assert "label: 3 classes named by the metadata" in source.remarks


def test_coarse_and_fine_labels_are_two_levels(tmp_path: Path) -> None:
    coarse, fine = ({"_type": "ClassLabel", "names": names} for names in (["fish", "fruit"], ["apple", "ray"]))
    path = data_set(
        tmp_path / "train.parquet",
        {"fine_label": fine, "coarse_label": coarse},
        {"fine_label": [0], "coarse_label": [1]},
    )
    (row,) = rows(path)
    assert (row.category, row.category_id) == (("fruit", "apple"), None)
    assert ParquetSource(path, SETTINGS).level_names == ("coarse_label", "fine_label")


def test_several_columns_of_classes_are_not_guessed_between(tmp_path: Path) -> None:
    colour, size = ({"_type": "ClassLabel", "names": names} for names in (["red"], ["s", "m"]))
    path = data_set(tmp_path / "t.parquet", {"colour": colour, "size": size}, {"colour": [0], "size": [1]})
    with pytest.raises(SourceError, match=r"several columns are classes \(colour, size\).*--category-column"):
        rows(path)
    (row,) = rows(path, category="size")
    assert (row.category_id, dict(row.attributes)) == ("m", {"colour": "red"})


def test_rows_are_products_unless_a_column_is_told(tmp_path: Path) -> None:
    said = {"id": {"_type": "Value"}}
    path = data_set(tmp_path / "train.parquet", said, {"id": [7]})
    assert [row.product_id for row in rows(path)] == ["train/0"]
    assert [row.product_id for row in rows(path, product_id="id")] == ["7"]


def test_without_metadata_a_folder_is_known_by_its_photos(tmp_path: Path) -> None:
    pq.write_table(pa.table({"photo": [{"bytes": photo(1), "path": None}], "label": ["Shoe"]}), tmp_path / "a.parquet")
    assert recognise(tmp_path) == "parquet"
    (row,) = rows(tmp_path)
    assert (row.product_id, row.category, row.photos[0].name) == ("a/0", ("Shoe",), "a.parquet: row 1: photo")


def ten_k(root: Path, files: dict[str, str]) -> list[Row]:
    photos = {f"{part}/{number}.jpg": photo(number) for part in ("train", "test") for number in range(3)}
    source = Products10kSource(write(root, {**photos, **files}), SETTINGS)
    return [item for _, item in source.read(0) if isinstance(item, Row)]


def test_groups_of_the_train_list_are_those_of_the_test_list(tmp_path: Path) -> None:
    lists = {"train.csv": "name,class,group\n0.jpg,10,3\n1.jpg,2,3\n", "test.csv": "name,class\n0.jpg,10\n"}
    found = [(row.product_id, row.category, row.given_split) for row in ten_k(tmp_path, lists)]
    assert found == [
        ("train/0.jpg", ("3", "10"), "train"),
        ("train/1.jpg", ("3", "2"), "train"),
        ("test/0.jpg", ("3", "10"), "test"),
    ]


def test_a_test_list_may_have_no_classes(tmp_path: Path) -> None:
    lists = {"train.csv": "name,class,group\n0.jpg,10,3\n", "test.csv": "name\n0.jpg\n"}
    assert [(row.product_id, row.category) for row in ten_k(tmp_path, lists)] == [
        ("train/0.jpg", ("3", "10")),
        ("test/0.jpg", None),
    ]


def test_the_products10k_folder_is_recognised_and_a_folder_per_class_is_not(tmp_path: Path) -> None:
    write(tmp_path / "ten", {"train.csv": "name,class,group\n", "train/0.jpg": photo(1)})
    write(tmp_path / "photos", {"train.csv": "a,b\n", "train/shoe/0.jpg": photo(1)})
    assert recognise(tmp_path / "ten") == "products10k"
    assert open_source(tmp_path / "photos", SETTINGS)[0] == "folder"

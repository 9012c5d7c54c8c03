from __future__ import annotations

from pathlib import Path

import pytest

from catalens.core.errors import SourceError
from catalens.curate.translation.glossary import read_glossary, write_glossary


def written(folder: Path, text: str) -> Path:
    path = folder / "glossary.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_id_comes_before_a_name_and_a_name_is_found_however_it_is_written(tmp_path: Path) -> None:
    glossary = read_glossary(
        written(
            tmp_path,
            "source,target,category_id\nSelle,Saddle,\nSELLE,Harness saddle,7\n,Œufs,8\nE\u0301tagère,Shelf,\n",
        )
    )
    assert glossary.find("7", "SELLE") == "Harness saddle"
    assert glossary.find("6", "SELLE") == glossary.find("5", "  selle ") == "Saddle"
    assert glossary.find("8", "whatever it is called") == "Œufs"
    assert glossary.find("9", "ÉTAGÈRE") == "Shelf"
    assert glossary.find("9", "Selles") is None
    assert glossary.unused == ()


def test_rows_about_nothing_are_told(tmp_path: Path) -> None:
    glossary = read_glossary(
        written(tmp_path, "category_id,source,target\n,Sele,Saddle\n7,Old name,X\n,Housse,Cover\n")
    )
    assert glossary.find("7", "New name") is None
    assert glossary.find("1", "HOUSSE") == "Cover"
    assert [(entry.row, entry.source) for entry in glossary.unused] == [(1, "Sele"), (2, "Old name")]


def test_a_table_as_a_french_spreadsheet_saves_it(tmp_path: Path) -> None:
    path = tmp_path / "glossary.csv"
    path.write_bytes("source;target;category_id\r\nÉtagère, murale;Wall shelf;\r\nŒufs;Eggs;7\r\n".encode("cp1252"))
    with pytest.raises(SourceError, match="pass --encoding"):
        read_glossary(path)
    glossary = read_glossary(path, "cp1252")
    assert glossary.find("1", "ÉTAGÈRE, MURALE") == "Wall shelf"
    assert glossary.find("7", "œufs") == "Eggs"


def test_rows_without_a_target_say_nothing_and_other_columns_are_not_read(tmp_path: Path) -> None:
    path = written(tmp_path, "source,target,note\nSelle,,later\nHousse,Cover,agreed\n")
    assert read_glossary(path).find("1", "Selle") is None
    assert read_glossary(path).find("1", "Housse") == "Cover"


def test_a_row_may_stand_twice_but_not_contradict_itself(tmp_path: Path) -> None:
    read_glossary(written(tmp_path, "source,target\nSelle,Saddle\nSELLE,Saddle\n"))
    with pytest.raises(SourceError, match=r"row 2: translates 'SELLE' to 'Seat', row 1 to 'Saddle'"):
        read_glossary(written(tmp_path, "source,target\nSelle,Saddle\nSELLE,Seat\n"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "got none"),
        (b"source:target\na:b\n", "expected columns source and target.*got source:target"),
        (b"fr,en\na,b\n", "got fr, en"),
        (b"target\nb\n", "got target"),
        (b"source,target\na\n", "row 1: expected 2 columns, got 1"),
        (b"source,target\na,b,c\n", "row 1: expected 2 columns, got 3"),
        (b"source,target\n,b\n", "row 1: has a target, but neither"),
        ("source,target\n\u00e9t\u00e9,b\n".encode("latin-1"), "is not UTF-8"),
        (b'source,target\n"a,b\n', "a quote is opened"),
    ],
    ids=["empty", "separator", "columns", "no source", "short", "long", "no name", "latin-1", "open quote"],
)
def test_a_file_that_is_no_glossary(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "glossary.csv"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=words) as caught:
        read_glossary(path)
    assert caught.value.source == str(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        read_glossary(tmp_path / "none.csv")


def test_what_is_written_can_be_given_back(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    write_glossary(path, [("7", 'Selle, "cuir"', "Saddle", "deepl"), ("8", "Œufs", "", "")])
    glossary = read_glossary(path)
    assert glossary.find("7", 'SELLE, "CUIR"') == "Saddle"
    assert glossary.find("8", "Œufs") is None

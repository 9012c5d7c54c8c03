"""Tables in slices: how they were cut before does not show, and nothing is there by half."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalens.core import slices
from catalens.core.errors import CatalogError
from catalens.core.slices import read_slices, slice_writer, sliced

SCHEMA = pa.schema([("id", pa.string()), ("number", pa.int32())])


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "SLICE", 4)


def table(*numbers: int) -> pa.Table:
    return pa.table({"id": [f"n{number}" for number in numbers], "number": list(numbers)}, SCHEMA)


@pytest.mark.parametrize("cuts", [[10], [1] * 10, [4, 4, 2], [0, 3, 0, 6, 1], [9, 1], []], ids=str)
def test_slices_have_one_length_whatever_comes(cuts: list[int]) -> None:
    rows = list(range(sum(cuts)))
    starts = [sum(cuts[:index]) for index in range(len(cuts))]
    pieces = (table(*rows[start : start + cut]) for start, cut in zip(starts, cuts, strict=True))
    expected = [rows[start : start + 4] for start in range(0, len(rows), 4)]
    assert [piece["number"].to_pylist() for piece in sliced(pieces)] == expected


def test_what_is_written_in_pieces_is_read_in_slices(tmp_path: Path) -> None:
    with slice_writer(tmp_path / "t.parquet", SCHEMA) as writer:
        for start in range(0, 9, 3):
            writer.write(table(*range(start, start + 3)))
    assert writer.rows == 9
    assert [len(piece) for piece in read_slices(tmp_path / "t.parquet", SCHEMA)] == [4, 4, 1]
    assert pa.concat_tables(read_slices(tmp_path / "t.parquet", SCHEMA)).equals(table(*range(9)))
    assert {*map(str, next(read_slices(tmp_path / "t.parquet", SCHEMA, ["number"])).column_names)} == {"number"}


def test_a_table_without_rows_is_a_table(tmp_path: Path) -> None:
    with slice_writer(tmp_path / "t.parquet", SCHEMA):
        pass
    assert pq.read_table(tmp_path / "t.parquet").schema.equals(SCHEMA)
    assert list(read_slices(tmp_path / "t.parquet", SCHEMA)) == []


def _fail_in_the_middle(path: Path) -> None:
    with slice_writer(path, SCHEMA) as writer:
        writer.write(table(*range(9)))
        raise ZeroDivisionError


def test_a_failure_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with slice_writer(path, SCHEMA) as writer:
        writer.write(table(1))
    with pytest.raises(ZeroDivisionError):
        _fail_in_the_middle(path)
    assert pq.read_table(path).equals(table(1))
    assert [file.name for file in tmp_path.iterdir()] == ["t.parquet"]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"PAR1 but no more", "cannot be read as a Parquet table"), (None, "missing.*number")],
    ids=["damaged", "a column less"],
)
def test_what_is_no_such_table_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "t.parquet"
    if content is None:
        pq.write_table(table(1).select(["id"]), path)
    else:
        path.write_bytes(content)
    with pytest.raises(CatalogError, match=message) as caught:
        list(read_slices(path, SCHEMA))
    assert caught.value.source == str(path)

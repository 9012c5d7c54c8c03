"""Rows of a table file as {column: cell}, streamed: CSV, TSV, JSON lines, Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from catalens.core.errors import SourceError
from catalens.curate.sources.files import TABLES, DumpPath
from catalens.curate.sources.lines import ANY, UTF8, text_file
from catalens.curate.sources.protocol import storable

Record = Mapping[str, Any]
EXTENSIONS = TABLES
SEPARATORS = (",", ";", "\t", "|")  # of a .csv: the first that makes more than one column of its header
ROWS, ROWS_WITH_BYTES = 1024, 16  # of a Parquet table held at once; photos may be in them
_BUFFER = 2**20
_LINES = (".jsonl", ".ndjson")
_END = "\0end of the table\0"


def header(path: DumpPath, encoding: str = UTF8) -> list[str]:
    """The column names; of JSON lines, the keys of the first row.  Raises SourceError."""
    kind = path.suffix.lower()
    if kind == ".parquet":
        return list(open_parquet(path).schema_arrow.names)
    if kind in _LINES:
        first = next(records(path, encoding), None)
        return list(first[1]) if first is not None and not isinstance(first[1], str) else []
    return next(_cells(path, encoding), (0, []))[1]


def usual_names(path: DumpPath) -> list[str]:
    """The column names as far as they are ASCII, whatever the encoding.  Raises SourceError."""
    return [name.strip("\ufffd").replace("\0", "") for name in header(path, ANY)]


def records(
    path: DumpPath, encoding: str = UTF8, *, columns: Sequence[str] | None = None
) -> Iterator[tuple[int, Record | str]]:
    """(row from 1, {column: cell} or what is wrong with the row).  Raises SourceError if the file cannot be read.

    With `columns` the others need not be there: those of a Parquet table are not read at all.
    """
    kind = path.suffix.lower()
    if kind == ".parquet":
        yield from _parquet_rows(path, columns)
    elif kind in _LINES:
        yield from _json_rows(path, encoding)
    elif kind in EXTENSIONS:
        yield from _csv_rows(path, encoding)
    else:
        raise SourceError(f"expected a table ({', '.join(EXTENSIONS)}), got {path.suffix!r}", source=str(path))


def separator(path: DumpPath, encoding: str = UTF8) -> str | None:
    """What stands between the cells of a CSV or TSV; None for other tables.  Raises SourceError."""
    kind = path.suffix.lower()
    if kind not in (".csv", ".tsv"):
        return None
    with text_file(path, encoding) as lines:
        first = next((line for line in lines if line.strip()), "")
        found = ("\t",) if kind == ".tsv" else SEPARATORS
        return next((mark for mark in found if len(next(csv.reader([first], delimiter=mark), [])) > 1), found[0])


def text(cell: Any) -> str:
    """A cell as text without margins; what is missing (None, NaN) is empty, a list or an object is JSON."""
    if cell is None or cell != cell:
        return ""
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "backslashreplace")
    if isinstance(cell, list | dict):
        return storable(json.dumps(cell, ensure_ascii=False, default=str))
    return storable(str(cell).strip())


def open_parquet(path: DumpPath) -> pq.ParquetFile:
    """A Parquet table, opened.  Raises SourceError, also if two columns have one name."""
    try:
        # not a row group at once: a page of it, which for photos may be as much, is what memory has to hold
        table = pq.ParquetFile(path.open("rb"), buffer_size=_BUFFER, pre_buffer=False)
        names = table.schema_arrow.names
    except (OSError, EOFError, ValueError, pa.ArrowException) as error:
        raise SourceError(f"cannot be read as a Parquet table ({error})", source=str(path)) from None
    if len(set(names)) < len(names):
        raise SourceError(f"a column name stands twice in {names}", source=str(path))
    return table


def _csv_rows(path: DumpPath, encoding: str) -> Iterator[tuple[int, Record | str]]:
    rows = _cells(path, encoding)
    _, names = next(rows, (0, []))
    if len(set(names)) != len(names):
        raise SourceError(f"a column name stands twice in {names}", source=str(path))
    for number, cells in rows:
        if len(cells) == len(names):
            yield number, dict(zip(names, cells, strict=True))
        else:
            yield number, f"expected {len(names)} columns, got {len(cells)}"


def _cells(path: DumpPath, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """(number, cells) of every row that is not empty; the header is number 0."""
    mark = separator(path, encoding) or ","
    with text_file(path, encoding) as lines:
        number = 0
        for cells in csv.reader(chain(lines, [_END]), delimiter=mark):
            if cells and cells[-1].endswith(_END):
                if cells != [_END]:  # else a stray quote takes all that follows it into one cell, and nobody notices
                    message = "a quote is opened in this row and never closed; close it, or double it if it is meant"
                    raise SourceError(message, source=str(path), row=number)
                return
            if cells:
                yield number, cells
                number += 1


def _json_rows(path: DumpPath, encoding: str) -> Iterator[tuple[int, Record | str]]:
    with text_file(path, encoding) as lines:
        for number, line in enumerate((line for line in lines if line.strip()), start=1):
            try:
                values = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield number, f"is not JSON ({error})"
                continue
            yield number, values if isinstance(values, dict) else f"expected an object, got {type(values).__name__}"


def _parquet_rows(path: DumpPath, columns: Sequence[str] | None) -> Iterator[tuple[int, Record | str]]:
    table = open_parquet(path)
    names = table.schema_arrow.names if columns is None else columns
    size = ROWS_WITH_BYTES if any(map(_may_hold_photos, map(table.schema_arrow.field, names))) else ROWS
    number = 0
    try:
        for batch in table.iter_batches(batch_size=size, columns=list(names)):
            for values in batch.to_pylist():
                number += 1
                yield number, values
    # the last two: what to_pylist makes of times and numbers that Python does not have
    except (OSError, EOFError, pa.ArrowException, ValueError, OverflowError) as error:
        raise SourceError(f"cannot be read as a Parquet table ({error})", source=str(path), row=number) from None


def _may_hold_photos(field: pa.Field) -> bool:
    kind = field.type
    while pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind = kind.value_type
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_struct(kind))

"""Rows of a table file as {column: cell}, streamed: CSV, TSV, JSON lines, Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from catalens.core.errors import SourceError

Record = Mapping[str, Any]
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_LINES = (".jsonl", ".ndjson")
EXTENSIONS = (*_DELIMITERS, *_LINES, ".parquet")


def header(path: Path) -> list[str]:
    """The column names; of JSON lines, the keys of the first row.  Raises SourceError."""
    kind = path.suffix.lower()
    if kind == ".parquet":
        return list(_parquet(path).schema_arrow.names)
    if kind in _LINES:
        first = next(records(path), None)
        return list(first[1]) if first is not None and isinstance(first[1], dict) else []
    for _, cells in _cells(path):
        return cells
    return []


def records(path: Path) -> Iterator[tuple[int, Record | str]]:
    """(row from 1, {column: cell} or what is wrong with the row).  Raises SourceError if the file cannot be read at all."""
    kind = path.suffix.lower()
    if kind == ".parquet":
        yield from _parquet_rows(path)
    elif kind in _LINES:
        yield from _json_rows(path)
    elif kind in _DELIMITERS:
        yield from _csv_rows(path)
    else:
        raise SourceError(f"expected a table ({', '.join(EXTENSIONS)}), got {path.suffix!r}", source=str(path))


def text(cell: Any) -> str:
    """A cell as text: None is empty, 3.0 stays 3.0, text loses its margins."""
    return "" if cell is None else str(cell).strip()


def _csv_rows(path: Path) -> Iterator[tuple[int, Record | str]]:
    rows = _cells(path)
    _, names = next(rows, (0, []))
    if len(set(names)) != len(names):
        raise SourceError(f"a column name stands twice in {names}", source=str(path))
    for number, cells in rows:
        if len(cells) == len(names):
            yield number, dict(zip(names, cells, strict=True))
        else:
            yield number, f"expected {len(names)} columns, got {len(cells)}"


def _cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(number, cells) of every line that is not empty; the header is number 0."""
    number = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for cells in csv.reader(file, delimiter=_DELIMITERS[path.suffix.lower()]):
                if cells:
                    yield number, cells
                    number += 1
    except UnicodeDecodeError as error:
        raise SourceError(f"is not UTF-8 ({error.reason} at byte {error.start})", source=str(path)) from None
    except csv.Error as error:
        raise SourceError(f"cannot be read as a table ({error})", source=str(path), row=number) from None


def _json_rows(path: Path) -> Iterator[tuple[int, Record | str]]:
    with path.open("rb") as file:
        number = 0
        for line in file:
            if not line.strip():
                continue
            number += 1
            try:
                values = json.loads(line)
            except ValueError as error:
                yield number, f"is not JSON ({error})"
                continue
            yield number, values if isinstance(values, dict) else f"expected an object, got {type(values).__name__}"


def _parquet_rows(path: Path) -> Iterator[tuple[int, Record | str]]:
    number = 0
    try:
        for batch in _parquet(path).iter_batches(batch_size=1024):
            for values in batch.to_pylist():
                number += 1
                yield number, values
    except pa.ArrowException as error:
        raise SourceError(f"cannot be read as a Parquet table ({error})", source=str(path), row=number) from None


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"cannot be read as a Parquet table ({error})", source=str(path)) from None

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
from catalens.curate.sources.lines import text_file
from catalens.curate.sources.protocol import storable

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
        return list(first[1]) if first is not None and not isinstance(first[1], str) else []
    return next(_cells(path), (0, []))[1]


def records(path: Path) -> Iterator[tuple[int, Record | str]]:
    """(row from 1, {column: cell} or what is wrong with the row).  Raises SourceError if the file cannot be read."""
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
    """A cell as text without margins; what is missing (None, NaN) is empty, a list or an object is JSON."""
    if cell is None or cell != cell:
        return ""
    if isinstance(cell, list | dict):
        return storable(json.dumps(cell, ensure_ascii=False, default=str))
    return storable(str(cell).strip())


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
    """(number, cells) of every row that is not empty; the header is number 0."""
    with text_file(path) as file:
        yield from enumerate(filter(None, csv.reader(file, delimiter=_DELIMITERS[path.suffix.lower()])))


def _json_rows(path: Path) -> Iterator[tuple[int, Record | str]]:
    with text_file(path) as file:
        for number, line in enumerate((line for line in file if line.strip()), start=1):
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
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"cannot be read as a Parquet table ({error})", source=str(path), row=number) from None


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"cannot be read as a Parquet table ({error})", source=str(path)) from None

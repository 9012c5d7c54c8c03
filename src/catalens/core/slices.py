"""Tables too long for memory: read, written and passed on in slices of one length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from catalens.core.durable import replacing
from catalens.core.errors import CatalogError

SLICE = 65_536  # rows; part of how a catalog's digest is defined, so it never changes


def sliced(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of `SLICE` rows, the last one shorter: how they were cut before does not show."""
    waiting: list[pa.Table] = []
    rows = 0
    for table in tables:
        waiting.append(table)
        rows += table.num_rows
        if rows >= SLICE:
            whole = pa.concat_tables(waiting)
            for start in range(0, rows - SLICE + 1, SLICE):
                yield whole.slice(start, SLICE)
            rows %= SLICE
            waiting = [whole.slice(whole.num_rows - rows)]
    if rows:
        yield pa.concat_tables(waiting)


def read_slices(path: Path, schema: pa.Schema, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The rows of a Parquet file of that schema, some of its columns or all.  Raises CatalogError."""
    wanted = pa.schema([schema.field(name) for name in columns or schema.names])
    try:
        with pq.ParquetFile(path) as file:
            missing = set(wanted.names) - set(file.schema_arrow.names)
            if missing:
                raise CatalogError(f"expected columns {wanted.names}, missing {sorted(missing)}", source=str(path))
            batches = file.iter_batches(batch_size=SLICE, columns=wanted.names)
            yield from sliced(pa.Table.from_batches([batch]).select(wanted.names).cast(wanted) for batch in batches)
    # ValueError: names of columns that are not UTF-8
    except (OSError, ValueError, pa.ArrowException) as error:
        raise CatalogError(f"cannot be read as a Parquet table ({error})", source=str(path)) from None


class SliceWriter:
    """Collects rows and writes them a slice at a time; `rows` counts them."""

    def __init__(self, file: pq.ParquetWriter) -> None:
        self.rows = 0
        self._file = file
        self._waiting: list[pa.Table] = []
        self._held = 0

    def write(self, table: pa.Table) -> None:
        self.rows += table.num_rows
        self._held += table.num_rows
        self._waiting.append(table)
        if self._held >= SLICE:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        if self._waiting:
            self._file.write_table(pa.concat_tables(self._waiting), row_group_size=SLICE)
        self._waiting, self._held = [], 0


@contextmanager
def slice_writer(path: Path, schema: pa.Schema) -> Iterator[SliceWriter]:
    """A Parquet file that is written in pieces, and is there whole or not at all."""
    with replacing(path) as partial, pq.ParquetWriter(partial, schema, compression="zstd") as file:
        writer = SliceWriter(file)
        yield writer
        writer.flush()

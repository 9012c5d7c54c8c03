"""Photo bytes on disk: immutable, uncompressed, memory-mapped Arrow files (D3) that `datasets` and Spark open too."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa

from catalens.core.durable import flush
from catalens.core.errors import CatalogError

SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
    ]
)
SHARD_BYTES = 128 * 2**20
SHARD_PHOTOS = 8192  # a shard is also what a killed ingest has to read again
BATCH_BYTES, BATCH_PHOTOS = 16 * 2**20, 1024  # of a record batch


def image_id(data: bytes) -> str:
    """sha256 of the photo's bytes, in hex: equal ids are exact copies."""
    return hashlib.sha256(data).hexdigest()


class ShardWriter:
    """Writes one shard, whole or not at all, a record batch at a time: it never holds more than `BATCH_BYTES`.

    What is not closed leaves a file ending in ".partial"; the next writer of that name begins it afresh.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._count = 0
        self._partial = path.with_name(f"{path.name}.partial")
        self._file: Any = None  # opened with the first batch
        self._sink: Any = None
        self._batch = _Batch()

    def __len__(self) -> int:
        return self._count

    @property
    def full(self) -> bool:
        return self.size >= SHARD_BYTES or len(self) >= SHARD_PHOTOS

    def add(self, image_id: str, data: bytes, path: str) -> int:
        """Take one photo; its row in the shard."""
        self._batch.add(image_id, data, path)
        self.size += len(data)
        self._count += 1
        if self._batch.full:
            self._write()
        return self._count - 1

    def close(self) -> None:
        """Write the rest, flush to disk, then give the file its name."""
        self._write()
        self._sink.close()
        self._file.close()
        flush(self._partial)
        self._partial.replace(self.path)
        flush(self.path.parent)

    def _write(self) -> None:
        if self._file is None:
            self._file = pa.OSFile(str(self._partial), "wb")
            self._sink = pa.ipc.new_file(self._file, SCHEMA)
        if self._batch.ids:
            self._sink.write_batch(self._batch.arrow())
            self._batch = _Batch()


class _Batch:
    """The photos of a record batch that is being filled; a reader of one photo maps no more than it."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self._photos: list[bytes] = []
        self._paths: list[str] = []
        self._size = 0

    @property
    def full(self) -> bool:
        return self._size >= BATCH_BYTES or len(self.ids) >= BATCH_PHOTOS

    def add(self, image_id: str, data: bytes, path: str) -> None:
        self.ids.append(image_id)
        self._photos.append(data)
        self._paths.append(path)
        self._size += len(data)

    def arrow(self) -> pa.RecordBatch:
        photos = [pa.array(self._photos, pa.binary()), pa.array(self._paths, pa.string())]
        image = pa.StructArray.from_arrays(photos, fields=list(SCHEMA.field("image").type))
        return pa.record_batch([pa.array(self.ids, pa.string()), image], schema=SCHEMA)


@dataclass(frozen=True, slots=True)
class _Shard:
    """The record batches of one mapped file, and the row each starts at; the last start is the number of rows."""

    batches: list[pa.RecordBatch]
    starts: list[int]


class ShardReader:
    """Random access to the photos of one catalog.  Maps a shard when it is first asked for; picklable for workers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shards: dict[str, _Shard] = {}

    def __reduce__(self) -> tuple[type[ShardReader], tuple[Path]]:
        return (ShardReader, (self._folder,))

    def read(self, shard: str, row: int) -> bytes:
        """The bytes of one photo.  Raises CatalogError if the shard is missing or broken."""
        opened = self._open(shard)
        if not 0 <= row < opened.starts[-1]:
            raise CatalogError(f"has {opened.starts[-1]:,} rows, no row {row:,}", source=str(self._folder / shard))
        index = bisect_right(opened.starts, row) - 1
        photo = opened.batches[index].column(1).field("bytes")[row - opened.starts[index]]
        return _bytes(photo.as_py(), self._folder / shard, row)

    def scan(self, shard: str) -> Iterator[tuple[str, bytes]]:
        """(image_id, bytes) of a whole shard, in order."""
        row = 0
        for batch in self._open(shard).batches:
            for identity, photo in zip(batch.column(0), batch.column(1).field("bytes"), strict=True):
                yield identity.as_py(), _bytes(photo.as_py(), self._folder / shard, row)
                row += 1

    def rows(self, shard: str) -> int:
        """The number of photos in a shard.  Raises CatalogError."""
        return self._open(shard).starts[-1]

    def entries(self, shard: str, rows: Iterable[int]) -> Iterator[tuple[str, bytes, str]]:
        """(image_id, bytes, path) of some rows, as `ShardWriter.add` takes them.  Raises CatalogError."""
        opened = self._open(shard)
        for row in rows:
            index = bisect_right(opened.starts, row) - 1
            entry = opened.batches[index].slice(row - opened.starts[index], 1).to_pylist()[0]
            yield entry["image_id"], _bytes(entry["image"]["bytes"], self._folder / shard, row), entry["image"]["path"]

    def _open(self, shard: str) -> _Shard:
        if shard not in self._shards:
            path = self._folder / shard
            try:
                reader = pa.ipc.open_file(pa.memory_map(str(path)))
                if reader.schema != SCHEMA:
                    raise CatalogError(f"expected columns {SCHEMA.names}, got {reader.schema.names}", source=str(path))
                batches = [reader.get_batch(index) for index in range(reader.num_record_batches)]
                for batch in batches:
                    batch.validate()  # offsets that point outside the file would crash the process when read
            except (OSError, pa.ArrowException) as error:
                raise CatalogError(f"cannot be read as a photo shard ({error})", source=str(path)) from None
            starts = [0, *accumulate(batch.num_rows for batch in batches)]
            self._shards[shard] = _Shard(batches, starts)
        return self._shards[shard]


def _bytes(data: bytes | None, path: Path, row: int) -> bytes:
    if data is None:
        raise CatalogError("a photo without bytes", source=str(path), row=row)
    return data

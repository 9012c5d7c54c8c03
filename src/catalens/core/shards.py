"""Photo bytes on disk: immutable, uncompressed, memory-mapped Arrow files (D3) that `datasets` and Spark open too."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pyarrow as pa

from catalens.core.durable import replacing
from catalens.core.errors import CatalogError

SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
    ]
)
SHARD_BYTES = 128 * 2**20
SHARD_PHOTOS = 8192  # a shard is also what a killed ingest has to read again


def image_id(data: bytes) -> str:
    """sha256 of the photo's bytes, in hex: equal ids are exact copies."""
    return hashlib.sha256(data).hexdigest()


class ShardWriter:
    """Collects photos and writes one shard, whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._ids: list[str] = []
        self._photos: list[dict[str, object]] = []

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def full(self) -> bool:
        return self.size >= SHARD_BYTES or len(self) >= SHARD_PHOTOS

    def add(self, image_id: str, data: bytes, path: str) -> int:
        """Take one photo; its row in the shard."""
        self._ids.append(image_id)
        self._photos.append({"bytes": data, "path": path})
        self.size += len(data)
        return len(self._ids) - 1

    def close(self) -> None:
        """Write, flush to disk, then give the file its name."""
        batch = pa.record_batch(
            [pa.array(self._ids), pa.array(self._photos, SCHEMA.field("image").type)], schema=SCHEMA
        )
        with (
            replacing(self.path) as partial,
            pa.OSFile(str(partial), "wb") as sink,
            pa.ipc.new_file(sink, SCHEMA) as writer,
        ):
            # record batches of bounded size, so that a reader of one photo maps a small part
            writer.write_table(pa.Table.from_batches([batch]), max_chunksize=1024)


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

"""Photo bytes on disk: immutable, uncompressed, memory-mapped Arrow files (D3).  `datasets` and Spark open them as they are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

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
        partial = self.path.with_suffix(".partial")
        with pa.OSFile(str(partial), "wb") as sink, pa.ipc.new_file(sink, SCHEMA) as writer:
            # record batches of bounded size, so that a reader of one photo maps a small part
            writer.write_table(pa.Table.from_batches([batch]), max_chunksize=1024)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(self.path)


class ShardReader:
    """Random access to the photos of one catalog.  Maps a shard when it is first asked for; picklable for workers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shards: dict[str, list[pa.RecordBatch]] = {}

    def __reduce__(self) -> tuple[type[ShardReader], tuple[Path]]:
        return (ShardReader, (self._folder,))

    def read(self, shard: str, row: int) -> bytes:
        """The bytes of one photo.  Raises CatalogError if the shard is missing or broken."""
        batches = self._batches(shard)
        chunk = batches[0].num_rows if batches else 1
        try:
            value = batches[row // chunk].column(1).field("bytes")[row % chunk]
        except (IndexError, pa.ArrowException):
            raise CatalogError(f"has no row {row}", source=str(self._folder / shard)) from None
        data: bytes = value.as_py()
        return data

    def scan(self, shard: str) -> Iterator[tuple[str, bytes]]:
        """(image_id, bytes) of a whole shard, in order."""
        for batch in self._batches(shard):
            for identity, photo in zip(batch.column(0), batch.column(1).field("bytes"), strict=True):
                yield identity.as_py(), photo.as_py()

    def _batches(self, shard: str) -> list[pa.RecordBatch]:
        if shard not in self._shards:
            path = self._folder / shard
            try:
                reader = pa.ipc.open_file(pa.memory_map(str(path)))
                if reader.schema != SCHEMA:
                    raise CatalogError(f"expected columns {SCHEMA.names}, got {reader.schema.names}", source=str(path))
                self._shards[shard] = [reader.get_batch(index) for index in range(reader.num_record_batches)]
            except (OSError, pa.ArrowException) as error:
                raise CatalogError(f"cannot be read as a photo shard ({error})", source=str(path)) from None
        return self._shards[shard]

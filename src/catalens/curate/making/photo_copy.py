"""Photo shards for a catalog made of another: linked where all of a shard is kept, else what is kept is copied."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from catalens.core.catalog import IMAGES
from catalens.core.errors import CatalogError
from catalens.core.progress import Progress, silent
from catalens.core.shards import ShardReader, ShardWriter
from catalens.curate.categories.filing import Mask


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a shard's photos are now: the file, and the new row of each old one."""

    shard: str
    rows: npt.NDArray[np.int32]


class PhotoCopy:
    """Three steps: `keep` every piece's photos, `write` them, then `relocate` the pieces' rows."""

    def __init__(self, photos: ShardReader, source: Path, target: Path) -> None:
        self._photos = photos
        self._source = source
        self._target = target
        self._kept: dict[str, Mask] = {}
        self._places: dict[str, _Place] = {}

    def keep(self, images: pa.Table) -> None:
        """These photos, rows of `IMAGES`, are wanted.  Raises CatalogError if one is not where its row says."""
        if images["shard"].null_count or images["row"].null_count:
            raise CatalogError("a photo without its shard or row", source=str(self._source.parent / "images.parquet"))
        places = images["row"].to_numpy()
        for shard, rows in _by_shard(images):
            if shard not in self._kept:
                self._kept[shard] = np.zeros(self._photos.rows(shard), bool)
            kept, wanted = self._kept[shard], places[rows]
            if (outside := wanted[(wanted < 0) | (wanted >= len(kept))]).size:
                message = f"has {len(kept):,} rows, no row {outside[0]:,}"
                raise CatalogError(message, source=str(self._source / shard))
            kept[wanted] = True

    def write(self, progress: Progress = silent) -> None:
        """Make the shards in the target folder."""
        self._target.mkdir(parents=True)
        files = 0
        writer: ShardWriter | None = None
        for done, (shard, kept) in enumerate(self._kept.items(), start=1):
            if kept.all():
                name = _name(files)
                files += 1
                link(self._source / shard, self._target / name)
                self._places[shard] = _Place(name, np.arange(len(kept), dtype=np.int32))
            else:
                if writer is None:
                    writer = ShardWriter(self._target / _name(files))
                    files += 1
                self._places[shard] = self._copy(shard, kept, writer)
                if writer.full:
                    writer.close()
                    writer = None
            progress(done, len(self._kept), "photo shards")
        if writer is not None:
            writer.close()

    def _copy(self, shard: str, kept: Mask, writer: ShardWriter) -> _Place:
        first = len(writer)
        for photo in self._photos.entries(shard, np.flatnonzero(kept).tolist()):
            writer.add(*photo)
        return _Place(writer.path.name, (first + np.cumsum(kept) - 1).astype(np.int32))

    def relocate(self, images: pa.Table) -> pa.Table:
        """The same photos, where they are now."""
        shards = np.empty(len(images), object)
        rows = images["row"].to_numpy().copy()
        for shard, these in _by_shard(images):
            place = self._places[shard]
            shards[these], rows[these] = place.shard, place.rows[rows[these]]
        moved = {"shard": pa.array(shards, pa.string()), "row": pa.array(rows, pa.int32())}
        return pa.table([moved.get(name, images[name]) for name in IMAGES.names], schema=IMAGES)


def link(source: Path, target: Path) -> None:
    """A second name for a file that never changes; a copy where the file system has no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _by_shard(images: pa.Table) -> list[tuple[str, npt.NDArray[np.int64]]]:
    """(shard, positions of its photos among the rows), in order of appearance."""
    encoded = images["shard"].combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy()
    return [(shard, np.flatnonzero(codes == code)) for code, shard in enumerate(encoded.dictionary.to_pylist())]


def _name(number: int) -> str:
    return f"part-{number:05}.arrow"

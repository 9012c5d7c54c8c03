"""One pass over the photos of a catalog: each distinct photo is decoded once, and every measure looks at it.

What a measure says of the photos becomes its side table.  The work is done in parts that survive `kill -9`.
"""

from __future__ import annotations

import json
import shutil
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from catalens.core.catalog import Catalog, is_marked, write_parquet
from catalens.core.durable import replacing
from catalens.core.errors import CatalogError, ImageError
from catalens.core.image import RgbImage, decode
from catalens.core.lock import alone_in
from catalens.core.progress import Progress, silent
from catalens.core.shards import ShardReader
from catalens.core.workers import worker_pool

TASK_PHOTOS = 64  # what a worker is given at a time
PART_TASKS = 64  # tasks a part: what a killed scan has to do again


@dataclass(frozen=True, slots=True)
class DecodedPhoto:
    """A photo's bytes and all its pixels, upright, at full size."""

    image_id: str
    data: bytes
    image: RgbImage


class Measure(Protocol):
    """Something to be said of every photo.  It travels to worker processes, so it must pickle.

    `schema` begins with the column `image_id`; calling the measure gives the others.  `version` changes when the
    answers would: a table of another version is made anew.
    """

    table: str
    version: str
    schema: pa.Schema

    def __call__(self, photo: DecodedPhoto) -> Mapping[str, object]: ...


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a photo's bytes are."""

    image_id: str
    shard: str
    row: int


@dataclass(frozen=True, slots=True)
class _Answers:
    """A table a measure, and the cause for each photo that did not decode."""

    tables: list[pa.Table]
    unreadable: dict[str, str]


def scan(
    catalog: Catalog, measures: Sequence[Measure], *, workers: int = 2, progress: Progress = silent
) -> dict[str, pa.Table]:
    """{table: a row for every distinct photo that decodes, in the order of `catalog.images`}, made where it is missing.

    Tables that are there and of this version are kept.  `unreadable` tells the photos that have no row.
    Raises CatalogError if a shard is damaged, or another process is measuring the same catalog.
    """
    if _missing(catalog, measures):
        tables = catalog.path / "tables"
        tables.mkdir(exist_ok=True)
        try:
            with alone_in(tables):
                # asked again: another process may have just finished them
                _fill(catalog, _missing(catalog, measures), workers, progress)
        except BlockingIOError:
            message = "another process is measuring its photos; try again when it is done"
            raise CatalogError(message, source=str(catalog.path)) from None
    return {measure.table: catalog.table(measure.table) for measure in measures}


def unreadable(table: pa.Table) -> dict[str, str]:
    """image_id -> cause, of the photos that a scan could not decode."""
    causes: dict[str, str] = json.loads((table.schema.metadata or {}).get(b"unreadable", b"{}"))
    return causes


def _missing(catalog: Catalog, measures: Sequence[Measure]) -> list[Measure]:
    return [measure for measure in measures if not is_marked(_path(catalog, measure), _marks(catalog, measure))]


def _fill(catalog: Catalog, measures: Sequence[Measure], workers: int, progress: Progress) -> None:
    if not measures:
        return
    photos = _distinct(catalog)
    tasks = [photos[start : start + TASK_PHOTOS] for start in range(0, len(photos), TASK_PHOTOS)]
    folder = catalog.path / "tables" / f"{'+'.join(measure.table for measure in measures)}.parts"
    folder.mkdir(exist_ok=True)
    part_photos = str(TASK_PHOTOS * PART_TASKS)  # a part of another size holds other photos
    marks = {
        "catalog": catalog.digest,
        "part_photos": part_photos,
        **{measure.table: measure.version for measure in measures},
    }
    starts = range(0, len(tasks), PART_TASKS)
    todo = [start for start in starts if not all(is_marked(file, marks) for file in _files(folder, measures, start))]
    waiting = (task for start in todo for task in tasks[start : start + PART_TASKS])
    done = len(photos) - sum(len(task) for start in todo for task in tasks[start : start + PART_TASKS])
    answers = _answers(waiting, catalog.photos, measures, workers)
    for start in todo:
        part = []
        for task, answer in zip(tasks[start : start + PART_TASKS], answers, strict=False):
            part.append(answer)
            done += len(task)
            progress(done, len(photos))
        _write_part(part, _files(folder, measures, start), marks)
    for place, measure in enumerate(measures):
        _join(catalog, measure, [_files(folder, measures, start)[place] for start in starts])
    shutil.rmtree(folder)


def _answers(
    tasks: Iterable[list[_Place]], photos: ShardReader, measures: Sequence[Measure], workers: int
) -> Iterator[_Answers]:
    """The answers in the order of the tasks; by worker processes, if there is enough to do."""
    tasks = iter(tasks)
    first = list(islice(tasks, 4))
    if workers < 2 or len(first) < 4:
        yield from (_measure(task, photos, measures) for task in chain(first, tasks))
        return
    pool = worker_pool(workers)
    running: deque[Future[_Answers]] = deque()
    try:
        for task in chain(first, tasks):
            running.append(pool.submit(_measure, task, photos, measures))
            if len(running) > 3 * workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    except BrokenProcessPool:
        what = "a process that measures photos was ended from outside; is the memory too small?"
        raise CatalogError(f"{what}  What was measured is kept: run it again with one worker to need less") from None
    finally:
        pool.shutdown(cancel_futures=True)


def _distinct(catalog: Catalog) -> list[_Place]:
    columns = (catalog.images[name].to_pylist() for name in ("image_id", "shard", "row"))
    first: dict[str, _Place] = {}
    for place in map(_Place, *columns):
        first.setdefault(place.image_id, place)
    return list(first.values())


def _measure(task: list[_Place], photos: ShardReader, measures: Sequence[Measure]) -> _Answers:
    rows: list[list[dict[str, object]]] = [[] for _ in measures]
    causes: dict[str, str] = {}
    for place in task:
        data = photos.read(place.shard, place.row)
        try:
            photo = DecodedPhoto(place.image_id, data, decode(data, source=place.image_id))
        except ImageError as error:  # it did when it was ingested: a reader for its format is missing here
            causes[place.image_id] = error.message
            continue
        for said, measure in zip(rows, measures, strict=True):
            said.append({"image_id": place.image_id, **measure(photo)})
    tables = [pa.Table.from_pylist(said, schema=measure.schema) for said, measure in zip(rows, measures, strict=True)]
    return _Answers(tables, causes)


def _write_part(answers: Sequence[_Answers], files: Sequence[Path], marks: Mapping[str, str]) -> None:
    causes = {photo: cause for answer in answers for photo, cause in answer.unreadable.items()}
    metadata = {**marks, "unreadable": json.dumps(causes)}
    for place, file in enumerate(files):
        table = pa.concat_tables([answer.tables[place] for answer in answers])
        write_parquet(table.replace_schema_metadata(metadata), file)


def _join(catalog: Catalog, measure: Measure, parts: Sequence[Path]) -> None:
    """The parts as one table, a part in memory at a time."""
    causes: dict[str, str] = {}
    for part in parts:
        causes |= json.loads(pq.read_schema(part).metadata[b"unreadable"])
    schema = measure.schema.with_metadata({**_marks(catalog, measure), "unreadable": json.dumps(causes)})
    with replacing(_path(catalog, measure)) as partial, pq.ParquetWriter(partial, schema, compression="zstd") as file:
        for part in parts:
            file.write_table(pq.read_table(part).replace_schema_metadata(schema.metadata))


def _files(folder: Path, measures: Sequence[Measure], start: int) -> list[Path]:
    return [folder / f"{measure.table}-{start:09}.parquet" for measure in measures]


def _path(catalog: Catalog, measure: Measure) -> Path:
    return catalog.path / "tables" / f"{measure.table}.parquet"


def _marks(catalog: Catalog, measure: Measure) -> dict[str, str]:
    return {"catalog": catalog.digest, "version": measure.version}

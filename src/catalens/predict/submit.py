"""A line `_id,category_id` for every product of a dump: what Kaggle's competitions ask for.

In bounded memory, and going on after a kill: lines are appended to OUT.partial, and OUT.partial.json says how many of
them count and where in the dump to go on.  The result is, byte for byte, that of an undisturbed run, because batches
are formed alike from every place that is noted.
"""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from catalens.core.bundle import Bundle
from catalens.core.catalog import write_json
from catalens.core.durable import flush
from catalens.core.errors import ConfigError, ImageError
from catalens.core.lock import lock
from catalens.core.progress import Progress, silent
from catalens.core.scores import product_embeddings
from catalens.core.seen import SeenIds
from catalens.predict.ahead import ahead
from catalens.predict.predictor import Photo, Predictor, Squares

HEADER = ("_id", "category_id")
BATCH_PHOTOS, BATCH_ROWS = 256, 1024  # a batch is full with either
NOTED_EVERY_S = 5.0  # what a kill costs
AFRESH = "pass --restart to begin afresh"


@dataclass(frozen=True, slots=True)
class DumpPhoto:
    """A photo's name, and how to get its bytes, which may raise ImageError."""

    name: str
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class DumpRow:
    """A row of the dump: the product and its photos, none where they are unusable; `product_id` None if it has none.

    `cursor` is where to read on after it.
    """

    cursor: int
    product_id: str | None
    photos: Sequence[DumpPhoto]


@dataclass(frozen=True, slots=True)
class Dump:
    """What is to be answered: its rows from a cursor on, 0 being the start and `total` the end, where that is known.

    `key` says which dump it is, so that another is not taken for it.
    """

    key: Mapping[str, Any]
    total: int | None
    read: Callable[[int], Iterable[DumpRow]]


class Counts(BaseModel):
    """`products`: lines written; `photos` of these, `unreadable` among them; `guessed`: products without one photo that
    could be read; `repeated` rows of a product that had its line, `nameless` rows without a product id."""

    model_config = ConfigDict(extra="forbid")

    products: int = 0
    photos: int = 0
    unreadable: int = 0
    guessed: int = 0
    repeated: int = 0
    nameless: int = 0


class Noted(BaseModel):
    """OUT.partial.json: of what the lines are, and how many bytes of them count."""

    model_config = ConfigDict(extra="forbid")

    bundle: str  # digest
    dump: dict[str, Any]
    cursor: int = 0
    bytes: int = 0
    counts: Counts = Field(default_factory=Counts)


@dataclass(frozen=True, slots=True)
class SubmitReport:
    """What was written.  `guess` is the leaf of the products without a readable photo, and `guess_is` why that one.

    `resumed` products were there from an earlier run; `seconds` are those of this one.
    """

    products: int
    photos: int
    unreadable: int
    guessed: int
    repeated: int
    nameless: int
    guess: str
    guess_is: str
    resumed: int
    model: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(slots=True)
class _Batch:
    """Rows whose photos are decoded, on their way through the graph together."""

    rows: list[tuple[DumpRow, Squares, int]] = field(default_factory=list)
    photos: int = 0

    @property
    def full(self) -> bool:
        return self.photos >= BATCH_PHOTOS or len(self.rows) >= BATCH_ROWS

    def add(self, row: DumpRow, squares: Squares, unreadable: int) -> None:
        self.rows.append((row, squares, unreadable))
        self.photos += len(squares.sources)


def submit(
    predictor: Predictor,
    dump: Dump,
    out: Path,
    *,
    restart: bool = False,
    overwrite: bool = False,
    progress: Progress = silent,
) -> SubmitReport:
    """Write the submission; run again after an interruption it goes on.

    Raises ConfigError if `out` exists, or was begun with another bundle or dump; and what `dump.read` raises.
    """
    started = time.monotonic()
    if out.exists() and not overwrite:
        raise ConfigError("already exists; choose another name or pass --overwrite", source=str(out))
    partial, note = out.with_name(f"{out.name}.partial"), out.with_name(f"{out.name}.partial.json")
    file = lock(partial)
    if file is None:
        raise ConfigError("another process is writing this submission", source=str(partial))
    with file, SeenIds() as seen:
        begun = Noted(bundle=predictor.bundle.digest, dump=dict(dump.key))
        noted = begun if restart else _noted(note, begun, os.fstat(file.fileno()).st_size)
        file.truncate(noted.bytes)
        if not noted.bytes:
            file.write(_lines([HEADER]))
        for product in _ids(partial, noted.bytes):
            seen.add(product)
        resumed = noted.counts.products
        _answer(predictor, dump, noted, seen, file, note, progress)
    flush(partial)
    partial.replace(out)
    flush(out.parent)
    note.unlink(missing_ok=True)
    guess, guess_is = most_frequent(predictor.bundle)
    seconds = round(time.monotonic() - started, 2)
    return SubmitReport(
        **noted.counts.model_dump(),
        guess=guess,
        guess_is=guess_is,
        resumed=resumed,
        model=predictor.bundle.name,
        seconds=seconds,
    )


def most_frequent(bundle: Bundle) -> tuple[str, str]:
    """(the leaf to guess where no photo can be read, why): the most frequent in training, if the bundle knows."""
    counts = bundle.manifest.training.get("train_counts") or {}
    leaves = bundle.taxonomy.leaves
    if not any(leaf in counts for leaf in leaves):
        return leaves[0], "the first of the taxonomy: the bundle does not say how frequent they were in training"
    return max(leaves, key=lambda leaf: counts.get(leaf, 0)), "the most frequent in training"


def _answer(
    predictor: Predictor,
    dump: Dump,
    noted: Noted,
    seen: SeenIds,
    file: BinaryIO,
    note: Path,
    progress: Progress,
) -> None:
    """Write the lines of all rows from `noted.cursor` on, and keep `noted` up to date."""
    guess = most_frequent(predictor.bundle)[0]
    last = time.monotonic()
    for batch in _batches(predictor, dump.read(noted.cursor)):
        file.write(_lines(_answers(predictor, batch, noted.counts, seen, guess)))
        noted.cursor = batch.rows[-1][0].cursor
        noted.bytes = file.tell()
        progress(noted.cursor, dump.total, f"{noted.counts.products:,} products")
        if time.monotonic() - last > NOTED_EVERY_S:
            file.flush()
            os.fsync(file.fileno())
            write_json(noted.model_dump(mode="json"), note)
            last = time.monotonic()


def _batches(predictor: Predictor, rows: Iterable[DumpRow]) -> Iterator[_Batch]:
    def read(row: DumpRow) -> tuple[DumpRow, Squares, int]:
        photos = []
        for photo in row.photos:
            try:
                photos.append(Photo(photo.name, photo.read()))
            except ImageError:
                continue
        squares = predictor.read(photos)
        return row, squares, len(row.photos) - len(squares.sources)

    batch = _Batch()
    for row, squares, unreadable in ahead(read, rows):
        batch.add(row, squares, unreadable)
        if batch.full:
            yield batch
            batch = _Batch()
    if batch.rows:
        yield batch


def _answers(
    predictor: Predictor, batch: _Batch, counts: Counts, seen: SeenIds, guess: str
) -> Iterator[tuple[str, str]]:
    """(product id, leaf) of every product of a batch that has not had its line yet."""
    pixels = np.concatenate([squares.pixels for _, squares, _ in batch.rows])
    logits, embeddings = predictor.session.run(pixels)[:2]
    of_row = [str(number) for number, (_, squares, _) in enumerate(batch.rows) for _ in squares.sources]
    answered, fused = predictor.bundle.fusion.fuse(of_row, logits, embeddings) if of_row else ((), logits)
    if of_row and predictor.bundle.gallery is not None:
        fused = predictor.rules.probabilities(fused, product_embeddings(of_row, embeddings)[1])
    leaves = predictor.bundle.taxonomy.leaves
    best = {int(number): leaves[int(top)] for number, top in zip(answered, fused.argmax(axis=1), strict=True)}
    for number, (row, squares, unreadable) in enumerate(batch.rows):
        if row.product_id is None:
            counts.nameless += 1
        elif not seen.add(row.product_id):
            counts.repeated += 1
        else:
            counts.products += 1
            counts.photos += len(squares.sources) + unreadable
            counts.unreadable += unreadable
            counts.guessed += number not in best
            yield row.product_id, best.get(number, guess)


def _lines(rows: Iterable[tuple[str, str]]) -> bytes:
    text = io.StringIO(newline="")
    plain = csv.writer(text, lineterminator="\n")
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        # the module quotes a "\r" only where it ends lines, yet takes it for an end wherever it reads one
        (quoted if "\r" in row[0] else plain).writerow(row)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _ids(partial: Path, size: int) -> Iterator[str]:
    """The ids in the first `size` bytes of a file that was begun."""
    if not size:
        return
    with partial.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        yield from (row[0] for row in rows)


def _noted(path: Path, begun: Noted, size: int) -> Noted:
    """What an earlier run left, of the same bundle and dump; `begun` if it left nothing that counts."""
    if not size:
        return begun  # a note whose lines have got their name already
    try:
        noted = Noted.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return begun
    except ValidationError:
        raise ConfigError(f"is not the note of a submission; {AFRESH}", source=str(path)) from None
    for name, ours in (("bundle", begun.bundle), ("dump", begun.dump)):
        if getattr(noted, name) != ours:
            raise ConfigError(f"was begun with another {name}; {AFRESH}", source=str(path), key=name)
    if size < noted.bytes:
        raise ConfigError(f"has {size:,} bytes, of which {noted.bytes:,} were written; {AFRESH}", source=str(path))
    return noted

"""Parquet files of a Hugging Face data set: `data/train-00000-of-00002.parquet`, `test/0000.parquet` ...

https://huggingface.co/docs/hub/datasets-image#parquet-format
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pyarrow as pa

from catalens.core.errors import SourceError
from catalens.core.taxonomy import Taxonomy
from catalens.curate.sources.archive import is_hidden
from catalens.curate.sources.columns import Columns, find_columns
from catalens.curate.sources.features import Features, class_name, has_photos, is_image, read_features
from catalens.curate.sources.files import DumpPath, below, scan
from catalens.curate.sources.given import part_name
from catalens.curate.sources.photos import PhotoFiles, fingerprint
from catalens.curate.sources.protocol import IngestSettings, Item, numbered, storable
from catalens.curate.sources.records import Record, open_parquet, records
from catalens.curate.sources.rows import Line, Rows

_NO_FEATURES = Features((), {})
_FOLDERS = ("data", "default")
_COARSE_AND_FINE = ("coarse_label", "fine_label")
_WORD = re.compile(r"[^-.]*")  # of "train-00000-of-00002.parquet"


class ParquetSource:
    """A row is a product, called "train/17" as `dataset["train"][17]` is; or rows that share --product-column are one.

    Numbers of classes are read as the names that the metadata gives them.  The part of the split is in the name of a
    file or of its folder.
    """

    looks_for: ClassVar[str] = "Parquet files of a Hugging Face data set, with a column of photos {bytes, path}"
    uses: ClassVar[frozenset[str]] = frozenset(
        {"image", "product_id", "category", "category_separator", "seller", "group", "split"}
    )

    def __init__(self, path: DumpPath, settings: IngestSettings) -> None:
        self.path = path
        self.files = _parquet_files(path)
        if not self.files:
            raise SourceError(f"expected {self.looks_for}", source=str(path))
        self.features, columns = self._agreed(settings)
        single = len(columns.category) == 1 and columns.category[0] in self.features.labels
        self.taxonomy = _taxonomy(self.features.labels[columns.category[0]]) if single else None
        self.rows = Rows(
            columns,
            PhotoFiles(path if path.is_dir() else path.parent),
            separator="" if single else settings.category_separator,
            by_id=single,
            source=str(path),
        )
        self.level_names = columns.category if len(columns.category) > 1 else ()
        self.total = None
        self.fingerprint = fingerprint(self.files)
        classes = [f"{name}: {len(names):,} classes named by the metadata" for name, names in self._labels(columns)]
        self.remarks = (f"{len(self.files):,} Parquet files", *columns.remarks, *classes)

    @staticmethod
    def fits(path: DumpPath) -> bool:
        files = _parquet_files(path)
        if not files:
            return False
        schema = open_parquet(files[0]).schema_arrow
        return read_features(schema, str(files[0])) is not None or (path.is_dir() and has_photos(schema))

    def read(self, cursor: int) -> Iterator[tuple[int, Item]]:
        return numbered(self.rows.products(self._lines), cursor)

    def _agreed(self, settings: IngestSettings) -> tuple[Features, Columns]:
        """What all files say of their columns.  Raises SourceError if one says something else."""
        first: tuple[Features, Columns] | None = None
        for file in self.files:
            schema = open_parquet(file).schema_arrow
            features = read_features(schema, str(file)) or _NO_FEATURES
            said = features, _columns(schema, features, settings, str(file))
            first = first or said
            if said != first:
                message = f"has other columns or classes than {below(self.files[0], self.path)}; name one of the two"
                raise SourceError(message, source=str(file))
        assert first is not None  # there is at least one file
        return first

    def _labels(self, columns: Columns) -> list[tuple[str, tuple[str, ...]]]:
        return [(name, names) for name, names in self.features.labels.items() if name in columns.category]

    def _lines(self, columns: Sequence[str] | None) -> Iterator[Line]:
        counts: dict[str, int] = {}
        for file in self.files:
            name = storable(below(file, self.path) if self.path.is_dir() else file.name)
            word, split = _part(file, self.path)
            for number, record in records(file, columns=columns):
                index = counts[word] = counts.get(word, -1) + 1
                yield Line(f"{name}: row {number}", self._named(record), f"{word}/{index}", split)

    def _named(self, record: Record | str) -> Record | str:
        """Names for the numbers of classes."""
        if isinstance(record, str):
            return record
        named: dict[str, Any] = dict(record)
        try:
            for column, names in self.features.labels.items():
                if column in named:
                    named[column] = class_name(names, named[column])
        except ValueError as error:
            return f"{column}: {error}"
        return named


def _columns(schema: pa.Schema, features: Features, settings: IngestSettings, source: str) -> Columns:
    """As told, else as the metadata says, else as the types and the usual names do."""
    labels = tuple(features.labels)
    category = settings.category
    if not category and set(_COARSE_AND_FINE) <= set(labels):
        category = _COARSE_AND_FINE
    elif not category and len(labels) == 1:
        category = labels
    image = settings.image or features.images or tuple(field.name for field in schema if is_image(field.type))
    told = settings.model_copy(update={"image": image, "category": category})
    columns = find_columns(schema.names, told, source)
    if not columns.category and labels:
        message = f"several columns are classes ({', '.join(labels)}); name the category with --category-column"
        raise SourceError(message, source=source)
    return replace(columns, product_id=settings.product_id)


def _taxonomy(names: Sequence[str]) -> Taxonomy:
    """All classes that the metadata names, also those that no photo has."""
    return Taxonomy.from_paths({name.strip(): (name.strip(),) for name in names})


def _parquet_files(path: DumpPath, depth: int = 3) -> list[DumpPath]:
    """Those directly in a folder, else in its data/, default/, train/ ...: a look into every folder would take long."""
    if not path.is_dir():
        return [path] if path.suffix.lower() == ".parquet" else []
    entries = scan(path)
    files = [path / name for name, is_folder in entries if not is_folder and name.lower().endswith(".parquet")]
    if files or not depth:
        return [file for file in files if not is_hidden(file.name)]
    folders = [name for name, is_folder in entries if is_folder and (name in _FOLDERS or part_name(name))]
    return [file for name in folders for file in _parquet_files(path / name, depth - 1)]


def _part(file: DumpPath, path: DumpPath) -> tuple[str, str | None]:
    """(what its rows are called by, the part of the split): by the file's first word, else by its folder's name."""
    for word in (_WORD.match(file.name), _WORD.match(file.parent.name)):
        if word and (part := part_name(word[0])):
            return word[0].lower(), part
    return below(file, path).removesuffix(file.suffix) if path.is_dir() else file.stem, None

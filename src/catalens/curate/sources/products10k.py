"""Products-10K (Bai et al., 2020): train.csv and test.csv say `name,class,group`, photos are in train/ and test/.

https://products-10k.github.io, https://www.kaggle.com/c/products-10k; Kaggle's test_kaggletest.csv has no groups.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import ClassVar

from catalens.core.errors import SourceError
from catalens.curate.sources.files import DumpPath
from catalens.curate.sources.photos import PhotoFiles, archive_of, archived_photos, fingerprint
from catalens.curate.sources.protocol import IngestSettings, Item, Row, Unusable, numbered
from catalens.curate.sources.records import Record, header, records, text, usual_names

LISTS = {"train": ("train.csv",), "test": ("test.csv", "test_kaggletest.csv")}
NAME, CLASS, GROUP = "name", "class", "group"


class Products10kSource:
    """A row is a product with one photo: the set does not say which photos show one product.

    The levels are group and class; a class belongs to the group that most of its rows say, also in lists without
    groups.  The category of a row without a class is not known.
    """

    looks_for: ClassVar[str] = "a folder with train.csv or test.csv (name, class, group) and train/, test/ or train.zip"
    uses: ClassVar[frozenset[str]] = frozenset({"encoding"})

    def __init__(self, path: DumpPath, settings: IngestSettings) -> None:
        self.encoding = settings.encoding
        self.lists = _lists(path)
        archives = {part: archive_of(path, part) for part in self.lists if not (path / part).is_dir()}
        if not self.lists or not any((path / part).is_dir() or archives[part] for part in self.lists):
            raise SourceError(f"expected {self.looks_for}", source=str(path))
        for file in self.lists.values():
            if NAME not in (names := header(file, self.encoding)):
                message = f"expected columns {NAME}, {CLASS}, {GROUP}, got {', '.join(names) or 'none'}"
                raise SourceError(message, source=str(file))
        self.photos: dict[str, PhotoFiles] = {}
        for part in self.lists:
            archive = archives.get(part)
            self.photos[part] = archived_photos(archive, self.encoding) if archive else PhotoFiles(path / part)
        self.groups = self._groups()
        self.level_names = (GROUP, CLASS) if self.groups else (CLASS,)
        self.taxonomy = None
        self.total = None
        self.fingerprint = fingerprint([*self.lists.values(), *filter(None, archives.values())])
        self.remarks = (f"lists: {', '.join(file.name for file in self.lists.values())}",)

    @staticmethod
    def fits(path: DumpPath) -> bool:
        lists = _lists(path)
        photos = any((path / part).is_dir() or archive_of(path, part) for part in lists)
        return photos and any({NAME, CLASS} <= set(usual_names(file)) for file in lists.values())

    def read(self, cursor: int) -> Iterator[tuple[int, Item]]:
        return numbered(self._items(), cursor)

    def _items(self) -> Iterator[Item]:
        for part, place, record in self._records():
            yield self._item(part, place, record)
        for photos in self.photos.values():
            yield from photos.notes

    def _item(self, part: str, place: str, record: Record | str) -> Item:
        if isinstance(record, str):
            return Unusable(place, "broken row", record)
        name, leaf, group = (text(record.get(column)) for column in (NAME, CLASS, GROUP))
        if not name:
            return Unusable(place, "no photo", "the cell is empty")
        product = f"{part}/{name}"
        known = self.groups.get(leaf, "")
        if group and leaf and group != known:
            detail = f"most rows of class {leaf} say group {known}, this one {group}"
            return Unusable(place, "contradictory category", detail, product)
        if leaf and self.groups and not known:
            return Unusable(place, "gap in the category", f"no row says the group of class {leaf}", product)
        photo = self.photos[part].find(name)
        if photo is None:
            return Unusable(place, "no photo", f"{part} has no photo {name}", product)
        category = ((known, leaf) if known else (leaf,)) if leaf else None
        others = {column: text(cell) for column, cell in record.items() if column not in (NAME, CLASS, GROUP)}
        attributes = {column: cell for column, cell in others.items() if column and cell}
        return Row(product, (photo,), (place,), category=category, attributes=attributes, given_split=part)

    def _records(self) -> Iterator[tuple[str, str, Record | str]]:
        """(part, place, record) of every row."""
        for part, file in self.lists.items():
            for number, record in records(file, self.encoding):
                yield part, f"{file.name}: row {number}", record

    def _groups(self) -> dict[str, str]:
        """Class -> the group that most of its rows say; of several, the first by name."""
        said: dict[str, Counter[str]] = defaultdict(Counter)
        for _, _, record in self._records():
            if not isinstance(record, str) and (leaf := text(record.get(CLASS))) and (group := text(record.get(GROUP))):
                said[leaf][group] += 1
        return {leaf: min(groups, key=lambda group: (-groups[group], group)) for leaf, groups in said.items()}


def _lists(path: DumpPath) -> dict[str, DumpPath]:
    """Part -> its list, the first of the usual names that is there."""
    there = {part: [path / name for name in names if (path / name).is_file()] for part, names in LISTS.items()}
    return {part: files[0] for part, files in there.items() if files}

"""GroceryStoreDataset (Klasson et al., WACV 2019): train.txt, val.txt, test.txt name photos, classes.csv the classes.

https://github.com/marcusklasson/GroceryStoreDataset
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import ClassVar

from catalens.core.errors import SourceError
from catalens.curate.sources.files import DumpPath
from catalens.curate.sources.lines import text_file
from catalens.curate.sources.photos import PhotoFiles, fingerprint
from catalens.curate.sources.protocol import IngestSettings, Item, Row, Unusable, numbered

LISTS = ("train", "val", "test")
CLASSES = "classes.csv"


class GrocerySource:
    """A line "train/Fruit/Apple/Granny-Smith/x.jpg, 1, 0" is a product.

    Its levels are the folders, its given split is the list it stands in, its coarse class becomes attributes.
    """

    looks_for: ClassVar[str] = "a folder with classes.csv and train.txt, val.txt or test.txt"
    uses: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, path: DumpPath, settings: IngestSettings) -> None:
        if not self.fits(path):
            raise SourceError(f"expected {self.looks_for}", source=str(path))
        self.lists = [path / f"{part}.txt" for part in LISTS if (path / f"{part}.txt").is_file()]
        self.photos = PhotoFiles(path)
        self.classes = _read_classes(path / CLASSES)
        self.level_names = ()
        self.taxonomy = None
        self.total = sum(1 for _ in self._lines())
        self.fingerprint = fingerprint([path / CLASSES, *self.lists])
        self.remarks = (f"lists: {', '.join(file.name for file in self.lists)}",)

    @staticmethod
    def fits(path: DumpPath) -> bool:
        return (path / CLASSES).is_file() and any((path / f"{part}.txt").is_file() for part in LISTS)

    def read(self, cursor: int) -> Iterator[tuple[int, Item]]:
        return numbered((self._item(*line) for line in self._lines()), cursor)

    def _lines(self) -> Iterator[tuple[str, str, str]]:
        """(part, place, line) of every line that is not empty."""
        for file in self.lists:
            with text_file(file) as lines:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        yield file.stem, f"{file.name}: row {number}", line.strip()

    def _item(self, part: str, place: str, line: str) -> Item:
        cells = [cell.strip() for cell in line.rsplit(",", 2)]
        if len(cells) != 3:
            return Unusable(place, "wrong number of columns", f"expected path, class, coarse class, got {line[:80]!r}")
        reference, fine, coarse = cells
        folders = tuple(reference.split("/"))[:-1]
        path = folders[1:] if folders[:1] == (part,) else folders
        known = self.classes.get(fine)
        if known is None:
            return Unusable(place, "unknown class", f"{CLASSES} has no class id {fine!r}", reference)
        name, coarse_name, coarse_id = known
        if not path or path[-1] != name or coarse != coarse_id:
            said = f"the path says {' > '.join(path)!r}, {CLASSES} says {name!r}, {coarse_name!r} ({coarse_id})"
            return Unusable(place, "contradictory category", said, reference)
        photo = self.photos.find(reference)
        if photo is None:
            return Unusable(place, "no photo", f"{reference} is not there", reference)
        attributes = {"class_id": fine, "coarse_class": coarse_name, "coarse_class_id": coarse_id}
        return Row(reference, (photo,), (place,), category=path, attributes=attributes, given_split=part)


def _read_classes(path: DumpPath) -> dict[str, tuple[str, str, str]]:
    """class id -> (name, coarse name, coarse id)."""
    wanted = ("Class ID (int)", "Class Name (str)", "Coarse Class Name (str)", "Coarse Class ID (int)")
    with text_file(path) as file:
        reader = csv.DictReader(file)
        missing = set(wanted) - set(reader.fieldnames or ())
        if missing:
            raise SourceError(f"expected columns {', '.join(wanted)}; missing {sorted(missing)}", source=str(path))
        rows = [[(row[column] or "").strip() for column in wanted] for row in reader]
    return {identity: (name, coarse, coarse_id) for identity, name, coarse, coarse_id in rows}

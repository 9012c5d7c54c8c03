"""Photos named on a command line: which files make a product, and their predictions as a stream."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

from catalens.core.formats import EXTENSIONS
from catalens.core.prediction import Finding, Prediction
from catalens.predict.ahead import ahead
from catalens.predict.predictor import Photo, Predictor, PredictSettings, Squares

Group = Literal["none", "folder"]


@dataclass(frozen=True, slots=True)
class ProductFiles:
    """The `paths` of one product's photos; `id` is the file or folder they came from."""

    id: str
    paths: tuple[Path, ...]


def products(paths: Iterable[Path], *, group: Group = "none") -> Iterator[ProductFiles]:
    """Files and folders -> products: each file one, or with `group="folder"` neighbouring files of one folder together.

    Folders are searched in full, in order of name, for files that end as photos do; a file that is named is taken
    whatever its ending.
    """
    files = (file for path in paths for file in _files(path))
    if group == "none":
        yield from (ProductFiles(str(file), (file,)) for file in files)
        return
    for folder, members in groupby(files, key=lambda file: file.parent):
        yield ProductFiles(str(folder), tuple(members))


def predict_files(
    predictor: Predictor, wanted: Iterable[ProductFiles], settings: PredictSettings
) -> Iterator[Prediction]:
    """A prediction a product, in order, as soon as it is made; files are read and decoded ahead in threads.

    A file that cannot be opened is a finding, as a photo that does not decode is.  Raises PromiseError.
    """
    predictor.promise(settings.promise)  # before any file is read

    def read(product: ProductFiles) -> tuple[ProductFiles, Squares]:
        photos, missing = _read(product.paths)
        squares = predictor.read(photos)
        return product, Squares(squares.photos, squares.pixels, (*missing, *squares.findings), squares.decode_ms)

    for product, squares in ahead(read, wanted, window=16):
        yield predictor.answer(squares, id=product.id, promise=settings.promise, top=settings.top).prediction


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders.sort()
        yield from (Path(folder, name) for name in sorted(names) if name.lower().endswith(EXTENSIONS))


def _read(paths: Iterable[Path]) -> tuple[list[Photo], list[Finding]]:
    photos, findings = [], []
    for path in paths:
        try:
            photos.append(Photo(str(path), path.read_bytes()))
        except OSError as error:
            findings.append(Finding(str(path), "unreadable", f"the file cannot be opened ({error.strerror})"))
    return photos, findings

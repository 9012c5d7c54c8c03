"""A taxonomy that comes as a file of its own: leaf ids and the names of their levels."""

from __future__ import annotations

import csv
from pathlib import Path

from catalens.core.errors import SourceError, TaxonomyError
from catalens.core.taxonomy import Taxonomy


def read_taxonomy(path: Path) -> Taxonomy:
    """A CSV whose first column is the leaf's id and whose others are its levels from the top, or a catalog's taxonomy.parquet.

    All its leaves are kept, whether or not a product has them.  Raises SourceError naming the file and row.
    """
    if not path.is_file():
        raise SourceError("there is no such taxonomy file", source=str(path))
    if path.suffix.lower() == ".parquet":
        return Taxonomy.read(path)
    paths: dict[str, tuple[str, ...]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            header = next(rows, [])
            if len(header) < 2:
                raise SourceError(f"expected a column of ids and one a level, got {header}", source=str(path))
            for number, cells in enumerate(rows, start=1):
                if not cells:
                    continue
                names = [cell.strip() for cell in cells[1:]]
                while names and not names[-1]:
                    names.pop()
                if len(cells) != len(header) or not names or not all(names):
                    raise SourceError(
                        f"expected {len(header)} filled columns, got {cells}", source=str(path), row=number
                    )
                if cells[0] in paths:
                    raise SourceError(f"category id {cells[0]!r} stands twice", source=str(path), row=number)
                paths[cells[0].strip()] = tuple(names)
    except UnicodeDecodeError as error:
        raise SourceError(f"is not UTF-8 ({error.reason} at byte {error.start})", source=str(path)) from None
    try:
        return Taxonomy.from_paths(paths, level_names=header[1:])
    except TaxonomyError as error:
        raise TaxonomyError(error.message, source=str(path), key=error.key) from None

"""A taxonomy that comes as a file of its own: leaf ids and the names of their levels."""

from __future__ import annotations

import csv
from pathlib import Path

from catalens.core.errors import SourceError, TaxonomyError
from catalens.core.taxonomy import Taxonomy
from catalens.curate.sources.files import DumpPath
from catalens.curate.sources.lines import text_file


def read_taxonomy(path: DumpPath) -> Taxonomy:
    """A CSV of leaf ids, then a column a level from the top; or the taxonomy.parquet of a catalog.

    All its leaves are kept, whether or not a product has them.  Raises SourceError or TaxonomyError.
    """
    if not path.is_file():
        raise SourceError("there is no such taxonomy file", source=str(path))
    if isinstance(path, Path) and path.suffix.lower() == ".parquet":
        return Taxonomy.read(path)
    paths: dict[str, tuple[str, ...]] = {}
    with text_file(path) as file:
        rows = csv.reader(file)
        header = next(rows, [])
        if len(header) < 2:
            raise SourceError(f"expected a column of ids and one a level, got {header}", source=str(path))
        for number, cells in enumerate(filter(None, rows), start=1):
            leaf, *names = (cell.strip() for cell in cells)
            while names and not names[-1]:  # a shallower leaf
                names.pop()
            if len(cells) != len(header) or not leaf or not names or not all(names):
                message = f"expected an id and names without a gap in {len(header)} columns, got {cells}"
                raise SourceError(message, source=str(path), row=number)
            if leaf in paths:
                raise SourceError(f"category id {leaf!r} stands twice", source=str(path), row=number)
            paths[leaf] = tuple(names)
    try:
        taxonomy = Taxonomy.from_paths(paths, level_names=header[1:])
        if header[1:] == [f"level {number}" for number in range(1, len(header))]:  # as levels without names are listed
            return Taxonomy(taxonomy.categories)
        return taxonomy
    except TaxonomyError as error:
        raise TaxonomyError(error.message, source=str(path), key=error.key) from None

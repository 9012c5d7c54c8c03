"""A taxonomy as a file to look at, edit and read again with `--taxonomy`."""

from __future__ import annotations

import csv
from pathlib import Path

from catalens.core.catalog import write_parquet
from catalens.core.durable import replacing
from catalens.core.errors import ConfigError, DataError, TaxonomyError
from catalens.core.taxonomy import Taxonomy
from catalens.curate.sources.listed import read_taxonomy


def write_listing(taxonomy: Taxonomy, path: Path, *, overwrite: bool = False) -> int:
    """Write `path`: .csv has a row a leaf, its id and a name a level; .parquet has all names.  The number of leaves.

    The CSV begins with a byte order mark, so that spreadsheets show accents.  Raises ConfigError if the file is there
    and not to be overwritten, or is of another kind; TaxonomyError if another tree would be read from a CSV.
    """
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise ConfigError(f"expected a name ending in .csv or .parquet, got {path.name!r}", source=str(path))
    if path.exists() and not overwrite:
        raise ConfigError("is there already; choose another name or pass --overwrite", source=str(path))
    if path.suffix.lower() == ".parquet":
        write_parquet(taxonomy.to_table(), path)
        return len(taxonomy.leaves)
    levels = [taxonomy.level_name(level) for level in range(taxonomy.depth)]
    with replacing(path) as partial, partial.open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["category_id", *levels])
        for leaf in taxonomy.leaves:
            names = taxonomy.path_names(leaf)
            rows.writerow([leaf, *names, *[""] * (len(levels) - len(names))])
        file.flush()
        _check(partial, taxonomy)
    return len(taxonomy.leaves)


def _check(listing: Path, taxonomy: Taxonomy) -> None:
    """Raises TaxonomyError if what is read from the file is another tree than was written to it."""
    try:
        again = read_taxonomy(listing)
    except DataError as error:
        wrong = error.message
    else:
        changed = sorted(set(taxonomy.leaves) ^ set(again.leaves))
        if not changed and len(again) == len(taxonomy):
            return
        wrong = f"{changed[0]!r} is read as another id" if changed else "two of its inner nodes have one path of names"
    raise TaxonomyError(f"cannot be told by ids of leaves and names alone: {wrong}; export a .parquet")

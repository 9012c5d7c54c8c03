"""Which photos of a catalog have a quality flag, as the audit found them."""

from __future__ import annotations

from collections.abc import Sequence

from catalens.core.catalog import Catalog, is_marked
from catalens.core.errors import CatalogError, ConfigError
from catalens.core.quality import FLAGS, VERSION
from catalens.core.registry import hint

TABLE = "quality"


def check_flags(flags: Sequence[str]) -> None:
    """Raises ConfigError naming the first that is no flag."""
    for flag in flags:
        if flag not in FLAGS:
            raise ConfigError(f"unknown quality flag {flag!r}{hint(flag, FLAGS)}", key=flag)


def flagged(catalog: Catalog, flags: Sequence[str]) -> set[str]:
    """The image_ids with at least one of `flags`.

    Raises ConfigError for an unknown flag, CatalogError where the photos were not measured since the last ingest, or
    by a version that gave other scores.
    """
    check_flags(flags)
    if not catalog.has_table(TABLE):
        raise CatalogError(f"has no table {TABLE!r}; run `catalens audit` first", source=str(catalog.path), key=TABLE)
    if not is_marked(catalog.path / "tables" / f"{TABLE}.parquet", {"catalog": catalog.digest}):
        raise CatalogError(
            f"its table {TABLE!r} is of other photos; run `catalens audit` again", source=str(catalog.path), key=TABLE
        )
    table, wanted = catalog.table(TABLE), set(flags)
    if not (table.schema.metadata or {}).get(b"version", b"").startswith(f"{VERSION}-".encode()):
        raise CatalogError(
            f"its table {TABLE!r} was made by another version; run `catalens audit` again",
            source=str(catalog.path),
            key=TABLE,
        )
    rows = zip(table["image_id"].to_pylist(), table["flags"].to_pylist(), strict=True)
    return {photo for photo, found in rows if wanted.intersection(found)}

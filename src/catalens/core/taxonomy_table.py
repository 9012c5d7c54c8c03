"""The table that a taxonomy is written as, looked at before anything in it is believed."""

from __future__ import annotations

import json

import pyarrow as pa

from catalens.core.errors import TaxonomyError

COLUMNS = ("id", "parent", "level", "name")  # and name.<language>...


def checked(table: pa.Table) -> tuple[pa.Table, tuple[str, ...]]:
    """The columns of a taxonomy, as text but for the level, and the names of its levels.

    Raises TaxonomyError if a column is missing, stands twice or is of another type, or the level names are no list.
    """
    missing = set(COLUMNS) - set(table.column_names)
    if missing:
        raise TaxonomyError(f"expected columns {', '.join(COLUMNS)}; missing {sorted(missing)}")
    wanted = [name for name in table.column_names if name in COLUMNS or name.startswith("name.")]
    if len(set(wanted)) < len(wanted):
        raise TaxonomyError(f"a column stands twice among {', '.join(wanted)}")
    schema = pa.schema([(name, pa.int32() if name == "level" else pa.string()) for name in wanted])
    for field in schema:
        given = table.schema.field(field.name).type
        fits = pa.types.is_integer(given) if field.name == "level" else _is_text(given)
        if not fits and not pa.types.is_null(given):
            raise TaxonomyError(f"expected column {field.name!r} to be {field.type}, got {given}", key=field.name)
    try:
        level_names = json.loads((table.schema.metadata or {}).get(b"level_names", b"[]"))
        found = table.select(wanted).cast(schema)
        found.validate(full=True)  # text that is not UTF-8
    except (ValueError, RecursionError, pa.ArrowException) as error:
        raise TaxonomyError(f"cannot be read as a taxonomy ({error})") from None
    if not isinstance(level_names, list) or not all(isinstance(name, str) for name in level_names):
        raise TaxonomyError(f"expected level_names to be a list of names, got {level_names!r}", key="level_names")
    return found, tuple(level_names)


def _is_text(kind: pa.DataType) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value))

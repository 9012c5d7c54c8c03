"""What `catalens taxonomy translate` works on: a catalog or a file, with the names it has and a place for new ones."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from catalens.core.catalog import TABLES, Catalog, write_parquet
from catalens.core.errors import ConfigError, SourceError
from catalens.core.lock import lock
from catalens.core.taxonomy import Taxonomy
from catalens.curate.sources.listed import read_taxonomy
from catalens.curate.translation.glossary import write_glossary
from catalens.curate.translators.answers import plain

DELIVERED = "delivered"
TABLE = "names"


@dataclass(frozen=True, slots=True)
class Name:
    """A category's name in a language, the name that it translates, and who chose it."""

    name: str
    source: str
    origin: str


@dataclass(frozen=True)
class Named:
    """A taxonomy as delivered, and the names that were translated before, by (category id, language)."""

    path: Path
    taxonomy: Taxonomy
    catalog: Catalog | None = None
    translated: Mapping[tuple[str, str], Name] = field(default_factory=dict)

    def kept(self, category_id: str, language: str, text: str | None) -> Name | None:
        """The name that is there; not one that translates another text than `text`, unless that is None."""
        earlier = self.translated.get((category_id, language))
        if earlier is not None and (text is None or plain(earlier.source) == text):
            return earlier
        delivered = self.taxonomy[category_id].names.get(language)
        return Name(delivered, text or "", DELIVERED) if delivered else None

    def save(self, language: str, names: Mapping[str, Name]) -> Path:
        """Put the language's names in place of those in the catalog's table; other languages stay.

        For a moment alone: another process may be about to do the same for another language.
        """
        assert self.catalog is not None
        rows = [(id, language, name.name, name.source, name.origin) for id, name in names.items()]
        schema = TABLES[TABLE]
        table = pa.table([pa.array(column, pa.string()) for column in zip(*rows, strict=True)], schema=schema)
        tables = self.catalog.path / "tables"
        tables.mkdir(exist_ok=True)
        with lock(tables / f"{TABLE}.lock", wait=True) or nullcontext():
            if self.catalog.has_table(TABLE):
                earlier = self.catalog.table(TABLE)
                table = pa.concat_tables([earlier.filter(pc.not_equal(earlier["language"], language)), table])
            return self.catalog.write_table(TABLE, table)


def open_named(path: Path) -> Named:
    """A catalog, a taxonomy.parquet, or a CSV as `ingest --taxonomy` reads it.

    Raises CatalogError, TaxonomyError or SourceError.
    """
    if not path.exists():
        raise SourceError("there is no such catalog or file", source=str(path))
    if not path.is_dir():
        return Named(path, read_taxonomy(path))
    catalog = Catalog(path)
    rows = catalog.table(TABLE).to_pylist() if catalog.has_table(TABLE) else []
    translated = {
        (row["category_id"], row["language"]): Name(row["name"], row["source"], row["origin"]) for row in rows
    }
    return Named(path, catalog.delivered_taxonomy, catalog, translated)


def check_out(named: Named, out: Path | None, *, overwrite: bool, dry_run: bool) -> None:
    """Raises ConfigError where there is nowhere to write, or where `out` must not be written over."""
    if out is None:
        if named.catalog is None and not dry_run:
            raise ConfigError("say where the names go: --out names.csv, or --out taxonomy.parquet", key="out")
        return
    if out.suffix.lower() not in (".csv", ".parquet"):
        raise ConfigError(f"expected a name that ends in .csv or .parquet, got {out.name!r}", key="out")
    if not out.parent.is_dir():
        raise ConfigError(f"there is no folder {str(out.parent)!r}", key="out")
    if out.exists() and out.samefile(named.path):
        raise ConfigError(f"{str(out)!r} is what is translated; choose another file", key="out")
    owner = next((name for name in ("catalog.json", "manifest.json") if (out.parent / name).exists()), None)
    if owner is not None and out.suffix.lower() == ".parquet":
        message = f"{str(out)!r} is under the digest of the {owner} beside it; choose a file outside that folder"
        raise ConfigError(message, key="out")
    if out.exists() and not overwrite:  # it may hold corrections made by hand
        raise ConfigError(f"{str(out)!r} already exists; choose another file or pass --overwrite", key="out")


def write_out(taxonomy: Taxonomy, language: str, names: Mapping[str, Name], out: Path) -> None:
    """The tree with its new names as Parquet; or as CSV, category by category, those without a name included."""
    if out.suffix.lower() == ".parquet":
        write_parquet(taxonomy.with_names({id: {language: name.name} for id, name in names.items()}).to_table(), out)
        return
    nameless = Name("", "", "")
    rows = [(category, names.get(category.id, nameless)) for category in taxonomy.categories]
    write_glossary(out, [(c.id, name.source or c.name(), name.name, name.origin) for c, name in rows])

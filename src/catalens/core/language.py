"""Names for people who read another language than the shop's, wherever a verb shows names."""

from __future__ import annotations

from pathlib import Path

from catalens.core.catalog import Catalog
from catalens.core.errors import ConfigError
from catalens.core.taxonomy import Taxonomy


def in_language(taxonomy: Taxonomy, language: str | None, *others: Taxonomy) -> Taxonomy:
    """The same tree with its names in `language`: its own, else what the first of `others` has for the same id.

    As it is where `language` is None.  Raises TaxonomyError if no category has a name in that language.
    """
    if language is None:
        return taxonomy
    for other in others:
        lacking = (c.id for c in taxonomy.categories if language not in c.names and c.id in other)
        found = {id: {language: other[id].names[language]} for id in lacking if language in other[id].names}
        taxonomy = taxonomy.with_names(found)
    return taxonomy.speaking(language)


def read_names(path: Path | None, language: str | None) -> tuple[Taxonomy, ...]:
    """What --names names: a catalog or a taxonomy.parquet with names in `language`; nothing where it was not given.

    Raises ConfigError if no language goes with it, CatalogError, TaxonomyError.
    """
    if path is None:
        return ()
    if language is None:
        raise ConfigError("names were given, but no language to show them in: --language en", key="language")
    return (Catalog(path).taxonomy if path.is_dir() else Taxonomy.read(path),)

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from tests.builders.catalogs import striped_catalog

from catalens.core.errors import CatalogError, ConfigError, TaxonomyError
from catalens.core.language import in_language, read_names
from catalens.core.taxonomy import Taxonomy

SHOP = Taxonomy.from_paths({"1": ("Fruit", "Apple"), "2": ("Fruit", "Pear")})
FRENCH = SHOP.with_names({"1": {"fr": "Pomme"}})


def test_without_a_language_the_names_are_those_delivered() -> None:
    assert in_language(SHOP, None, FRENCH) is SHOP


def test_its_own_names_come_before_those_of_others_and_the_first_of_others_before_the_rest() -> None:
    other = Taxonomy.from_paths({"1": ("X",), "2": ("Y",), "3": ("Z",)}).with_names(
        {"1": {"fr": "no"}, "2": {"fr": "Poire"}, "3": {"fr": "no"}}
    )
    last = SHOP.with_names({"2": {"fr": "no"}, "Fruit": {"fr": "Fruits"}})
    spoken = in_language(FRENCH, "fr", other, last)
    assert [spoken.path_names(leaf) for leaf in spoken.leaves] == [("Fruits", "Pomme"), ("Fruits", "Poire")]
    assert spoken.leaves == SHOP.leaves


def test_names_from_a_catalog_or_a_parquet(tmp_path: Path) -> None:
    FRENCH.write(tmp_path / "taxonomy.parquet")
    (tree,) = read_names(tmp_path / "taxonomy.parquet", "fr")
    assert in_language(SHOP, "fr", tree)["1"].name() == "Pomme"

    catalog = striped_catalog(tmp_path / "shop.catalog", products=4, split=False)
    row = {"category_id": ["mug"], "language": ["fr"], "name": ["Tasse"], "source": ["Mug"], "origin": ["glossary"]}
    catalog.write_table("names", pa.table(row))
    (tree,) = read_names(catalog.path, "fr")
    assert tree["mug"].name("fr") == "Tasse"
    assert read_names(None, "fr") == read_names(None, None) == ()


def test_names_that_cannot_be_had(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no language to show them in"):
        read_names(tmp_path, None)
    with pytest.raises(CatalogError, match="not a catalog"):
        read_names(tmp_path, "fr")
    with pytest.raises(TaxonomyError, match="no names in language 'de'; there are fr"):
        in_language(FRENCH, "de", SHOP)

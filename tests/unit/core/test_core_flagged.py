"""Photos by their flags, from a table that must be of this catalog."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from tests.builders.catalogs import flag_photos, striped_catalog

from catalens.core.catalog import Catalog
from catalens.core.errors import CatalogError, ConfigError
from catalens.core.flagged import flagged


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return striped_catalog(tmp_path / "striped.catalog", products=8, photos=1)


def test_photos_with_any_of_the_flags(catalog: Catalog) -> None:
    a, b, c, *_ = catalog.images["image_id"].to_pylist()
    flag_photos(catalog, {a: ["dark"], b: ["tiny", "blurred"], c: ["tiny"]})
    assert flagged(catalog, ["blurred"]) == {b}
    assert flagged(catalog, ["dark", "tiny"]) == {a, b, c}
    assert flagged(catalog, ["greyscale"]) == set()


def test_a_flag_nobody_knows_is_named(catalog: Catalog) -> None:
    flag_photos(catalog, {})
    with pytest.raises(ConfigError, match="unknown quality flag 'blured'; did you mean 'blurred'"):
        flagged(catalog, ["blured"])


def test_photos_that_were_not_measured(catalog: Catalog) -> None:
    with pytest.raises(CatalogError, match="has no table 'quality'; run `catalens audit` first"):
        flagged(catalog, ["dark"])


def test_a_table_of_another_catalog_is_refused(catalog: Catalog) -> None:
    table = pa.table({"image_id": ["a"], "flags": [["dark"]]})
    catalog.write_table("quality", table.replace_schema_metadata({"catalog": "another", "version": "1"}))
    with pytest.raises(CatalogError, match="is of other photos"):
        flagged(catalog, ["dark"])


def test_a_table_of_an_older_version_is_refused(catalog: Catalog) -> None:
    table = pa.table({"image_id": ["a"], "flags": [["dark"]]})
    catalog.write_table("quality", table.replace_schema_metadata({"catalog": catalog.digest, "version": "0-abc"}))
    with pytest.raises(CatalogError, match="another version; run `catalens audit` again"):
        flagged(catalog, ["dark"])

"""Reference pages that restate the code have to agree with it."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

import pytest
from tests.docs.pages import ROOT

from catalens.cli.exits import EXIT_CODES
from catalens.core import errors
from catalens.core.bundle import Manifest
from catalens.core.catalog import IMAGES, PRODUCTS, TABLES
from catalens.serve.errors import HTTP_STATUS

REFERENCE = ROOT / "docs" / "reference"


def test_cli_page_is_what_the_commands_say() -> None:
    assert (REFERENCE / "cli.md").read_text(encoding="utf-8") == _generator().page(), "run: python docs/generate_cli.py"


@pytest.mark.parametrize("kind", EXIT_CODES, ids=lambda kind: kind.__name__)
def test_error_page_has_exit_code_and_status(kind: type[errors.CatalensError]) -> None:
    page = (REFERENCE / "errors.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| *`{kind.__name__}` *\| *(\d) *\| *(\d+) *\|", page, re.MULTILINE)
    assert row is not None, f"{kind.__name__} is not in docs/reference/errors.md"
    assert (int(row[1]), int(row[2])) == (EXIT_CODES[kind], HTTP_STATUS[kind])


@pytest.mark.parametrize("column", [*PRODUCTS.names, *IMAGES.names, *TABLES, *TABLES["findings"].names])
def test_catalog_page_names_every_column(column: str) -> None:
    assert f"`{column}`" in (REFERENCE / "catalog-format.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("field", Manifest.model_fields)
def test_bundle_page_names_every_field(field: str) -> None:
    assert f"`{field}`" in (REFERENCE / "bundle-format.md").read_text(encoding="utf-8")


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_cli", ROOT / "docs" / "generate_cli.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

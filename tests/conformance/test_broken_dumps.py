"""Whatever is wrong with a dump: an error that says so and no catalog, or a catalog in which it is counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.builders.broken import Broken
from tests.builders.broken_archives import BROKEN_ARCHIVES
from tests.builders.broken_files import BROKEN_FILES
from tests.builders.broken_sets import BROKEN_SETS

from catalens.core.catalog import Catalog
from catalens.core.errors import CatalensError
from catalens.curate.ingest import run

BROKEN = {**BROKEN_FILES, **BROKEN_ARCHIVES, **BROKEN_SETS}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_dump(broken: Broken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where the settings of a case find a file
    catalog = tmp_path / "shop.catalog"
    dump = broken.build(tmp_path)
    if broken.error is not None:
        with pytest.raises(CatalensError) as caught:
            run(dump, catalog, broken.settings)
        assert broken.error in str(caught.value)
        assert not (catalog / "catalog.json").exists()
        return
    report = run(dump, catalog, broken.settings)
    assert (report.set_aside, report.findings) == (broken.set_aside, broken.findings)
    assert report.products == broken.products == len(Catalog(catalog).products)
    assert report.rows_read == report.products + report.rows_merged + sum(report.set_aside.values())

"""A data set by name, of the real files: packed as its server packs them, served on 127.0.0.1."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from tests.builders.webserver import LocalServer, Reply

from catalens.curate.datasets import fetch as fetching
from catalens.curate.datasets.fetch import fetch
from catalens.curate.datasets.table import RemoteFile, find_dataset
from catalens.curate.fetch.settings import WebSettings
from catalens.curate.ingest import run
from catalens.curate.sources import IngestSettings

pytestmark = pytest.mark.real
LEFT_OUT = "iconic-images-and-descriptions"


def test_grocery_by_name_is_grocery(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, source = find_dataset("grocery"), real_data / "grocery"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{Path(dataset.folder).parent}/README.md", "# GroceryStoreDataset")
        for file in sorted(source.rglob("*")):
            if file.is_file() and LEFT_OUT not in file.parts:
                archive.write(file, f"{dataset.folder}/{file.relative_to(source)}")
    with LocalServer({"/grocery.zip": Reply(packed.getvalue())}) as server:
        here = dataset.model_copy(update={"files": (RemoteFile(url=f"{server.url}/grocery.zip"),)})
        monkeypatch.setattr(fetching, "find_dataset", {"grocery": here}.__getitem__)
        ready = fetch("grocery", WebSettings(allow_private=server.address, cache=tmp_path / "cache"))
    report = run(ready.source, tmp_path / "by-name.catalog", ready.completed(IngestSettings()))
    assert report.products == run(source, tmp_path / "folder.catalog", IngestSettings()).products == 2936
    assert report.digest == run(source, tmp_path / "folder.catalog", IngestSettings()).digest

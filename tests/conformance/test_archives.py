"""A dump in an archive is the catalog that the same dump in a folder is, whatever its format and the archive's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.builders.archives import pack
from tests.builders.dumps import DUMPS, Dump
from tests.conformance.test_sources import everything

from catalens.core import shards
from catalens.curate.ingest import run
from catalens.curate.making.journal import Journal
from catalens.curate.sources import IngestSettings

PACKINGS = {
    "dump.zip": "shop/photos/",
    "dump.tar": "./",
    "dump.tgz": "",
    "dump.tar.bz2": "shop/",
    "dump.tar.xz": "a/b/",
}
IN_FOLDERS = [name for name in DUMPS if name != "urls"]  # whose dump is one file, with photos elsewhere


@pytest.fixture(params=IN_FOLDERS)
def dump(request: pytest.FixtureRequest, tmp_path: Path) -> Dump:
    return DUMPS[request.param](tmp_path)


def packed(dump: Dump, name: str) -> Dump:
    """The dump in an archive; photos that it has in a zip of its own are unpacked, for that would not be opened."""
    for inner in dump.source.rglob("*.zip"):
        shutil.unpack_archive(inner, dump.source)
        inner.unlink()
    archive = dump.source.with_name(name.replace("dump.tgz", "dump.tar.gz"))
    pack(dump.source, archive, PACKINGS[name])
    return Dump(archive, dump.photos, dump.set_aside, dump.findings, archive, dump.leaves, dump.settings)


@pytest.mark.parametrize("name", PACKINGS)
def test_an_archive_is_the_same_catalog(dump: Dump, tmp_path: Path, name: str) -> None:
    archive = packed(dump, name)
    unpacked = run(dump.source, tmp_path / "folder.catalog", dump.settings)
    report = run(archive.source, tmp_path / "archive.catalog", dump.settings)
    assert (report.format, report.digest) == (unpacked.format, unpacked.digest)
    assert (report.set_aside, report.findings) == (unpacked.set_aside, unpacked.findings) == (
        dump.set_aside, dump.findings
    )  # fmt: skip


def test_it_goes_on_from_every_cursor(dump: Dump) -> None:
    archive = packed(dump, "dump.zip")
    whole = everything(archive)
    for index, (cursor, _) in enumerate(whole, start=1):
        assert everything(archive, cursor) == whole[index:]


@pytest.mark.parametrize("name", PACKINGS)
def test_an_interrupted_ingest_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(shards, "SHARD_PHOTOS", 2)
    archive = packed(DUMPS["folder"](tmp_path), name).source
    expected = run(archive, tmp_path / "whole.catalog", IngestSettings())
    seal = Journal.seal

    def stop(self: Journal, *values: object, **more: object) -> None:
        if self.entries:
            raise KeyboardInterrupt
        seal(self, *values, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "seal", stop)
        with pytest.raises(KeyboardInterrupt):
            run(archive, tmp_path / "again.catalog", IngestSettings())
    assert run(archive, tmp_path / "again.catalog", IngestSettings()).digest == expected.digest

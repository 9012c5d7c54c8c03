"""What every reader of dumps has to do.  Register one, build a dump for it in tests/builders/dumps.py: it is tested."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.builders.dumps import DUMPS, Dump

from catalens.core.catalog import Catalog
from catalens.core.errors import ConfigError, SourceError, TaxonomyError
from catalens.curate.ingest import run
from catalens.curate.sources import SOURCES, open_source, recognise
from catalens.curate.sources.protocol import Item, Note, Row


@pytest.fixture(params=list(SOURCES))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def dump(name: str, tmp_path: Path) -> Dump:
    return DUMPS[name](tmp_path)


def everything(dump: Dump, cursor: int = 0) -> list[tuple[int, str]]:
    """(cursor, all that an item says, with its photos' bytes) from a cursor on."""
    _, reader = open_source(dump.source, dump.settings)
    return [(after, repr(item)) for after, item in _without_openers(reader.read(cursor))]


def _without_openers(items: Iterator[tuple[int, Item]]) -> Iterator[tuple[int, Item]]:
    """Items whose photos are replaced by their bytes, so that `repr` tells all."""
    for cursor, item in items:
        if isinstance(item, Row):
            contents = []
            for photo in item.photos:
                with photo.open() as file:
                    contents.append(f"{photo.name}: {file.read()!r}")
            item = Note(repr(replace(item, photos=())), "\n".join(contents))
        yield cursor, item


def test_every_reader_has_a_dump() -> None:
    assert set(DUMPS) == set(SOURCES)


def test_is_recognised(name: str, dump: Dump) -> None:
    assert recognise(dump.source) == name


def test_reads_the_same_twice(dump: Dump) -> None:
    first = everything(dump)
    assert len(first) > 4
    assert everything(dump) == first


def test_goes_on_from_every_cursor(dump: Dump) -> None:
    whole = everything(dump)
    for index, (cursor, _) in enumerate(whole, start=1):
        assert everything(dump, cursor) == whole[index:]


def test_cursors_rise_to_the_total(dump: Dump) -> None:
    cursors = [cursor for cursor, _ in everything(dump)]
    _, reader = open_source(dump.source, dump.settings)
    assert cursors == sorted(set(cursors))
    assert reader.total is None or reader.total <= cursors[-1]


def test_every_row_is_kept_or_set_aside_with_its_cause(dump: Dump, tmp_path: Path) -> None:
    report = run(dump.source, tmp_path / "shop.catalog", dump.settings)
    assert report.set_aside == dump.set_aside
    assert report.findings == dump.findings
    assert report.products == len(dump.photos)
    assert report.rows_read == report.products + report.rows_merged + sum(report.set_aside.values())
    findings = Catalog(tmp_path / "shop.catalog").table("findings").to_pylist()
    assert sum(finding["set_aside"] for finding in findings) == sum(report.set_aside.values())
    assert all(finding["source"] and finding["cause"] for finding in findings)


def test_every_product_has_its_own_photos_in_order(dump: Dump, tmp_path: Path) -> None:
    run(dump.source, tmp_path / "shop.catalog", dump.settings)
    catalog = Catalog(tmp_path / "shop.catalog")
    stored: dict[str, list[bytes]] = {}
    for image in catalog.images.to_pylist():
        assert image["position"] == len(stored.setdefault(image["product_id"], []))
        stored[image["product_id"]].append(catalog.photos.read(image["shard"], image["row"]))
    assert stored == dump.photos
    assert len(catalog.categories) == len(catalog.products)


def test_categories_are_leaves_or_unknown(dump: Dump, tmp_path: Path) -> None:
    run(dump.source, tmp_path / "shop.catalog", dump.settings)
    catalog = Catalog(tmp_path / "shop.catalog")
    assert catalog.taxonomy.leaves == dump.leaves
    assert set(catalog.categories.values()) <= {*dump.leaves, None}


def test_a_vital_file_that_is_not_readable_is_named(name: str, dump: Dump, tmp_path: Path) -> None:
    if dump.vital.is_dir():
        dump.vital.rename(tmp_path / "elsewhere")
    dump.vital.write_bytes(b"\xff\xfe\x00 not text, not a table")
    with pytest.raises((SourceError, TaxonomyError)) as caught:
        run(dump.source, tmp_path / "shop.catalog", dump.settings.model_copy(update={"format": name}))
    assert caught.value.source == str(dump.vital)


def test_a_missing_dump_is_named(name: str, tmp_path: Path, dump: Dump) -> None:
    settings = dump.settings.model_copy(update={"format": name})
    with pytest.raises(SourceError, match="no such file or folder") as caught:
        run(tmp_path / "nowhere", tmp_path / "shop.catalog", settings)
    assert caught.value.source == str(tmp_path / "nowhere")


def test_settings_that_a_format_does_not_read_are_refused(name: str, dump: Dump) -> None:
    reads = SOURCES.load(name).uses
    unread = {"seller": "shop", "taxonomy": Path("names.csv")}
    for setting in unread.keys() - reads:
        with pytest.raises(ConfigError, match=setting):
            open_source(dump.source, dump.settings.model_copy(update={"format": name, setting: unread[setting]}))

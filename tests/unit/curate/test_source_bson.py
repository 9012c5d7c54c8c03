"""The bson reader: ids and photos of every type, damage that is passed over, samples that are uniform."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import bson
import pytest
from tests.builders.broken_bson import BROKEN_BSON, BrokenBson
from tests.builders.dumps import document, photo, write

from catalens.core.catalog import Catalog
from catalens.core.errors import ConfigError, SourceError
from catalens.curate.ingest import run
from catalens.curate.sources import open_source
from catalens.curate.sources.bson import BsonSource
from catalens.curate.sources.documents import read_documents, sample_starts
from catalens.curate.sources.protocol import IngestSettings, Item, Row, Unusable

SETTINGS = IngestSettings()
NAMES = "category_id,l1\n1,A\n"


def items(root: Path, data: bytes, settings: IngestSettings = SETTINGS, cursor: int = 0) -> list[tuple[int, Item]]:
    write(root, {"train.bson": data, "category_names.csv": NAMES})
    return list(BsonSource(root / "train.bson", settings).read(cursor))


def ids(found: list[tuple[int, Item]]) -> list[str]:
    return [item.product_id for _, item in found if isinstance(item, Row)]


@pytest.mark.parametrize("case", BROKEN_BSON.values(), ids=list(BROKEN_BSON))
def test_damage_is_set_aside_with_its_cause_and_the_rest_is_kept(tmp_path: Path, case: BrokenBson) -> None:
    write(tmp_path / "dump", {"train.bson": case.build(), "category_names.csv": NAMES})
    catalog = tmp_path / "shop.catalog"
    if case.error is not None:
        with pytest.raises(SourceError, match=case.error):
            run(tmp_path / "dump", catalog, SETTINGS)
        assert not (catalog / "catalog.json").exists()
        return
    report = run(tmp_path / "dump", catalog, SETTINGS)
    assert tuple(Catalog(catalog).products["product_id"].to_pylist()) == case.products
    assert report.set_aside == case.set_aside


@pytest.mark.parametrize("case", BROKEN_BSON.values(), ids=list(BROKEN_BSON))
def test_reading_goes_on_from_every_cursor_in_a_damaged_dump(tmp_path: Path, case: BrokenBson) -> None:
    whole = [(cursor, repr(item)) for cursor, item in _without_openers(items(tmp_path, case.build()))]
    for number, (cursor, _) in enumerate(whole, start=1):
        again = items(tmp_path, case.build(), cursor=cursor)
        assert [(at, repr(item)) for at, item in _without_openers(again)] == whole[number:]


def test_bytes_of_a_stretch_are_accounted_for(tmp_path: Path) -> None:
    data = document(1, 1, photo(1)) + bytes(100) + document(2, 1, photo(2))
    found = items(tmp_path, data)
    aside = found[1][1]
    assert isinstance(aside, Unusable)
    assert (aside.place, aside.detail) == (f"train.bson: byte {found[0][0]}", "100 bytes are no document")
    assert found[-1][0] == len(data)


def test_a_name_that_straddles_two_chunks_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalens.curate.sources.documents.CHUNK", 64)
    for length in range(40, 110):
        assert ids(items(tmp_path, bytes(length) + document(2, 1, photo(2)))) == ["2"]


def test_a_whole_dump_is_read_without_a_step_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a zip, a step back is unpacking it again from its start."""

    class Forward(io.BytesIO):
        def seek(self, *place: int) -> int:
            raise AssertionError(f"a step to {place}")

    data = dump_of(300)
    (tmp_path / "train.bson").write_bytes(data)
    monkeypatch.setattr(Path, "open", lambda path, *how, **more: Forward(data))
    assert len(list(read_documents(tmp_path / "train.bson"))) == 300


def test_a_picture_that_looks_like_a_document_is_not_taken_for_one(tmp_path: Path) -> None:
    inner = document(66, 1, photo(6))
    assert ids(items(tmp_path, document(1, 1, photo(1), inner) + document(2, 1, photo(2)))) == ["1", "2"]


@pytest.mark.parametrize(
    ("identity", "text"),
    [
        (7, "7"),
        (2**40, "1099511627776"),
        (-3, "-3"),
        (7.0, "7"),
        ("B-17 é", "B-17 é"),
        (bson.ObjectId("0" * 24), "0" * 24),
    ],
    ids=["int32", "int64", "negative", "whole double", "text", "ObjectId"],
)
def test_ids_of_usual_types(tmp_path: Path, identity: object, text: str) -> None:
    data = bson.encode({"_id": identity, "category_id": 1, "imgs": [{"picture": photo(1)}]})
    assert ids(items(tmp_path, data)) == [text]


def test_a_test_dump_has_no_categories(tmp_path: Path) -> None:
    write(tmp_path, {"test.bson": document(5, None, photo(1))})
    ((_, row),) = BsonSource(tmp_path, SETTINGS).read(0)
    assert isinstance(row, Row)
    assert (row.product_id, row.category_id) == ("5", None)


def test_category_ids_without_names_are_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    write(tmp_path, {"train.bson": document(5, 1, photo(1))})
    with pytest.raises(SourceError, match="--taxonomy"):
        list(BsonSource(tmp_path, SETTINGS).read(0))


@pytest.mark.parametrize("left", [1, 3, 4, 60], ids=lambda left: f"{left} bytes left")
def test_a_document_cut_short_is_set_aside_with_its_offset(tmp_path: Path, left: int) -> None:
    whole = document(5, 1, photo(1))
    (_, first), (_, cut) = items(tmp_path, whole + document(6, 1, photo(2))[:left])
    assert isinstance(first, Row)
    assert isinstance(cut, Unusable)
    assert (cut.place, cut.cause) == (f"train.bson: byte {len(whole)}", "document cut short")


def test_pictures_that_are_none_are_noted(tmp_path: Path) -> None:
    pictures = [{"picture": photo(1)}, {"picture": "text"}, 3, {"photo": b"x"}]
    ((_, row),) = items(tmp_path, bson.encode({"_id": 1, "category_id": 1, "imgs": pictures}))
    assert isinstance(row, Row)
    assert [note.detail for note in row.notes] == [
        "imgs[1] has text (str) for a picture",
        "imgs[2] has no picture",
        "imgs[3] has no picture",
    ]


def dump_of(count: int) -> bytes:
    return b"".join(document(number, 1, photo(number % 7)) for number in range(count))


def test_a_sample_has_n_products_in_the_order_of_the_dump(tmp_path: Path) -> None:
    found = ids(items(tmp_path, dump_of(50), IngestSettings(sample=12, seed=1)))
    assert len(set(found)) == 12
    assert found == sorted(found, key=int)
    assert found == ids(items(tmp_path, dump_of(50), IngestSettings(sample=12, seed=1)))
    assert found != ids(items(tmp_path, dump_of(50), IngestSettings(sample=12, seed=2)))
    assert len(ids(items(tmp_path, dump_of(50), IngestSettings(sample=60)))) == 50


def test_a_sample_goes_on_from_every_cursor(tmp_path: Path) -> None:
    settings = IngestSettings(sample=12, seed=1)
    damaged = dump_of(20) + bytes(50) + dump_of(20)[:-30]
    for data in (dump_of(50), damaged):
        whole = items(tmp_path, data, settings)
        assert len(whole) == 12
        for number, (cursor, _) in enumerate(whole, start=1):
            assert ids(items(tmp_path, data, settings, cursor)) == ids(whole[number:])


def test_every_product_has_the_same_chance(tmp_path: Path) -> None:
    write(tmp_path, {"train.bson": dump_of(10)})
    drawn = Counter(start for seed in range(1000) for start in sample_starts(tmp_path / "train.bson", 3, seed))
    assert len(drawn) == 10
    # 300 expected of each; the standard deviation of a binomial(1000, 0.3) is 14.5
    assert all(300 - 5 * 14.5 < count < 300 + 5 * 14.5 for count in drawn.values())


def test_what_is_not_in_the_sample_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []
    decode = bson.decode
    monkeypatch.setattr(bson, "decode", lambda data, *more: decoded.append(len(data)) or decode(data, *more))
    assert len(items(tmp_path, dump_of(200), IngestSettings(sample=5))) == len(decoded) == 5


def test_a_sample_says_so_and_another_sample_is_another_catalog(tmp_path: Path) -> None:
    write(tmp_path / "dump", {"train.bson": dump_of(30), "category_names.csv": NAMES})
    catalog = tmp_path / "shop.catalog"
    report = run(tmp_path / "dump", catalog, IngestSettings(sample=10))
    assert (report.products, report.rows_read) == (10, 10)
    assert "a uniform sample of 10 documents, seed 0" in report.remarks
    assert run(tmp_path / "dump", catalog, IngestSettings(sample=10)).unchanged
    assert run(tmp_path / "dump", catalog, IngestSettings(sample=11, overwrite=True)).products == 11


def test_other_formats_refuse_a_sample(tmp_path: Path) -> None:
    write(tmp_path, {"a/1.jpg": photo(1)})
    with pytest.raises(ConfigError, match="the folder format does not read the setting 'sample'"):
        open_source(tmp_path, IngestSettings(sample=5))


def _without_openers(found: list[tuple[int, Item]]) -> list[tuple[int, object]]:
    return [(at, (item.product_id, len(item.photos)) if isinstance(item, Row) else item) for at, item in found]

from __future__ import annotations

import pickle
from pathlib import Path

import pyarrow as pa
import pytest

from catalens.core.errors import CatalogError
from catalens.core.shards import SCHEMA, SHARD_PHOTOS, ShardReader, ShardWriter, image_id


def photo(number: int) -> bytes:
    return b"photo %d" % number * (number % 7 + 1)


def write(path: Path, count: int) -> None:
    writer = ShardWriter(path)
    assert [writer.add(image_id(photo(n)), photo(n), f"{n}.jpg") for n in range(count)] == list(range(count))
    writer.close()


def rebatched(path: Path, sizes: list[int]) -> None:
    """The same rows in record batches of other sizes, as another program would write them."""
    table = pa.ipc.open_file(path).read_all().combine_chunks()
    with pa.ipc.new_file(path.with_name("other.arrow"), SCHEMA) as sink:
        start = 0
        for size in sizes:
            sink.write_table(table.slice(start, size))
            start += size


def test_every_row_comes_back(tmp_path: Path) -> None:
    write(tmp_path / "part-0.arrow", 2500)  # three record batches
    reader = ShardReader(tmp_path)
    for row in (0, 1, 1023, 1024, 2047, 2048, 2499):
        assert reader.read("part-0.arrow", row) == photo(row)
    assert [data for _, data in reader.scan("part-0.arrow")] == [photo(n) for n in range(2500)]
    assert next(reader.scan("part-0.arrow"))[0] == image_id(photo(0))


def test_batches_of_any_size_are_read(tmp_path: Path) -> None:
    write(tmp_path / "part-0.arrow", 10)
    rebatched(tmp_path / "part-0.arrow", [1, 5, 2, 2])
    reader = ShardReader(tmp_path)
    assert [reader.read("other.arrow", row) for row in range(10)] == [photo(row) for row in range(10)]


@pytest.mark.parametrize("row", [-1, 3, 10**9])
def test_a_row_that_is_not_there_is_no_neighbours_picture(tmp_path: Path, row: int) -> None:
    write(tmp_path / "part-0.arrow", 3)
    with pytest.raises(CatalogError, match="has 3 rows, no row"):
        ShardReader(tmp_path).read("part-0.arrow", row)


def test_an_empty_shard(tmp_path: Path) -> None:
    write(tmp_path / "part-0.arrow", 0)
    assert list(ShardReader(tmp_path).scan("part-0.arrow")) == []
    with pytest.raises(CatalogError, match="has 0 rows, no row 0"):
        ShardReader(tmp_path).read("part-0.arrow", 0)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="cannot be read as a photo shard") as caught:
        ShardReader(tmp_path).read("part-7.arrow", 0)
    assert caught.value.source == str(tmp_path / "part-7.arrow")


@pytest.mark.parametrize("keep", [0, 10, 500], ids=["empty", "head", "half"])
def test_a_shard_cut_short_is_an_error(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "part-0.arrow"
    write(path, 50)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CatalogError, match="cannot be read as a photo shard"):
        ShardReader(tmp_path).read("part-0.arrow", 0)


def test_offsets_that_point_outside_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "part-0.arrow"
    write(path, 3)
    content = path.read_bytes()
    lengths = [0, *(len(photo(n)) for n in range(3))]
    offsets = b"".join(sum(lengths[: n + 1]).to_bytes(4, "little") for n in range(4))
    assert content.count(offsets) == 1
    path.write_bytes(content.replace(offsets, offsets[:12] + (2**30).to_bytes(4, "little")))
    with pytest.raises(CatalogError, match="cannot be read as a photo shard"):
        ShardReader(tmp_path).read("part-0.arrow", 2)


def test_another_table_is_not_a_shard(tmp_path: Path) -> None:
    table = pa.table({"a": [1]})
    with pa.ipc.new_file(tmp_path / "part-0.arrow", table.schema) as sink:
        sink.write_table(table)
    with pytest.raises(CatalogError, match=r"expected columns \['image_id', 'image'\], got \['a'\]"):
        ShardReader(tmp_path).read("part-0.arrow", 0)


def test_a_photo_without_bytes_is_an_error(tmp_path: Path) -> None:
    rows = pa.table({"image_id": ["x"], "image": [{"bytes": None, "path": "x.jpg"}]}, schema=SCHEMA)
    with pa.ipc.new_file(tmp_path / "part-0.arrow", SCHEMA) as sink:
        sink.write_table(rows)
    with pytest.raises(CatalogError, match="a photo without bytes") as caught:
        ShardReader(tmp_path).read("part-0.arrow", 0)
    assert caught.value.row == 0


def test_a_reader_goes_to_a_worker(tmp_path: Path) -> None:
    write(tmp_path / "part-0.arrow", 3)
    reader = ShardReader(tmp_path)
    reader.read("part-0.arrow", 0)
    sent = pickle.dumps(reader)
    assert len(sent) < 500, "the mapped photos went along"
    assert pickle.loads(sent).read("part-0.arrow", 2) == photo(2)


def test_the_same_photos_make_the_same_file(tmp_path: Path) -> None:
    write(tmp_path / "a.arrow", 100)
    write(tmp_path / "b.arrow", 100)
    assert (tmp_path / "a.arrow").read_bytes() == (tmp_path / "b.arrow").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.arrow", "b.arrow"]


def test_a_shard_is_full_by_photos_or_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = ShardWriter(tmp_path / "a.arrow")
    for _ in range(SHARD_PHOTOS - 1):
        writer.add("id", b"", "")
    assert not writer.full
    writer.add("id", b"", "")
    assert writer.full
    monkeypatch.setattr("catalens.core.shards.SHARD_BYTES", 100)
    writer = ShardWriter(tmp_path / "b.arrow")
    writer.add("id", bytes(99), "")
    assert not writer.full
    writer.add("id", bytes(1), "")
    assert writer.full


def test_a_writer_holds_no_more_than_a_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalens.core.shards.BATCH_BYTES", 1000)
    writer = ShardWriter(tmp_path / "a.arrow")
    for number in range(10):
        writer.add(str(number), bytes([number]) * 500, "")
    assert (tmp_path / "a.arrow.partial").stat().st_size > 10 * 500
    assert not (tmp_path / "a.arrow").exists()
    writer.close()
    assert [data for _, data in ShardReader(tmp_path).scan("a.arrow")] == [bytes([n]) * 500 for n in range(10)]


def test_what_was_not_closed_is_begun_afresh(tmp_path: Path) -> None:
    (tmp_path / "a.arrow.partial").write_bytes(b"half a shard that a killed process left" * 1000)
    write(tmp_path / "a.arrow", 3)
    assert [data for _, data in ShardReader(tmp_path).scan("a.arrow")] == [photo(n) for n in range(3)]
    assert [file.name for file in tmp_path.iterdir()] == ["a.arrow"]

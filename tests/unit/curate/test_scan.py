"""One decode of every distinct photo, tables in the catalog's order, nothing done twice, nothing half done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest
from tests.builders.catalogs import striped_catalog

from catalens.core.catalog import Catalog
from catalens.core.errors import CatalogError
from catalens.curate import scan
from catalens.curate.scan import DecodedPhoto


class Mean:
    """The mean of a photo's pixels; dies before photo number `dies_at` of the process."""

    table = "mean"
    schema = pa.schema([("image_id", pa.string()), ("mean", pa.float64())])

    def __init__(self, version: str = "1", dies_at: int | None = None) -> None:
        self.version = version
        self.dies_at = dies_at
        self.seen: list[str] = []

    def __call__(self, photo: DecodedPhoto) -> Mapping[str, object]:
        if len(self.seen) == self.dies_at:
            raise KeyboardInterrupt
        self.seen.append(photo.image_id)
        return {"mean": float(photo.image.mean())}


class Size(Mean):
    """How many bytes a photo has."""

    table = "size"
    schema = pa.schema([("image_id", pa.string()), ("bytes", pa.int64())])

    def __call__(self, photo: DecodedPhoto) -> Mapping[str, object]:
        super().__call__(photo)
        return {"bytes": len(photo.data)}


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return striped_catalog(tmp_path / "s.catalog", products=20, photos=2)


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "TASK_PHOTOS", 3)
    monkeypatch.setattr(scan, "PART_TASKS", 4)


def ids(catalog: Catalog) -> list[str]:
    return list(dict.fromkeys(catalog.images["image_id"].to_pylist()))


@pytest.mark.parametrize("workers", [1, 2], ids=["here", "two processes"])
@pytest.mark.usefixtures("_small")
def test_every_photo_in_order_with_its_own_answer(catalog: Catalog, workers: int) -> None:
    told: list[tuple[int, int | None]] = []
    tables = scan.scan(
        catalog,
        [Mean(), Size()],
        workers=workers,
        progress=lambda done, total=None, note="": told.append((done, total)),
    )
    assert list(tables) == ["mean", "size"]
    places = {row["image_id"]: (row["shard"], row["row"]) for row in catalog.images.to_pylist()}
    assert tables["mean"]["image_id"].to_pylist() == ids(catalog)
    assert tables["size"].to_pylist() == [
        {"image_id": photo, "bytes": len(catalog.photos.read(*places[photo]))} for photo in ids(catalog)
    ]
    assert told[-1] == (40, 40)
    assert told == sorted(told)
    assert sorted(file.name for file in (catalog.path / "tables").iterdir()) == [
        "mean.parquet", "size.parquet", "splits.parquet",
    ]  # fmt: skip


def test_a_table_that_is_there_is_kept_and_one_of_another_version_made_anew(catalog: Catalog) -> None:
    scan.scan(catalog, [Mean()], workers=1)
    again, beside, newer = Mean(), Size(), Mean(version="2")
    scan.scan(catalog, [again, beside], workers=1)
    assert again.seen == []
    assert beside.seen == ids(catalog)
    scan.scan(catalog, [newer], workers=1)
    assert newer.seen == ids(catalog)


@pytest.mark.usefixtures("_small")
def test_an_interrupted_scan_goes_on_with_the_part_it_was_at(catalog: Catalog) -> None:
    with pytest.raises(KeyboardInterrupt):
        scan.scan(catalog, [Mean(dies_at=26)], workers=1)
    assert not catalog.has_table("mean")
    rest = Mean()
    table = scan.scan(catalog, [rest], workers=1)["mean"]
    assert rest.seen == ids(catalog)[24:]
    assert table["image_id"].to_pylist() == ids(catalog)


KILLED = """
import sys, time
from pathlib import Path
from catalens.core.catalog import Catalog
from catalens.curate import scan
from tests.unit.curate.test_scan import Slow

if __name__ == "__main__":
    scan.TASK_PHOTOS, scan.PART_TASKS = 3, 4
    scan.scan(Catalog(Path(sys.argv[1])), [Slow()], workers=2)
"""


class Slow(Mean):
    """Leaves time to kill it."""

    def __call__(self, photo: DecodedPhoto) -> Mapping[str, object]:
        time.sleep(0.1)
        return super().__call__(photo)


@pytest.mark.usefixtures("_small")
def test_a_scan_that_was_killed_goes_on(catalog: Catalog, tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    first_part = catalog.path / "tables" / "mean.parts" / "mean-000000000.parquet"
    with subprocess.Popen([sys.executable, str(script), str(catalog.path)], env=environment) as running:
        until = time.monotonic() + 60
        while not first_part.exists() and running.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        with pytest.raises(CatalogError, match="another process is measuring"):
            scan.scan(catalog, [Size()], workers=1)
        running.kill()
    assert running.returncode == -signal.SIGKILL
    assert not catalog.has_table("mean")
    rest = Mean()
    table = scan.scan(catalog, [rest], workers=1)["mean"]
    assert 0 < len(rest.seen) < len(ids(catalog))
    assert rest.seen == ids(catalog)[-len(rest.seen) :]
    assert table["image_id"].to_pylist() == ids(catalog)
    assert not first_part.parent.exists()


@pytest.mark.usefixtures("_small")
def test_parts_of_another_size_are_not_taken_for_these(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyboardInterrupt):
        scan.scan(catalog, [Mean(dies_at=26)], workers=1)
    monkeypatch.setattr(scan, "TASK_PHOTOS", 5)
    assert scan.scan(catalog, [Mean()], workers=1)["mean"]["image_id"].to_pylist() == ids(catalog)


@pytest.mark.parametrize("workers", [1, 2], ids=["here", "two processes"])
@pytest.mark.usefixtures("_small")
def test_a_damaged_shard_is_an_error_that_names_it(catalog: Catalog, workers: int) -> None:
    (shard, *_) = sorted((catalog.path / "images").glob("*.arrow"))
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(CatalogError, match=shard.name):
        scan.scan(catalog, [Mean()], workers=workers)
    assert not catalog.has_table("mean")


def test_a_photo_that_no_longer_decodes_is_told(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = ids(catalog)[7]
    decode = scan.decode
    monkeypatch.setattr(scan, "decode", lambda data, source: decode(b"" if source == odd else data, source=source))
    table = scan.scan(catalog, [Mean()], workers=1)["mean"]
    assert table["image_id"].to_pylist() == [photo for photo in ids(catalog) if photo != odd]
    assert list(scan.unreadable(table)) == [odd]


class Deadly(Mean):
    """Ends its process, as the system does where the memory is used up."""

    def __call__(self, photo: DecodedPhoto) -> Mapping[str, object]:
        os._exit(9)


@pytest.mark.usefixtures("_small")
def test_a_worker_that_is_ended_from_outside_is_an_error_in_words(catalog: Catalog) -> None:
    with pytest.raises(CatalogError, match="ended from outside"):
        scan.scan(catalog, [Deadly()], workers=2)

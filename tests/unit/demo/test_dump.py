"""The dump is whole, repeatable, and broken only where it is meant to be."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest

from catalens.core.errors import ImageError
from catalens.core.image import decode
from catalens.demo.dump import COLUMNS, TABLE, draw_dump
from catalens.demo.shop import SHOP
from catalens.demo.strangers import STRANGERS


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "dump"
    draw_dump(folder, products=37, seed=1, strangers=5)
    return folder


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / TABLE).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_product_has_its_rows(dump: Path) -> None:
    table = rows(dump)
    assert tuple(table[0]) == COLUMNS
    drawn = {row["product_id"] for row in table if row["product_id"].startswith("P")}
    assert len(drawn) == 37
    assert {(row["department"], row["family"], row["kind"]) for row in table} <= {kind.path for kind in SHOP}
    assert any(row["image"].endswith("/2.jpg") for row in table)


def test_what_is_broken_is_broken_in_five_ways(dump: Path) -> None:
    by_number = {row["product_id"]: dump / row["image"] for row in rows(dump) if row["product_id"].startswith("X")}
    assert len(by_number) == 6
    copy, *broken, absent = (by_number[f"X{number:05d}"] for number in range(6))
    drawn = {hashlib.sha256(path.read_bytes()).digest() for path in (dump / "photos").glob("P*/*")}
    assert hashlib.sha256(copy.read_bytes()).digest() in drawn
    for path in broken:
        with pytest.raises(ImageError):
            decode(path.read_bytes())
    assert not absent.exists()


def test_all_other_photos_decode(dump: Path) -> None:
    paths = [dump / row["image"] for row in rows(dump) if row["product_id"].startswith("P")]
    for path in [*paths, *(dump / "strangers").iterdir()]:
        assert decode(path.read_bytes()).ndim == 3


def test_the_same_seed_draws_the_same_bytes(dump: Path, tmp_path: Path) -> None:
    draw_dump(tmp_path / "again", products=37, seed=1, strangers=5, workers=1)
    files = sorted(path.relative_to(dump) for path in dump.rglob("*") if path.is_file())
    assert files == sorted(
        path.relative_to(tmp_path / "again") for path in (tmp_path / "again").rglob("*") if path.is_file()
    )
    assert all((dump / path).read_bytes() == (tmp_path / "again" / path).read_bytes() for path in files)


def test_a_dump_that_is_stopped_leaves_nothing_behind(tmp_path: Path) -> None:
    def stop(done: int, total: int | None = None, note: str = "") -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw_dump(tmp_path / "dump", products=4, seed=0, workers=1, progress=stop)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", STRANGERS)
def test_strangers_differ_from_one_another(name: str) -> None:
    one, other = (np.asarray(STRANGERS[name](np.random.default_rng(seed)), float) for seed in (1, 2))
    assert one.shape == other.shape == (300, 400, 3)
    assert np.abs(one - other).mean() > 1

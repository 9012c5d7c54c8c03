"""Broken files of MNIST's format: a clear error, never part of a catalog."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest
from tests.builders.dumps import grey_png, idx_images, idx_labels, write

from catalens.core.catalog import Catalog
from catalens.core.errors import SourceError
from catalens.curate.ingest import run
from catalens.curate.sources import IngestSettings

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
DAMAGED = gzip.compress(idx_images([1, 2, 3]))[:-8] + bytes(8)  # its checksum and length
GOOD = {IMAGES: idx_images([1, 2, 3]), LABELS: idx_labels([0, 1, 2])}


def test_classes_without_names_are_numbers(tmp_path: Path) -> None:
    report = run(write(tmp_path / "mnist", GOOD), tmp_path / "shop.catalog", IngestSettings())
    catalog = Catalog(tmp_path / "shop.catalog")
    assert catalog.categories == {"train-0": "0", "train-1": "1", "train-2": "2"}
    assert {row["given_split"] for row in catalog.products.to_pylist()} == {"train"}
    assert any("labels.txt" in remark for remark in report.remarks)
    first = catalog.images.to_pylist()[0]
    assert catalog.photos.read(first["shard"], first["row"]) == grey_png(1)
    assert (first["width"], first["height"]) == (3, 2)


def test_a_gz_that_was_unpacked_beside_itself_is_not_read_twice(tmp_path: Path) -> None:
    both = {**GOOD, **{f"{name}.gz": gzip.compress(data) for name, data in GOOD.items()}}
    report = run(write(tmp_path / "mnist", both), tmp_path / "shop.catalog", IngestSettings())
    assert (report.products, report.rows_read) == (3, 3)


@pytest.mark.parametrize(
    ("files", "message", "about"),
    [
        ({IMAGES: b"", LABELS: GOOD[LABELS]}, "ends early", IMAGES),
        ({IMAGES: idx_labels([0] * 50), LABELS: GOOD[LABELS]}, "expected magic 0x0803", IMAGES),
        ({IMAGES: GOOD[IMAGES], LABELS: idx_labels([0, 1])}, "holds 2 labels", LABELS),
        ({IMAGES: GOOD[IMAGES][:-1], LABELS: GOOD[LABELS]}, "row 2: ends early", IMAGES),
        ({IMAGES: GOOD[IMAGES], LABELS: GOOD[LABELS][:-1]}, "row 2: ends early", LABELS),
        ({IMAGES: struct.pack(">4I", 0x0803, 3, 2**31, 2**31), LABELS: GOOD[LABELS]}, "a side", IMAGES),
        ({IMAGES: struct.pack(">4I", 0x0803, 3, 0, 5), LABELS: GOOD[LABELS]}, "a side", IMAGES),
        ({f"{IMAGES}.gz": b"no gzip", f"{LABELS}.gz": b""}, "cannot be read", f"{IMAGES}.gz"),
        ({f"{IMAGES}.gz": gzip.compress(GOOD[IMAGES])[:-12], f"{LABELS}.gz": gzip.compress(GOOD[LABELS])},
         "cannot be read", f"{IMAGES}.gz"),
        ({f"{IMAGES}.gz": DAMAGED, f"{LABELS}.gz": gzip.compress(GOOD[LABELS])}, "cannot be read", f"{IMAGES}.gz"),
        ({IMAGES: GOOD[IMAGES] + b"x", LABELS: GOOD[LABELS]}, "goes on after 3 pictures", IMAGES),
        ({IMAGES: GOOD[IMAGES]}, "expected train-labels-idx1-ubyte beside it", IMAGES),
        ({**GOOD, "labels.txt": b"Bag\nBag\nBoot"}, "each of them once", "labels.txt"),
        ({**GOOD, "labels.txt": b"Bag\n\nBoot"}, "a name on every line", "labels.txt"),
    ],
    ids=["empty", "labels as pictures", "counts differ", "pictures cut", "labels cut", "huge", "no pixels", "no gzip",
         "gzip cut", "gzip damaged", "too long", "no labels", "name twice", "no name"],
)  # fmt: skip
def test_broken_files_are_named(tmp_path: Path, files: dict[str, bytes], message: str, about: str) -> None:
    with pytest.raises(SourceError) as caught:
        run(write(tmp_path / "mnist", files), tmp_path / "shop.catalog", IngestSettings(format="idx"))
    assert message in str(caught.value)
    assert caught.value.source == str(tmp_path / "mnist" / about)
    assert not (tmp_path / "shop.catalog" / "catalog.json").exists()

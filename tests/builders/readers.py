"""What must hold of the readers of dumps and taxonomies whatever bytes they get, and bytes to try it with."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from catalens.core.errors import SourceError, TaxonomyError
from catalens.core.taxonomy import Taxonomy
from catalens.curate.sources.bson import BsonSource
from catalens.curate.sources.listed import read_taxonomy
from catalens.curate.sources.protocol import IngestSettings, Item, Row
from tests.builders.broken_bson import BROKEN_BSON
from tests.builders.dumps import document, photo

NAMES = "category_id,category_level1,category_level2\n1,A,SAME\n2,A,É\n3,B,SAME\n"
# what damage is made of: lengths, types and names of BSON, separators and quotes of CSV, halves of UTF-8
PIECES = [b"\0", b"\xff\xff\xff\x7f", b"\x05\0\0\0\0", b"\x10_id\0", b"\x03imgs\0", b"\x7f", b'"', b",", b"\n", b"\xc3"]


def check_bson(data: bytes, folder: Path, chance: random.Random) -> None:
    """Every byte belongs to an item, reading goes on from any cursor, and only our own errors are raised."""
    (folder / "train.bson").write_bytes(data)
    (folder / "category_names.csv").write_text(NAMES, encoding="utf-8")
    sample = chance.choice([None, None, 1, 3])
    source = BsonSource(folder / "train.bson", IngestSettings(sample=sample, seed=chance.randrange(9)))
    found = list(source.read(0))
    cursors = [cursor for cursor, _ in found]
    assert cursors == sorted(set(cursors))
    assert sample is not None or (cursors or [0])[-1] == len(data)
    for _, item in found:
        _check_item(item)
    if found:
        at = chance.randrange(len(found))
        assert [cursor for cursor, _ in source.read(cursors[at])] == cursors[at + 1 :]


def check_taxonomy_csv(data: bytes, folder: Path) -> None:
    """A tree that is the same read back from its table, or an error in words."""
    path = folder / "names.csv"
    path.write_bytes(data)
    _check_tree(path)


def check_taxonomy_table(data: bytes, folder: Path) -> None:
    """The same of a Parquet file."""
    path = folder / "taxonomy.parquet"
    path.write_bytes(data)
    _check_tree(path)


def fuzzed_bson(chance: random.Random) -> bytes:
    """Good and broken documents, and then some damage."""
    kinds = [*(case.build() for case in chance.sample(list(BROKEN_BSON.values()), 3)), b""]
    good = [document(chance.randrange(5), chance.choice([None, 1, 9]), photo(number)) for number in range(3)]
    pieces = chance.choices([*kinds, *good], k=chance.randrange(1, 6))
    return damaged(b"".join(pieces), chance)


def fuzzed_csv(chance: random.Random) -> bytes:
    """A taxonomy with some damage."""
    return damaged(NAMES.encode(chance.choice(["utf-8", "utf-8", "utf-8-sig", "latin-1", "utf-16"])), chance)


def fuzzed_table(chance: random.Random, folder: Path) -> bytes:
    """A Parquet file of rows in any order and with any parents and levels; half of them damaged as files."""
    ids = ["", "a", "b", "c", "é", None]
    rows = chance.randrange(6)
    columns = {
        "id": chance.choices(ids, k=rows),
        "parent": chance.choices(ids, k=rows),
        "level": chance.choices([-1, 0, 1, 2, 99, None], k=rows),
        "name": chance.choices(["", "x", "y", None], k=rows),
    }
    for name in chance.sample(list(columns), chance.choice([0, 0, 0, 1])):
        columns[name] = [number * 1.5 for number in range(rows)]
    kept = chance.sample(list(columns), chance.choice([4, 4, 4, 3]))
    pq.write_table(pa.table({name: columns[name] for name in kept}), folder / "made.parquet")
    data = (folder / "made.parquet").read_bytes()
    return damaged(data, chance) if chance.random() < 0.5 else data


def damaged(data: bytes, chance: random.Random, pieces: Sequence[bytes] = PIECES) -> bytes:
    """Up to eight changes: bytes replaced, cut out, doubled, or pieces put in."""
    for _ in range(chance.randrange(9)):
        at, length = chance.randrange(len(data) + 1), chance.choice([1, 1, 4, 20, 200])
        change = chance.choice(["replace", "cut", "double", "insert", "end"])
        if change == "replace":
            data = data[:at] + chance.randbytes(min(length, len(data) - at)) + data[at + length :]
        elif change == "cut":
            data = data[:at] + data[at + length :]
        elif change == "double":
            data = data[: at + length] + data[at:]
        elif change == "insert":
            data = data[:at] + chance.choice(pieces) * chance.choice([1, 1, 50]) + data[at:]
        else:
            data = data[:at] if chance.random() < 0.2 else data
    return data


def _check_item(item: Item) -> None:
    if not isinstance(item, Row):
        assert item.cause
        (item.place + item.detail + (item.product_id or "")).encode()
        return
    assert item.product_id
    assert item.photos
    (item.product_id + (item.category_id or "") + item.places[0]).encode()
    for picture in item.photos:
        picture.name.encode()
        assert len(picture.open().read()) == picture.size


def _check_tree(path: Path) -> None:
    try:
        tree = read_taxonomy(path)
    except (SourceError, TaxonomyError):
        return
    assert Taxonomy.from_table(tree.to_table()).digest == tree.digest
    for leaf in tree.leaves:
        assert tree.path(leaf)[-1] == leaf

"""Archives and tables with bytes changed at random: an error that names the dump, or items to the end."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from tests.builders.archives import pack, tar_of, zip_of
from tests.builders.dumps import folder_dump, hugging_face, photo, table_dump

from catalens.core.errors import CatalensError, ImageError
from catalens.curate.making.check import read_photo
from catalens.curate.sources import IngestSettings, open_source
from catalens.curate.sources.protocol import Row

TRIES = 60
SETTINGS = IngestSettings(max_photo_bytes=2**20)
_MEMBERS = [("shop/a/1.jpg", photo(1)), ("shop/b/2.jpg", photo(2)), ("shop/" + "x" * 120 + "/3.jpg", photo(3))]

DUMPS: dict[str, Callable[[Path], Path]] = {
    "x.zip": lambda path: zip_of(path, _MEMBERS),
    "deflated.zip": lambda path: zip_of(path, _MEMBERS, zipfile.ZIP_DEFLATED),
    "lzma.zip": lambda path: zip_of(path, _MEMBERS, zipfile.ZIP_LZMA),
    "x.tar": lambda path: tar_of(path, _MEMBERS),
    "x.tar.gz": lambda path: tar_of(path, _MEMBERS),
    "x.tar.xz": lambda path: tar_of(path, _MEMBERS),
    "table.zip": lambda path: pack(table_dump(path.parent).source, path),
    "folder.tar": lambda path: pack(folder_dump(path.parent).source, path),
    "train.parquet": lambda path: hugging_face(path, [(photo(1), 0), (photo(2), 1)], names=["a", "b"]),
}


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Up to eight other bytes, half of them in headers and lists at the ends; sometimes cut, or with a hole."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at = chance.choice(
            [chance.randrange(len(data)), chance.randrange(min(600, len(data))), -chance.randint(1, 400)]
        )
        changed[at] = chance.choice([0, 0xFF, changed[at] ^ 1 << chance.randrange(8)])
    start = chance.randrange(len(data))
    return bytes(chance.choice([changed, changed, changed[:start], changed[:start] + changed[start + 37 :]]))


@pytest.mark.parametrize("name", DUMPS)
def test_a_damaged_dump_is_an_error_or_is_read_to_its_end(tmp_path: Path, name: str) -> None:
    path = DUMPS[name](tmp_path / name)
    whole, chance = path.read_bytes(), random.Random(name)
    for _ in range(TRIES):
        path.write_bytes(damaged(whole, chance))
        said = _read_to_the_end(path)
        assert said is None or said.startswith(str(path))


def _read_to_the_end(path: Path) -> str | None:
    """What the error says, if there is one."""
    try:
        _, source = open_source(path, SETTINGS)
        items = list(source.read(0))
    except CatalensError as error:
        return str(error)
    cursors = [cursor for cursor, _ in items]
    assert cursors == sorted(set(cursors))
    for found in (found for _, item in items if isinstance(item, Row) for found in item.photos):
        with suppress(ImageError):
            assert len(read_photo(found, SETTINGS.max_photo_bytes)) <= SETTINGS.max_photo_bytes
    return None

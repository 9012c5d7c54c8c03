"""Archives as folders: what their paths mean, which folder in them is the dump, what they may cost."""

from __future__ import annotations

import errno
import os
import tarfile
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.builders.archives import pack, tar_of, zip_of
from tests.builders.dumps import document, photo, write

from catalens.core.errors import SourceError
from catalens.curate.sources import IngestSettings, open_source, spool, tarred, zipped
from catalens.curate.sources.archive import ArchivePath, inside
from catalens.curate.sources.files import open_archive, open_dump
from catalens.curate.sources.protocol import Note, Row

SETTINGS = IngestSettings()
NAMES = ["shop/list.csv", "shop/images/1.jpg", "shop/images/2.jpg"]


@pytest.fixture(params=["a.zip", "a.tar", "a.tgz"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    members = [(name, name.encode() * 500) for name in NAMES]
    path = tmp_path / request.param.replace("tgz", "tar.gz")
    return zip_of(path, members, zipfile.ZIP_DEFLATED) if path.suffix == ".zip" else tar_of(path, members)


def test_paths_do_what_those_of_pathlib_do(archive: Path) -> None:
    root = open_archive(archive).root
    table = root / "shop" / "list.csv"
    assert (table.name, table.stem, table.suffix, str(table)) == (
        "list.csv", "list", ".csv", f"{archive}/shop/list.csv"
    )  # fmt: skip
    assert table.parent == root / "shop" == root / "./shop//"
    assert (root.is_dir(), table.is_file(), table.is_dir(), (root / "shop").is_dir()) == (True, True, False, True)
    assert [path.name for path in (root / "shop").iterdir()] == ["images", "list.csv"]
    assert table.stat().st_size == len("shop/list.csv") * 500
    with table.open(encoding="utf-8") as file:
        assert file.read(13) == "shop/list.csv"


@pytest.mark.parametrize(
    "name", ["../a.zip", "/etc/passwd", "shop/../../x", "C:/x", "nowhere", "shop/list.csv/x", "x\0"]
)
def test_nothing_leads_out(archive: Path, name: str) -> None:
    path = open_archive(archive).root / name
    assert not path.exists()
    with pytest.raises(FileNotFoundError):
        path.open("rb")
    with pytest.raises(FileNotFoundError):
        path.entries()


@pytest.mark.parametrize(
    ("name", "found"),
    [("a/b.jpg", "a/b.jpg"), ("./a//b.jpg", "a/b.jpg"), ("a\\b.jpg", "a/b.jpg"), ("a/./b", "a/b"), ("..a/b", "..a/b")],
)
def test_names_of_members_are_paths(name: str, found: str) -> None:
    assert inside(name) == found


def test_a_member_is_read_from_anywhere_by_many_threads(archive: Path) -> None:
    root = open_archive(archive).root

    def piece(number: int) -> bytes:
        name = NAMES[number % 3]
        with (root / name).open("rb") as file:
            file.seek(number)
            return file.read(40)

    with ThreadPoolExecutor(8) as pool:
        pieces = list(pool.map(piece, range(300)))
    assert pieces == [(NAMES[number % 3].encode() * 500)[number : number + 40] for number in range(300)]


@pytest.mark.parametrize(
    ("names", "top"),
    [
        (["shop/list.csv", "shop/1.jpg"], "shop"),
        (["x/shop/a/1.jpg", "x/shop/b/1.jpg"], "x/shop"),
        (["__MACOSX/x", "shop/a/1.jpg", "shop/b/1.jpg"], "shop"),
        (["train/a/1.jpg", "train/b/1.jpg"], ""),
        (["shoes/1.jpg", "shoes/2.jpg"], ""),
        (["shop/shoes/1.jpg", "shop/shoes/notes.txt"], "shop"),
        (["a/1.jpg", "b/1.jpg"], ""),
        (["shop/dump.bson"], "shop"),
        ([], ""),
    ],
    ids=["table", "two", "mac", "a part", "one category", "its folder", "several", "bson", "empty"],
)
def test_the_folder_that_holds_everything_is_stepped_into(tmp_path: Path, names: list[str], top: str) -> None:
    dump = open_dump(zip_of(tmp_path / "x.zip", [(name, b"") for name in names]))
    assert isinstance(dump, ArchivePath)
    assert dump.inside == top


def test_what_is_hidden_beside_that_folder_is_noted(tmp_path: Path) -> None:
    members = [(f"shop/{name}/1.jpg", photo(1)) for name in "ab"] + [("__MACOSX/x", b""), ("shop/.cache/y", b"")]
    name, source = open_source(zip_of(tmp_path / "x.zip", members), SETTINGS)
    items = [item for _, item in source.read(0)]
    assert (name, source.remarks[0], source.total) == ("folder", "read from x.zip, folder shop", 4)
    assert [(item.place, item.cause) for item in items if isinstance(item, Note)] == [
        ("__MACOSX", "hidden folder"), (".cache", "hidden folder"),
    ]  # fmt: skip
    assert [item.product_id for item in items if isinstance(item, Row)] == ["a/1.jpg", "b/1.jpg"]


def test_names_without_an_encoding_are_read_as_told(tmp_path: Path) -> None:
    zip_of(tmp_path / "x.zip", [("caf?/1.jpg", b""), ("th?/1.jpg", b"")])
    data = (tmp_path / "x.zip").read_bytes().replace(b"caf?", b"caf\xe9").replace(b"th?", b"th\xe9")
    (tmp_path / "x.zip").write_bytes(data)
    as_it_says, as_told = (open_archive(tmp_path / "x.zip", encoding=encoding) for encoding in ("utf-8", "cp1252"))
    assert list(as_told.files) == ["caf\u00e9/1.jpg", "th\u00e9/1.jpg"]
    assert as_told.contents.remarks == ()
    assert "2 names read as code page 437" in as_it_says.contents.remarks[0]


def test_names_in_a_tar_that_are_not_utf8_are_read_as_told(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w", encoding="cp1252", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("caf\u00e9/1.jpg"))
    assert list(open_archive(tmp_path / "x.tar", encoding="cp1252").files) == ["caf\u00e9/1.jpg"]
    assert list(open_archive(tmp_path / "x.tar").files) == ["caf\udce9/1.jpg"]


@pytest.mark.parametrize("name", ["x.tar.gz", "x.tar.bz2", "x.tar.xz"])
def test_a_compressed_tar_that_grows_too_much_is_refused_while_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(spool, "SMALL", 2**20)
    tar_of(tmp_path / name, [("a/1.jpg", bytes(20 * 2**20))])
    with pytest.raises(SourceError, match="a bomb"):
        open_archive(tmp_path / name)


def test_a_dump_in_a_zip_that_grows_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "SMALL", 2**10)
    zip_of(tmp_path / "x.zip", [("shop/train.bson", bytes(2**20))], zipfile.ZIP_DEFLATED)
    dump = open_dump(tmp_path / "x.zip")
    with pytest.raises(OSError, match="a bomb"):
        (dump / "train.bson").open("rb")


def test_a_list_of_members_that_fills_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipped, "LARGEST_LIST", 10_000)
    few = zip_of(tmp_path / "few.zip", [(f"{number:05}.jpg", b"") for number in range(100)])
    many = zip_of(tmp_path / "many.zip", [(f"{number:05}.jpg", b"") for number in range(1000)])
    assert len(open_archive(few).files) == 100
    with pytest.raises(SourceError, match="list of members is 55,000 bytes"):
        open_archive(many)


def test_no_room_to_unpack_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, _: bytes) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tarred, "nameless_file", Full)
    tar_of(tmp_path / "x.tar.gz", [("a/1.jpg", photo(1))])
    with pytest.raises(SourceError, match=r"No space left on device.*TMPDIR"):
        open_archive(tmp_path / "x.tar.gz")


def test_unpacking_leaves_no_file_and_tells_its_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    told: list[tuple[int, int | None, str]] = []
    path = tar_of(tmp_path / "x.tar.gz", [("a/1.jpg", photo(1))])
    dump = open_archive(path, progress=lambda *said: told.append(said))
    assert told == [(path.stat().st_size, path.stat().st_size, "unpacking")]
    assert list((tmp_path / "tmp").iterdir()) == []
    with (dump.root / "a/1.jpg").open("rb") as file:
        assert file.read() == photo(1)


def test_a_bson_in_a_zip_is_read_from_any_cursor(tmp_path: Path) -> None:
    dump = write(
        tmp_path / "dump", {"test.bson": b"".join(document(number, None, photo(number)) for number in range(9))}
    )
    _, source = open_source(pack(dump, tmp_path / "dump.zip"), SETTINGS)
    whole = [(cursor, item.product_id) for cursor, item in source.read(0) if isinstance(item, Row)]
    assert [product for _, product in whole] == [str(number) for number in range(9)]
    again = [(cursor, item.product_id) for cursor, item in source.read(whole[4][0]) if isinstance(item, Row)]
    assert again == whole[5:]


def test_the_fingerprint_changes_with_the_archive(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "x.zip", [("a/1.jpg", photo(1)), ("b/1.jpg", photo(2))])
    before = open_source(path, SETTINGS)[1].fingerprint
    assert open_source(path, SETTINGS)[1].fingerprint == before
    zip_of(path, [("a/1.jpg", photo(1)), ("b/1.jpg", photo(2) + b" ")])
    assert open_source(path, SETTINGS)[1].fingerprint != before


def test_the_encoding_is_refused_where_there_are_no_names_in_it(tmp_path: Path) -> None:
    write(tmp_path / "photos", {"a/1.jpg": photo(1), "b/1.jpg": photo(2)})
    told = IngestSettings(encoding="cp850")
    assert open_source(pack(tmp_path / "photos", tmp_path / "x.zip"), told)[0] == "folder"
    with pytest.raises(Exception, match="does not read the setting 'encoding'"):
        open_source(tmp_path / "photos", told)

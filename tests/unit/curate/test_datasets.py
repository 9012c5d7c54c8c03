"""Data sets by name: the table, downloads that resume and are verified, archives; from a local server."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.builders.dumps import grey_png, idx_images, idx_labels, photo
from tests.builders.webserver import Asked, LocalServer, Reply

from catalens.core.catalog import Catalog
from catalens.core.errors import ConfigError, FetchError, SourceError
from catalens.core.folders import user_cache
from catalens.core.progress import silent
from catalens.core.web import Web
from catalens.curate.datasets import fetch as fetching
from catalens.curate.datasets.download import download
from catalens.curate.datasets.fetch import fetch
from catalens.curate.datasets.table import Dataset, RemoteFile, datasets, find_dataset
from catalens.curate.datasets.unpack import unpack
from catalens.curate.fetch.settings import WebSettings
from catalens.curate.ingest import run
from catalens.curate.sources import SOURCES, IngestSettings

CONTENT = bytes(range(256)) * 400
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class FileServer(LocalServer):
    """Serves one file, by parts if it is asked to; `cut` is after how many bytes a connection breaks."""

    def __init__(self, content: bytes = CONTENT, *, tag: str | None = '"v1"', cut: int | None = None) -> None:
        super().__init__({"/file.bin": self._serve})
        self.content, self.tag, self.cut = content, tag, cut

    def _serve(self, asked: Asked) -> Reply:
        headers = {"ETag": self.tag} if self.tag else {}
        wanted = re.fullmatch(r"bytes=(\d+)-", asked.headers.get("Range", ""))
        start = int(wanted[1]) if wanted and asked.headers.get("If-Range") in (None, self.tag) else 0
        if start > len(self.content):
            return Reply(status=416)
        status, body = (206, self.content[start:]) if start else (200, self.content)
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
        if self.cut is not None:
            headers |= {"Content-Length": str(len(body)), "Connection": "close"}
            body = body[: self.cut]
        return Reply(body, status, headers)

    def ranges(self) -> list[str | None]:
        return [asked.headers.get("Range") for asked in self.asked]


def remote(server: LocalServer, **values: object) -> RemoteFile:
    return RemoteFile(url=f"{server.url}/file.bin", **{"bytes": len(CONTENT), "sha256": SHA256, **values})


def get(server: LocalServer, path: Path, waits: list[float] | None = None, **values: object) -> str:
    waits = [] if waits is None else waits
    with Web(allow_private=[server.address]) as web:
        return download(remote(server, **values), path, web, silent, sleep=waits.append)


def test_a_file_is_fetched_and_verified_once(tmp_path: Path) -> None:
    path = tmp_path / "files" / "file.bin"
    with FileServer() as server:
        assert get(server, path) == get(server, path) == SHA256
        assert len(server.asked) == 1
    assert path.read_bytes() == CONTENT
    assert sorted(file.name for file in path.parent.iterdir()) == ["file.bin", "file.bin.json"]


def test_a_broken_connection_is_gone_on_with(tmp_path: Path) -> None:
    waits: list[float] = []
    with FileServer(cut=30_000) as server:
        assert get(server, tmp_path / "file.bin", waits) == SHA256
        assert server.ranges() == [None, "bytes=30000-", "bytes=60000-", "bytes=90000-"]
    assert waits == [1, 2, 4]


def test_an_interrupted_run_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    with FileServer(cut=1000) as server:
        with pytest.raises(FetchError):
            get(server, path)
        begun = (tmp_path / "file.bin.part").stat().st_size
        server.cut = None
        server.asked.clear()
        assert get(server, path) == SHA256
        assert server.ranges() == [f"bytes={begun}-"]
    assert not (tmp_path / "file.bin.part").exists()


@pytest.mark.parametrize("tag", ['"v2"', 'W/"v1"', None], ids=["changed", "weak", "none"])
def test_a_part_of_a_file_that_may_have_changed_is_not_used(tmp_path: Path, tag: str | None) -> None:
    path, later = tmp_path / "file.bin", CONTENT[::-1]
    with FileServer(cut=1000) as server:
        server.tag = '"v1"' if tag == '"v2"' else tag
        with pytest.raises(FetchError):
            get(server, path)
        server.cut, server.tag, server.content = None, tag, later
        assert get(server, path, bytes=None, sha256=None) == hashlib.sha256(later).hexdigest()
    assert path.read_bytes() == later


def test_a_part_longer_than_the_file_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT + b"more")
    (tmp_path / "file.bin.part.json").write_text('{"version": "\\"v1\\""}')
    with FileServer() as server:
        assert get(server, tmp_path / "file.bin") == SHA256


@pytest.mark.parametrize(
    ("content", "message"),
    [(CONTENT[::-1], "expected sha256"), (CONTENT[:-1], "expected 102,400 bytes"), (CONTENT * 2, "expected 102,400")],
    ids=["altered", "short", "long"],
)
def test_what_is_not_the_published_file_is_not_kept(tmp_path: Path, content: bytes, message: str) -> None:
    with FileServer(content) as server, pytest.raises(SourceError, match=message) as caught:
        get(server, tmp_path / "file.bin")
    assert caught.value.source == f"{server.url}/file.bin"
    assert [file.name for file in tmp_path.iterdir() if file.suffix != ".json"] == []


def test_a_part_that_is_said_to_begin_nowhere_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:1000])
    (tmp_path / "file.bin.part.json").write_text('{"version": "\\"v1\\""}')
    nonsense = Reply(CONTENT[1000:], 206, {"Content-Range": f"bytes {'9' * 5000}-"})
    with FileServer() as server:
        server.routes["/file.bin"] = [nonsense, Reply(CONTENT)]
        assert get(server, tmp_path / "file.bin") == SHA256


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with LocalServer() as server, pytest.raises(FetchError, match="HTTP 404"):
        get(server, tmp_path / "file.bin")


def zipped(files: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


def tarred(files: Mapping[str, bytes], *links: str) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for name in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member)
    return target.getvalue()


@pytest.mark.parametrize("kind", [".zip", ".tar.gz"])
def test_an_archive_is_unpacked(tmp_path: Path, kind: str) -> None:
    files = {"top/a.jpg": photo(1), "top/below/b.jpg": photo(2)}
    archive = tmp_path / f"data{kind}"
    archive.write_bytes(zipped(files) if kind == ".zip" else tarred(files, "top/link"))
    unpack([archive], tmp_path / "data", silent)
    found = {str(file.relative_to(tmp_path / "data")): file.read_bytes() for file in (tmp_path / "data").rglob("*.*")}
    assert found == files


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("bomb.zip", zipped({"a": bytes(10_000_000)})),
        ("bomb.tar.gz", tarred({"a": bytes(10_000_000)})),
        ("out.tar.gz", tarred({"../../out.jpg": photo(1)})),
        ("root.tar.gz", tarred({"/tmp/catalens-out.jpg": photo(1)})),
        ("out.zip", zipped({"a.jpg": photo(2), "../../out.jpg": photo(1)})),
        ("root.zip", zipped({"/tmp/catalens-out.jpg": photo(1)})),
        ("cut.zip", zipped({"a": photo(1)})[:-10]),
        ("cut.tar.gz", tarred({"a": photo(1) * 50})[:-200]),
        ("both.tar.gz", tarred({"a": photo(1), "a/b": photo(2)})),
        ("both.zip", zipped({"a/b": photo(1), "a": photo(2)})),
        ("text.zip", b"this is no archive"),
        ("text.tgz", b"this is no archive"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_archive_that_is_not_what_it_should_be_leaves_nothing(tmp_path: Path, name: str, data: bytes) -> None:
    archive = tmp_path / "in" / name
    archive.parent.mkdir()
    archive.write_bytes(data)
    with pytest.raises(SourceError) as caught:
        unpack([archive], tmp_path / "in" / "data", silent)
    assert caught.value.source == str(archive)
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == [name]


@pytest.mark.parametrize("name", datasets())
def test_every_data_set_can_be_read_and_verified_or_says_why_not(name: str) -> None:
    dataset = find_dataset(name)
    assert dataset.format in SOURCES
    assert dataset.title
    assert dataset.licence
    assert bool(dataset.files) != bool(dataset.login)
    names = [file.file_name for file in dataset.files]
    assert len(set(names)) == len(names)
    assert all(names)
    for file in dataset.files:
        assert re.match(r"https?://[a-z0-9.-]+/", file.url)
        assert (file.bytes is None) == (file.sha256 is None)
        # what nobody published a checksum of has to come over TLS
        assert file.sha256 is not None or file.url.startswith("https://")


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'fashion-mnist'"):
        find_dataset("fashion_mnist")


def test_a_data_set_behind_a_login_says_where_it_is(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"https://www\.kaggle\.com/.*--format bson"):
        fetch("cdiscount", WebSettings(cache=tmp_path))


def test_the_cache_is_where_the_platform_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CATALENS_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert user_cache() == tmp_path / "catalens"
    monkeypatch.setenv("CATALENS_CACHE", str(tmp_path / "own"))
    assert user_cache() == tmp_path / "own"


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalServer]:
    """Two data sets on a local server: files as they are, and an archive."""
    with LocalServer() as server:
        files = {
            "train-images-idx3-ubyte.gz": idx_images([10, 20]),
            "train-labels-idx1-ubyte.gz": idx_labels([1, 0]),
        }
        packed = {name: _gzip(data) for name, data in files.items()}
        archive = zipped(
            {"top/README": b"hello", "top/in/train/Shoe/a.jpg": photo(1), "top/in/test/Hat/b.jpg": photo(2)}
        )
        server.routes |= {f"/{name}": Reply(data) for name, data in {**packed, "shop.zip": archive}.items()}
        table = {
            "grey": _dataset(server, packed, format="idx", labels=("Bag", "Boot"), verified=True),
            "shop": _dataset(server, {"shop.zip": archive}, format="folder", folder="top/in"),
        }
        monkeypatch.setattr(fetching, "find_dataset", table.__getitem__)
        yield server


def _dataset(server: LocalServer, files: Mapping[str, bytes], *, verified: bool = False, **values: object) -> Dataset:
    listed = []
    for name, data in files.items():
        about = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} if verified else {}
        listed.append({"url": f"{server.url}/{name}", **about})
    return Dataset(title="t", licence="CC0", homepage="h", files=listed, **values)


def _gzip(data: bytes) -> bytes:
    import gzip

    return gzip.compress(data, mtime=0)


def test_a_data_set_is_ingested_by_name(tmp_path: Path, shop: LocalServer) -> None:
    web = WebSettings(allow_private=shop.address, cache=tmp_path / "cache")
    ready = fetch("grey", web)
    report = run(ready.source, tmp_path / "grey.catalog", IngestSettings(**ready.reading))
    assert (report.format, report.products, report.set_aside) == ("idx", 2, {})
    catalog = Catalog(tmp_path / "grey.catalog")
    assert catalog.categories == {"train-0": "Boot", "train-1": "Bag"}
    row = catalog.images.to_pylist()[0]
    assert catalog.photos.read(row["shard"], row["row"]) == grey_png(10)
    assert "unverified" not in " ".join(ready.remarks)
    asked = len(shop.asked)
    assert fetch("grey", web) == ready
    assert len(shop.asked) == asked
    again = run(ready.source, tmp_path / "grey.catalog", IngestSettings(**ready.reading))
    assert again.unchanged


def test_an_archive_is_unpacked_once_and_said_to_be_unverified(tmp_path: Path, shop: LocalServer) -> None:
    web = WebSettings(allow_private=shop.address, cache=tmp_path / "cache")
    ready = fetch("shop", web)
    assert "shop.zip is unverified" in ready.remarks[-1]
    report = run(ready.source, tmp_path / "shop.catalog", IngestSettings(**ready.reading))
    assert (report.products, report.format) == (2, "folder")
    mark = ready.source / "mark"
    mark.touch()
    fetch("shop", web)
    assert mark.exists()
    about = json.loads((tmp_path / "cache" / "shop" / "files" / "shop.zip.json").read_text())
    assert about["published"] is False
    assert about["sha256"] in ready.remarks[-1]


def test_what_was_half_unpacked_is_unpacked_again(tmp_path: Path, shop: LocalServer) -> None:
    web = WebSettings(allow_private=shop.address, cache=tmp_path / "cache")
    ready = fetch("shop", web)
    (tmp_path / "cache" / "shop" / "data.txt").unlink()  # as a kill between the two leaves it
    (ready.source / "train" / "Shoe" / "a.jpg").unlink()
    fetch("shop", web)
    assert (ready.source / "train" / "Shoe" / "a.jpg").read_bytes() == photo(1)

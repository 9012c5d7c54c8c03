"""Archives that are hostile, damaged or odd."""

from __future__ import annotations

import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from catalens.curate.sources import IngestSettings
from tests.builders.archives import link, tar_of, zip_of
from tests.builders.broken import GOOD, Broken, set_aside
from tests.builders.dumps import document, photo

UNSAFE = ("../evil.jpg", "a/../../evil.jpg", "/etc/evil.jpg", "C:\\evil.jpg", "..\\evil.jpg", "x/" * 70 + "1.jpg")
_END = sum(512 + -(-len(data) // 512) * 512 for data in GOOD.values())  # of the good members in a tar
_CENTRAL = b"PK\x01\x02"  # an entry of a zip's list of members; its fields by their offsets
_FLAGS, _METHOD, _SIZE, _OFFSET = (8, "<H"), (10, "<H"), (24, "<I"), (42, "<I")


def _zip(*more: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_STORED) -> Callable[[Path], Path]:
    return lambda root: zip_of(root / "dump.zip", [*GOOD.items(), *more], method)


def _tar(*more: tuple[str | tarfile.TarInfo, bytes], name: str = "dump.tar") -> Callable[[Path], Path]:
    return lambda root: tar_of(root / name, [*GOOD.items(), *more])


def _changed(build: Callable[[Path], Path], change: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
    def broken(root: Path) -> Path:
        path = build(root)
        path.write_bytes(change(path.read_bytes()))
        return path

    return broken


def _listed(last: tuple[int, str], value: int) -> Callable[[bytes], bytes]:
    """Another value in the list's entry of the last member."""

    def change(data: bytes) -> bytes:
        at, form = data.rindex(_CENTRAL) + last[0], last[1]
        return data[:at] + struct.pack(form, value) + data[at + struct.calcsize(form) :]

    return change


def _flip(where: bytes, ahead: int) -> Callable[[bytes], bytes]:
    """Three other bytes, so far behind the first place where `where` stands."""

    def change(data: bytes) -> bytes:
        at = data.index(where) + ahead
        return data[:at] + bytes(byte ^ 0xFF for byte in data[at : at + 3]) + data[at + 3 :]

    return change


def _zip_link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def _of_size(size: int) -> Callable[[Path], Path]:
    """A tar whose extra header says the size of the next member."""

    def build(root: Path) -> Path:
        info = tarfile.TarInfo("b/3.jpg")
        info.pax_headers = {"size": str(size)}
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            tar.addfile(info)
        path = tar_of(root / "dump.tar", GOOD.items())
        path.write_bytes(path.read_bytes()[:_END] + file.getvalue())
        return path

    return build


def _raw(name: str, data: bytes) -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        (root / name).write_bytes(data)
        return root / name

    return build


def _inner_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("1.jpg", photo(9))
    return file.getvalue()


_THIRD = ("b/3.jpg", photo(3) * 4)
_unreadable = set_aside("no usable photo", "unreadable photo")
_SMALL = IngestSettings(max_photo_bytes=100_000)
_HUGE_EXTRA = tarfile.TarInfo("x")
_HUGE_EXTRA.type = tarfile.XHDTYPE

BROKEN_ARCHIVES = {
    "zip, names that lead out": Broken(
        _zip(*((name, photo(9)) for name in UNSAFE)), findings={"unsafe name in the archive": 6}
    ),
    "tar, names that lead out": Broken(
        _tar(*((name, photo(9)) for name in UNSAFE)), findings={"unsafe name in the archive": 6}
    ),
    "zip, link": Broken(_zip((_zip_link("a/9.jpg"), b"/etc/passwd")), findings={"link in the archive": 1}),
    "tar, links and devices": Broken(
        _tar(
            (link("a/7.jpg", "/etc/passwd"), b""),
            (link("a/8.jpg", "../../secret.jpg", tarfile.LNKTYPE), b""),
            (link("a/9.jpg", "", tarfile.CHRTYPE), b""),
            (link("a/pipe.jpg", "", tarfile.FIFOTYPE), b""),
        ),
        findings={"link in the archive": 2, "special file in the archive": 2},
    ),
    "tar, hard link to a member": Broken(_tar((link("b/9.jpg", "a/1.jpg", tarfile.LNKTYPE), b"")), products=3),
    "zip, name twice": Broken(_zip(("a/1.jpg", photo(9))), findings={"name twice in the archive": 1}),
    "tar, name twice": Broken(_tar(("a/1.jpg", photo(9))), findings={"name twice in the archive": 1}),
    "zip, file with the name of a folder": Broken(_zip(("a", b"x")), findings={"file with the name of a folder": 1}),
    "zip in a zip": Broken(_zip(("a/inner.zip", _inner_zip())), findings={"archive that was not opened": 1}),
    "zip, hidden folders": Broken(
        _zip(("__MACOSX/a/._1.jpg", b"x"), (".git/1.jpg", b"x")), findings={"hidden folder": 2}
    ),
    "zip, accents in two encodings": Broken(
        _changed(
            _zip(("caf\u00e9/3.jpg", photo(3)), ("caf?/4.jpg", photo(4))),
            lambda data: data.replace(b"caf?", b"caf\x82"),
        ),
        products=4,
    ),
    "zip, name that is not the UTF-8 it says": Broken(
        _changed(_zip(("\u00e9.jpg", b"")), lambda data: data.replace(b"\xc3\xa9", b"\xc3\xc3")), error="read as a zip"
    ),
    "zip, encrypted member": Broken(_changed(_zip(_THIRD), _listed(_FLAGS, 1)), **_unreadable),
    "zip, unknown compression": Broken(_changed(_zip(_THIRD), _listed(_METHOD, 99)), **_unreadable),
    "zip, wrong checksum": Broken(_changed(_zip(_THIRD), _flip(_THIRD[1], 300)), **_unreadable),
    "zip, damaged deflate": Broken(
        _changed(_zip(_THIRD, method=zipfile.ZIP_DEFLATED), _flip(b"b/3.jpg", 60)), **_unreadable
    ),
    "zip, damaged bzip2": Broken(
        _changed(_zip(_THIRD, method=zipfile.ZIP_BZIP2), _flip(b"b/3.jpg", 60)), **_unreadable
    ),
    "zip, damaged lzma": Broken(_changed(_zip(_THIRD, method=zipfile.ZIP_LZMA), _flip(b"b/3.jpg", 30)), **_unreadable),
    "zip, member said to be longer": Broken(_changed(_zip(_THIRD), _listed(_SIZE, 10**9)), products=3),
    "zip, member said to be shorter": Broken(_changed(_zip(_THIRD), _listed(_SIZE, 20)), **_unreadable),
    "zip, member said to be elsewhere": Broken(_changed(_zip(_THIRD), _listed(_OFFSET, 7)), error="share bytes"),
    "zip, two members are one": Broken(_changed(_zip(_THIRD), _listed(_OFFSET, 0)), error="share bytes"),
    "zip, photo that is a bomb": Broken(
        _zip(("b/3.jpg", bytes(10**7)), method=zipfile.ZIP_DEFLATED),
        settings=_SMALL,
        **set_aside("no usable photo", "photo too large"),
    ),
    "zip, cut short": Broken(_changed(_zip(), lambda data: data[:-30]), error="damaged, cut short, or none"),
    "zip, its beginning cut": Broken(_changed(_zip(), lambda data: data[400:]), error="as a zip"),
    "zip, empty": Broken(_raw("dump.zip", b""), error="damaged, cut short, or none"),
    "zip, text": Broken(_raw("dump.zip", b"no zip at all"), error="damaged, cut short, or none"),
    "zip, without photos": Broken(
        lambda root: zip_of(root / "dump.zip", [("readme.txt", b"x")]), error="no known format"
    ),
    "zip, without members": Broken(lambda root: zip_of(root / "dump.zip", []), error="no known format"),
    "7z": Broken(_raw("dump.7z", b"7z\xbc\xaf\x27\x1c"), error="unpack it and name the folder"),
    "tar, cut in a photo": Broken(_changed(_tar(), lambda data: data[:1700]), error="damaged or cut short after 1"),
    "tar, cut in a header": Broken(_changed(_tar(), lambda data: data[:1200]), error="damaged or cut short after 1"),
    "tar, header damaged": Broken(_changed(_tar(), _flip(b"b/2.jpg", 0)), error="damaged or cut short after 1"),
    "tar, cut between members": Broken(
        _changed(_tar(), lambda data: data[:_END]), findings={"archive without an end": 1}
    ),
    "tar, a second one behind it": Broken(
        _changed(_tar(), lambda data: data + data), findings={"data behind the end of the archive": 1}
    ),
    "tar, size below zero": Broken(_of_size(-1024), error="damaged or cut short after 2"),
    "tar, size beyond the end": Broken(_of_size(10**12), error="damaged or cut short after"),
    "tar, extra header of a gigabyte": Broken(_tar((_HUGE_EXTRA, bytes(2**19))), error="a header of type b'x' says"),
    "tar, text": Broken(_raw("dump.tar", b"no tar " * 200), error="is no tar"),
    "tar, empty": Broken(_raw("dump.tar", b""), error="is no tar"),
    "tar.gz, cut short": Broken(
        _changed(_tar(name="dump.tar.gz"), lambda data: data[:-40]), error="damaged, cut short, or none"
    ),
    "tar.bz2, damaged": Broken(
        _changed(_tar(name="dump.tar.bz2"), _flip(b"BZh", 40)), error="damaged, cut short, or none"
    ),
    "tar.xz, damaged": Broken(
        _changed(_tar(name="dump.tar.xz"), _flip(b"7zXZ", 60)), error="damaged, cut short, or none"
    ),
    "tar.gz, text in it": Broken(_raw("dump.tgz", gzip.compress(b"no tar " * 200)), error="is no tar"),
    "tar.xz, nothing in it": Broken(_raw("dump.txz", lzma.compress(b"")), error="is no tar"),
    "zip, bson with a wrong checksum": Broken(
        _changed(
            lambda root: zip_of(root / "dump.zip", [("test.bson", document(1, None, photo(1)))]), _flip(photo(1), 300)
        ),
        error="cannot be read (Bad CRC-32",
    ),
    "zip, table that leads out": Broken(
        lambda root: zip_of(
            root / "dump.zip",
            [("list.csv", b"image,label\n1.jpg,a\n2,b\n../../etc/passwd,c\n/etc/passwd,d\n"),
             ("images/1.jpg", photo(1)), ("images/2.jpg", photo(2))],
        ),
        set_aside={"no photo": 2},
    ),
}  # fmt: skip

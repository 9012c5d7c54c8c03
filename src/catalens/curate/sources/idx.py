"""MNIST and its family: grey pictures in `train-images-idx3-ubyte`, their classes in `train-labels-idx1-ubyte`, or .gz.

The format stands at the end of http://yann.lecun.com/exdb/mnist/: a magic number that says how many dimensions there
are, their sizes as big-endian int32, then the bytes.
"""

from __future__ import annotations

import gzip
import io
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, ClassVar, cast

import numpy as np
from PIL import Image

from catalens.core.errors import SourceError
from catalens.curate.sources.files import DumpPath, scan
from catalens.curate.sources.given import part_name
from catalens.curate.sources.lines import text_file
from catalens.curate.sources.photos import fingerprint
from catalens.curate.sources.protocol import IngestSettings, Item, Photo, Row, Unusable, numbered

LABELS = "labels.txt"
IMAGES_MAGIC, LABELS_MAGIC = 0x0803, 0x0801  # unsigned bytes in three dimensions, in one
LONGEST_SIDE = 4096
_NAME = re.compile(r"(.+)-images[-.]idx3-ubyte(\.gz)?")
_PARTS = {"t10k": "test"}  # what MNIST calls its test part


@dataclass(frozen=True, slots=True)
class _Part:
    """Two files that belong together, and what their heads say."""

    name: str
    images: DumpPath
    labels: DumpPath
    count: int
    height: int
    width: int


class IdxSource:
    """A picture is a product, called "train-17"; its class is a name of labels.txt (one a line), else its number."""

    looks_for: ClassVar[str] = "a folder with NAME-images-idx3-ubyte and NAME-labels-idx1-ubyte, or these as .gz"
    uses: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, path: DumpPath, settings: IngestSettings) -> None:
        names = _names(path)
        if not names:
            raise SourceError(f"expected {self.looks_for}", source=str(path))
        self.parts = [_part(path, name) for name in names]
        self.names = _class_names(path / LABELS)
        self.level_names = ()
        self.taxonomy = None
        self.total = sum(part.count for part in self.parts)
        listed = [path / LABELS] if self.names else []
        self.fingerprint = fingerprint([*(file for part in self.parts for file in (part.images, part.labels)), *listed])
        shapes = (f"{part.name}: {part.count:,} pictures {part.width}x{part.height}" for part in self.parts)
        unnamed = () if self.names else (f"classes are numbers; names, one a line, can stand in {LABELS}",)
        self.remarks = (*shapes, *unnamed)

    @staticmethod
    def fits(path: DumpPath) -> bool:
        return path.is_dir() and bool(_names(path))

    def read(self, cursor: int) -> Iterator[tuple[int, Item]]:
        return numbered((item for part in self.parts for item in self._items(part)), cursor)

    def _items(self, part: _Part) -> Iterator[Item]:
        with _opened(part.images) as images, _opened(part.labels) as labels:
            _exactly(images, 16, part.images)
            _exactly(labels, 8, part.labels)
            for number in range(part.count):
                pixels = _exactly(images, part.height * part.width, part.images, number)
                label = _exactly(labels, 1, part.labels, number)[0]
                place = f"{part.images.name}: picture {number}"
                product = f"{part.name}-{number}"
                if self.names and label >= len(self.names):
                    yield Unusable(place, "unknown class", f"{LABELS} has no line for class {label}", product)
                    continue
                photo = Photo(f"{product}.png", partial(_png, pixels, part.height, part.width))
                category = (self.names[label] if self.names else str(label),)
                split = _PARTS.get(part.name) or part_name(part.name)
                yield Row(product, (photo,), (place,), category=category, given_split=split)
            for opened, file in ((images, part.images), (labels, part.labels)):
                if _read(opened, 1, file):  # at the end a .gz compares its checksum
                    raise SourceError(f"goes on after {part.count:,} pictures", source=str(file))


def _names(folder: DumpPath) -> list[str]:
    """The names of files of pictures in a folder: train before t10k, as their numbers were given out.

    Not of a .gz that was unpacked beside itself: it holds the same pictures.
    """
    if not folder.is_dir():
        return []
    found = {entry.name for entry in scan(folder) if not entry.is_folder and _NAME.fullmatch(entry.name)}
    packed = {f"{name}.gz" for name in found}
    return sorted(found - packed, reverse=True)


def _part(folder: DumpPath, name: str) -> _Part:
    """Raises SourceError if the two files are not there, are no IDX, or do not belong together."""
    images, labels = folder / name, folder / name.replace("images", "labels").replace("idx3", "idx1")
    if not labels.is_file():
        raise SourceError(f"expected {labels.name} beside it", source=str(images))
    count, height, width = _head(images, IMAGES_MAGIC, 3)
    (labelled,) = _head(labels, LABELS_MAGIC, 1)
    if count != labelled:
        raise SourceError(f"holds {labelled:,} labels, {images.name} {count:,} pictures", source=str(labels))
    if not 0 < height <= LONGEST_SIDE or not 0 < width <= LONGEST_SIDE:
        raise SourceError(f"expected pictures of 1 to {LONGEST_SIDE} a side, got {width}x{height}", source=str(images))
    match = _NAME.fullmatch(name)
    return _Part(match[1] if match else name, images, labels, count, height, width)


def _head(file: DumpPath, magic: int, dimensions: int) -> tuple[int, ...]:
    with _opened(file) as opened:
        found, *sizes = struct.unpack(f">{1 + dimensions}I", _exactly(opened, 4 + 4 * dimensions, file))
    if found != magic:
        raise SourceError(
            f"is no IDX file of this kind: expected magic {magic:#06x}, got {found:#010x}", source=str(file)
        )
    return tuple(sizes)


@contextmanager
def _opened(file: DumpPath) -> Iterator[BinaryIO]:
    """The file's bytes, unpacked if it is a .gz.  Raises SourceError."""
    try:
        raw = file.open("rb")
    except OSError as error:
        raise SourceError(f"cannot be read ({error})", source=str(file)) from None
    with raw:
        yield cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if file.suffix == ".gz" else raw


def _read(opened: BinaryIO, size: int, file: DumpPath, number: int | None = None) -> bytes:
    """Up to `size` bytes.  Raises SourceError naming the file and the picture."""
    try:
        return opened.read(size)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"cannot be read ({error})", source=str(file), row=number) from None


def _exactly(opened: BinaryIO, size: int, file: DumpPath, number: int | None = None) -> bytes:
    data = _read(opened, size, file, number)
    if len(data) < size:
        raise SourceError("ends early", source=str(file), row=number)
    return data


def _class_names(file: DumpPath) -> list[str]:
    if not file.is_file():
        return []
    with text_file(file) as lines:
        names = [line.strip() for line in lines]
    if not all(names) or len(set(names)) != len(names):
        raise SourceError("expected a name on every line, each of them once", source=str(file))
    return names


def _png(pixels: bytes, height: int, width: int) -> BinaryIO:
    """Grey bytes [height, width] as a PNG that is stored, not deflated: its bytes are the same with every zlib."""
    target = io.BytesIO()
    Image.fromarray(np.frombuffer(pixels, np.uint8).reshape(height, width)).save(target, "PNG", compress_level=0)
    target.seek(0)
    return target

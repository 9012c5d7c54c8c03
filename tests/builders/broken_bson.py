"""BSON dumps that are damaged, each with what must come of it."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import bson

from tests.builders.dumps import document, photo

GOOD = document(1, 1, photo(1))
LAST = document(2, 1, photo(2))
TEXT, EMBEDDED, BINARY, INT32 = 0x02, 0x03, 0x05, 0x10


@dataclass(frozen=True)
class BrokenBson:
    """`build()` is the dump; `products` are the ids kept, `set_aside` the causes; `error` a message, if it fails."""

    build: Callable[[], bytes]
    products: tuple[str, ...] = ()
    set_aside: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None


def element(kind: int, name: str, value: bytes) -> bytes:
    return bytes([kind]) + name.encode() + b"\0" + value


def framed(*elements: bytes, length: int | None = None) -> bytes:
    """A document of these elements; `length` lies about it."""
    body = b"".join(elements) + b"\0"
    return struct.pack("<i", len(body) + 4 if length is None else length) + body


def nested(depth: int) -> bytes:
    """A product whose `_id` is a document in a document in a document ..."""
    heads = b"".join(struct.pack("<i", 5 + 8 * (depth - level)) + b"\x03a\0" for level in range(depth))
    return framed(element(EMBEDDED, "_id", heads + framed() + bytes(depth)))


def with_length(data: bytes, length: int, at: int = 0) -> bytes:
    """Another int32 at that place."""
    return data[:at] + struct.pack("<i", length) + data[at + 4 :]


def product(**values: object) -> bytes:
    """A document with other values than `document` gives."""
    return bson.encode({"_id": 9, "category_id": 1, "imgs": [{"picture": photo(9)}], **values})


def _between(middle: bytes) -> Callable[[], bytes]:
    return lambda: GOOD + middle + LAST


def _kept(middle: bytes, cause: str, count: int = 1) -> BrokenBson:
    return BrokenBson(_between(middle), ("1", "2"), {cause: count})


def _inner_length() -> int:
    """Where the length of `imgs` stands in GOOD."""
    return GOOD.index(b"\x04imgs\0") + len(b"\x04imgs\0")


BROKEN_BSON: dict[str, BrokenBson] = {
    "an empty file": BrokenBson(lambda: b"", error="no product could be used: it has no rows"),
    "text": BrokenBson(lambda: b'{"_id": 1}\n' * 50, error=r"no product could be used: damaged bytes \(1\)"),
    "zeros": BrokenBson(lambda: bytes(5000), error=r"no product could be used: damaged bytes \(1\)"),
    "one byte": BrokenBson(lambda: b"\x07", error=r"no product could be used: document cut short \(1\)"),
    "cut in the length": BrokenBson(lambda: GOOD + LAST[:3], ("1",), {"document cut short": 1}),
    "cut in a picture": BrokenBson(lambda: GOOD + LAST[:90], ("1",), {"document cut short": 1}),
    "cut before the last byte": BrokenBson(lambda: GOOD + LAST[:-1], ("1",), {"document cut short": 1}),
    "cut at the start": BrokenBson(lambda: GOOD[40:] + LAST, ("2",), {"damaged bytes": 1}),
    "zeros between documents": _kept(bytes(1000), "damaged bytes"),
    "text between documents": _kept(b"log: written 1000 of 1000\n", "damaged bytes"),
    "a length of minus one": _kept(with_length(product(), -1), "damaged bytes"),
    "a length of zero": _kept(with_length(product(), 0), "damaged bytes"),
    "a length of two gigabytes": _kept(with_length(product(), 2**31 - 1), "damaged bytes"),
    "a length that runs into the next": _kept(with_length(product(), len(product()) + 50), "broken document"),
    "a length beyond the end": _kept(with_length(product(), 10**6), "damaged bytes"),
    "a length that is too short": _kept(with_length(product(), 40), "broken document"),
    "an inner length that is too long": _kept(with_length(GOOD, 10**7, _inner_length()), "broken document"),
    "an inner length that is negative": _kept(with_length(GOOD, -5, _inner_length()), "broken document"),
    "an unknown type": _kept(framed(element(0x55, "_id", bytes(4))), "broken document"),
    "a name without an end": _kept(struct.pack("<i", 12) + b"\x10_identi\0"[:8], "broken document"),
    "text that is no UTF-8": _kept(
        framed(element(TEXT, "_id", struct.pack("<i", 3) + b"\xff\xfe\0")), "broken document"
    ),
    "a picture longer than its document": _kept(
        framed(element(INT32, "_id", bytes(4)), element(BINARY, "x", struct.pack("<i", 2**30) + b"\0")),
        "broken document",
    ),
    "a key twice": _kept(
        framed(element(INT32, "_id", struct.pack("<i", 5)), element(INT32, "_id", struct.pack("<i", 6))),
        "broken document",
    ),
    "documents in documents, 100,000 deep": _kept(nested(100_000), "broken document"),
    "no id": _kept(bson.encode({"category_id": 1, "imgs": []}), "no product id"),
    "an id of null": _kept(product(_id=None), "no product id"),
    "an id of no letters": _kept(product(_id=""), "no product id"),
    "an id that is a document": _kept(product(_id={"a": 1}), "wrong type"),
    "an id that is true": _kept(product(_id=True), "wrong type"),
    "an id that is a fraction": _kept(product(_id=1.5), "wrong type"),
    "an id that is no number": _kept(product(_id=float("nan")), "wrong type"),
    "an id of a million letters": _kept(product(_id="x" * 10**6), "wrong type"),
    "an id that came before": _kept(document(1, 1, photo(7)), "duplicate product id"),
    "an id that came before, as text": _kept(product(_id="1"), "duplicate product id"),
    "an id that came before, as a double": _kept(product(_id=1.0), "duplicate product id"),
    "a category that is a list": _kept(product(category_id=[1]), "wrong type"),
    "photos that are no list": _kept(product(imgs={"0": {"picture": photo(9)}}), "wrong type"),
    "photos that are text": _kept(product(imgs="picture"), "wrong type"),
    "a photo that is text": _kept(product(imgs=[{"picture": "text"}]), "no photo"),
    "a photo that is a number": _kept(product(imgs=[7]), "no photo"),
    "a photo of no bytes": _kept(product(imgs=[{"picture": b""}]), "no usable photo"),
    "an empty document": _kept(framed(), "no product id"),
}

"""Folders and tables that are damaged or odd."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from catalens.curate.sources import IngestSettings
from tests.builders.broken import GOOD, Broken, files
from tests.builders.dumps import BAD, photo, write

PHOTOS = {"images/1.jpg": photo(1), "images/2.jpg": photo(2)}
HEAD, ROWS = "image,label\n", "1.jpg,a\n2.jpg,b\n"


def _table(text: str | bytes, name: str = "list.csv") -> Callable[[Path], Path]:
    """A table beside two photos."""
    return files({**PHOTOS, name: text})


def _parquet(columns: Mapping[str, Any], change: Callable[[bytes], bytes] = bytes) -> Callable[[Path], Path]:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return files({**PHOTOS, "list.parquet": change(file.getvalue())})


def _links(root: Path) -> Path:
    """A link in a circle, one to nowhere, one to itself."""
    dump = write(root / "dump", GOOD)
    (dump / "a" / "round").symlink_to(dump, target_is_directory=True)
    (dump / "a" / "gone.jpg").symlink_to(dump / "nowhere.jpg")
    (dump / "a" / "self.jpg").symlink_to("self.jpg")
    return dump


def _taxonomy(root: Path) -> Path:
    """A table with ids, and a taxonomy in which two categories are each other's parents."""
    rows = [{"id": "a", "parent": "b", "level": 1}, {"id": "b", "parent": "a", "level": 1}]
    names = pa.Table.from_pylist([{**row, "name": row["id"]} for row in rows])
    pq.write_table(names, root / "cyclic.parquet")
    return _table(HEAD + ROWS)(root)


_LOST = {"set_aside": {"no photo": 1}}
_NO_ROWS = "no product could be used: it has no rows"

BROKEN_FILES = {
    "folder, links": Broken(
        _links,
        set_aside={"no usable photo": 2},
        findings={"unreadable photo": 2, "folder links to one above it": 1},
    ),
    "folder, text and nothing for photos": Broken(
        files({**GOOD, "a/text.jpg": BAD, "a/empty.png": b""}),
        set_aside={"no usable photo": 2},
        findings={"unreadable photo": 2},
    ),
    "folder, named like files": Broken(
        files({**GOOD, "c.jpg/3.jpg": photo(3), "list.csv/4.jpg": photo(4)}), products=4
    ),
    "folder, 200 deep": Broken(files({**GOOD, "d/" * 200 + "3.jpg": photo(3)}), products=3),
    "folder, archives and tables within": Broken(
        files({**GOOD, "a/more.zip": b"PK", "a/list.csv": HEAD}),
        findings={"archive that was not opened": 1, "not a photo": 1},
    ),
    "folder, empty": Broken(files({"readme.txt": "nothing"}), error="no known format"),
    "folder, all hidden": Broken(files({".a/1.jpg": photo(1)}), error="no known format"),
    "folder, a name like a path": Broken(files({"a > b/1.jpg": photo(1), "a/b/2.jpg": photo(2)})),
    "csv, cp1252": Broken(
        _table("image,label\n1.jpg,M\u00f6bel\n".encode("cp1252")), error="cp1252 reads '1.jpg,Möbel', cp850"
    ),
    "csv, cp1252 as told": Broken(
        _table("image,label\n1.jpg,M\u00f6bel\n2.jpg,b\n".encode("cp1252")), settings=IngestSettings(encoding="cp1252")
    ),
    "csv, UTF-16": Broken(_table((HEAD + ROWS).encode("utf-16")), error="pass --encoding utf-16"),
    "csv, UTF-16 as told": Broken(
        _table((HEAD + ROWS).encode("utf-16")), settings=IngestSettings(encoding="utf-16")
    ),
    "csv, byte order mark and semicolons": Broken(_table("\ufeffimage;label\r\n1.jpg;a\r\n2.jpg;b,c\r\n")),
    "csv, empty": Broken(files({"list.csv": ""}, "list.csv"), error="--image-column"),
    "csv, header alone": Broken(_table(HEAD), error=_NO_ROWS),
    "csv, blank lines alone": Broken(_table(HEAD + "\n\n\n"), error=_NO_ROWS),
    "csv, ragged rows": Broken(_table(HEAD + ROWS + "1.jpg\n1.jpg,a,b\n"), set_aside={"broken row": 2}),
    "csv, NUL bytes": Broken(_table(HEAD + ROWS + "1\0.jpg,a\n"), **_LOST),
    "csv, quote that never ends": Broken(_table(HEAD + '1.jpg,"a\n2.jpg,b\n'), error="row 1: a quote is opened"),
    "csv, stray quotes": Broken(
        _table(HEAD + ROWS + '1.jpg,"a\n2.jpg,b"\n'), set_aside={"line break in the category": 1}
    ),
    "csv, column twice": Broken(_table("image,image,label\n1.jpg,2.jpg,a\n"), error="stands twice"),
    "csv, other columns": Broken(files({"list.csv": "a,b\n1,2\n"}, "list.csv"), error="--image-column"),
    "csv, column that is not there": Broken(
        _table(HEAD + ROWS), error="did you mean 'label'", settings=IngestSettings(category=("lable",))
    ),
    "csv, one id with two categories": Broken(
        _table("id,image,label\n1,1.jpg,a\n1,2.jpg,b\n2,1.jpg,a\n3,2.jpg,b\n"), set_aside={"contradictory category": 2}
    ),
    "csv, an id twice": Broken(
        _table("id,image,label\n1,1.jpg,a\n2,2.jpg,b\n1,2.jpg,a\n"), findings={}
    ),
    "csv, no id": Broken(_table("id,image,label\n1,1.jpg,a\n2,2.jpg,b\n,1.jpg,a\n"), set_aside={"no product id": 1}),
    "csv, gap in the category": Broken(
        _table("image,l1,l2\n1.jpg,a,x\n2.jpg,b,y\n1.jpg,,z\n"), set_aside={"gap in the category": 1}
    ),
    "csv, path of 10,000 characters": Broken(_table(HEAD + ROWS + "x/" * 5000 + ".jpg,a\n"), **_LOST),
    "csv, base64 that is none": Broken(_table(HEAD + ROWS + '"data:image/jpeg;base64,!!",a\n'), **_LOST),
    "csv, two tables": Broken(files({**PHOTOS, "x.csv": HEAD, "y.csv": HEAD}), error="x.csv, y.csv; name the file"),
    "csv, cyclic taxonomy": Broken(
        _taxonomy, error="which is not listed before it", settings=IngestSettings(taxonomy=Path("cyclic.parquet"))
    ),
    "jsonl, broken lines": Broken(
        _table(f'{{"image": "1"}}\n{{"image": \n[1]\n{"[" * 10**5}\n{{"image": "2"}}', "list.jsonl"),
        set_aside={"broken row": 3},
    ),
    "jsonl, odd cells": Broken(
        _table('{"image": ["1", {"url": 3}, [4]]}\n{"image": 2}\n{"image": null}', "list.jsonl"),
        set_aside={"no photo": 1},
        findings={"photo not found": 2},
    ),
    "parquet, cut short": Broken(
        _parquet({"image": ["1", "2"], "label": ["a", "b"]}, lambda data: data[:-10]), error="as a Parquet table"
    ),
    "parquet, damaged pages": Broken(
        _parquet({"image": ["1", "2"], "label": ["a", "b"]}, lambda data: data[:4] + b"\xff" * 60 + data[64:]),
        error="as a Parquet table",
    ),
    "parquet, text": Broken(_table("no parquet", "list.parquet"), error="as a Parquet table"),
    "parquet, numbers for photos": Broken(_parquet({"image": [1, 2, 99], "label": ["a", "b", "c"]}), **_LOST),
    "parquet, bytes that are no photo": Broken(
        _parquet({"image": [photo(1), photo(2), BAD, None], "label": ["a", "b", "c", "d"]}),
        set_aside={"no usable photo": 1, "no photo": 1},
        findings={"unreadable photo": 1},
    ),
    "parquet, all missing": Broken(_parquet({"image": pa.nulls(2), "label": ["a", "b"]}), error="no photo (2)"),
}  # fmt: skip

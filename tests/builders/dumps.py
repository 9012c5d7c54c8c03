"""Small dumps of every format the readers know, with something wrong in each, and what must come of them."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bson
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from catalens.core.errors import FetchError
from catalens.core.web import Fetched
from catalens.curate.fetch.downloads import Downloads
from catalens.curate.sources import IngestSettings

BAD = b"this is no picture"


@dataclass(frozen=True)
class Dump:
    """`photos` holds the bytes of every product to be kept; `vital` is the file without which nothing can be read."""

    source: Path
    photos: Mapping[str, Sequence[bytes]]
    set_aside: Mapping[str, int]
    findings: Mapping[str, int]
    vital: Path
    leaves: tuple[str, ...]
    settings: IngestSettings = field(default_factory=IngestSettings)


def photo(number: int, *, kind: str = "JPEG", size: tuple[int, int] = (12, 16)) -> bytes:
    """A small picture; equal numbers give equal bytes, others do not."""
    file = io.BytesIO()
    colour = (number * 40 % 256, number * 91 % 256, number * 17 % 256)
    Image.new("RGB", size, colour).save(file, kind)
    return file.getvalue()


def write(folder: Path, files: Mapping[str, bytes | str]) -> Path:
    """Write {relative path: content}."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def folder_dump(root: Path) -> Dump:
    """Split folders, two depths, a hidden folder, a text file, a bad photo."""
    kept = {
        "train/Fruit/Apple/a.jpg": photo(1),
        "train/Fruit/Apple/b.JFIF": photo(2),
        "train/Milk/c.webp": photo(3, kind="WEBP"),
        "validation/Fruit/Apple/a.jpg": photo(4),
    }
    others = {"train/Milk/bad.png": BAD, "train/.cache/x.jpg": photo(5), "train/Milk/notes.txt": "hello"}
    return Dump(
        write(root / "photos", kept | others),
        {name: [data] for name, data in kept.items()},
        {"no usable photo": 1},
        {"unreadable photo": 1, "hidden folder": 1, "not a photo": 1},
        root / "photos",
        ("Fruit > Apple", "Milk"),
    )


def table_dump(root: Path) -> Dump:
    """Several photos a row, several rows a product, a contradiction, a photo that is missing and one that is bad."""
    rows = [
        "sku,image,category,sender_id,colour",
        "p1,1.jpg|2,Fruit > Apple,anna,red",
        "p2,3.jpg,Milk,ben,white",
        "p1,4.jpg,Fruit > Apple,anna,red",
        "p3,5.jpg,Milk,ben,",
        "p3,5.jpg,Fruit > Pear,ben,",
        "p4,bad.jpg,Milk,ben,",
        "p5,missing.jpg,Milk,ben,",
        "p6,6,Milk,,",
        "broken",
    ]
    files = {f"images/{number}.jpg": photo(number) for number in range(1, 7)}
    source = write(root / "shop", {"listings.csv": "\n".join(rows), "images/bad.jpg": BAD, **files})
    return Dump(
        source,
        {"p1": [photo(1), photo(2), photo(4)], "p2": [photo(3)], "p6": [photo(6)]},
        {"contradictory category": 2, "no usable photo": 1, "no photo": 1, "broken row": 1},
        {"unreadable photo": 1},
        source / "listings.csv",
        ("Fruit > Apple", "Milk"),
    )


def grocery_dump(root: Path) -> Dump:
    """Ragged paths, a class that is not in the list, ids that contradict the path, a bad and a missing photo."""
    header = "Class Name (str),Class ID (int),Coarse Class Name (str),Coarse Class ID (int),Iconic Image Path (str)"
    kept = {
        "train/Fruit/Apple/Pink/1.jpg": photo(1),
        "train/Milk/2.jpg": photo(2),
        "val/Fruit/Apple/Pink/1.jpg": photo(3),
    }
    lists = {
        "classes.csv": f"{header}\nPink,0,Apple,0,x\nMilk,1,Milk,7,y\n",
        "train.txt": "train/Fruit/Apple/Pink/1.jpg, 0, 0\ntrain/Milk/2.jpg, 1, 7\ntrain/Milk/bad.jpg, 1, 7\n"
        "train/Milk/missing.jpg, 1, 7\ntrain/Milk/2.jpg, 5, 7\ntrain/Milk/2.jpg, 0, 0\n",
        "val.txt": "val/Fruit/Apple/Pink/1.jpg, 0, 0\nnonsense\n",
    }
    source = write(root / "grocery", {**kept, **lists, "train/Milk/bad.jpg": BAD})
    return Dump(
        source,
        {name: [data] for name, data in kept.items()},
        {
            "no usable photo": 1,
            "no photo": 1,
            "unknown class": 1,
            "contradictory category": 1,
            "wrong number of columns": 1,
        },
        {"unreadable photo": 1},
        source / "train.txt",
        ("Fruit > Apple > Pink", "Milk"),
    )


def fashion_dump(root: Path) -> Dump:
    """A zip read in place; unquoted commas, a stray quote, "NA", a row cut short, an id twice, photos without a row."""
    rows = [
        "id,gender,masterCategory,subCategory,articleType,year,productDisplayName",
        "10,Men,Apparel,Topwear,Shirts,2011,Shirt, navy, with a comma",
        '11,Women,Apparel,Topwear,Tshirts,2012,"Quoted, and a comma"',
        "12,NA,Accessories,Ties,Ties,NA,NA",
        '13,Men,Apparel,Innerwear,Shirts,2011,"a quote that never ends',
        "14,Men,Apparel,Topwear,Shirts,2011,no photo",
        "15,Men,Apparel,Topwear,Shirts,2011,bad photo",
        "16,Men",
        "10,Men,Apparel,Topwear,Shirts,2011,again",
        "17,Men,Apparel,,Shirts,2011,gap",
    ]
    source = write(root / "fashion", {"styles.csv": "\n".join(rows)})
    with zipfile.ZipFile(source / "images.zip", "w") as archive:
        for identity in (10, 11, 12, 13, 17, 99):
            archive.writestr(f"images/{identity}.jpg", photo(identity))
        archive.writestr("images/15.jpg", BAD)
        archive.writestr("__MACOSX/images/._10.jpg", BAD)
    return Dump(
        source,
        {str(identity): [photo(identity)] for identity in (10, 11, 12, 13)},
        {
            "no photo": 1,
            "no usable photo": 1,
            "wrong number of columns": 1,
            "duplicate product id": 1,
            "gap in the category": 1,
        },
        {"unreadable photo": 1, "photo without a row": 2},  # 99, and 17 whose row was set aside
        source / "styles.csv",
        (
            "Accessories > Ties > Ties",
            "Apparel > Innerwear > Shirts",
            "Apparel > Topwear > Shirts",
            "Apparel > Topwear > Tshirts",
        ),
    )


def products10k_dump(root: Path) -> Dump:
    """A class in two groups, a test list without groups, photos in a folder and in a zip, a bad and a missing photo."""
    train = ["name,class,group", "0.jpg,10,7", "1.jpg,9,7", "2.jpg,10,7", "3.jpg,10,8", "4.jpg,2,8", "5.jpg,9,7", "6"]
    test = ["name,class,Usage", "0.jpg,9,Public", "1.jpg,77,Private", "2.jpg,,Private"]
    files = {f"train/{number}.jpg": photo(number) for number in (0, 1, 3, 4)}
    lists = {"train.csv": "\n".join(train), "test_kaggletest.csv": "\n".join(test)}
    source = write(root / "products", {**files, **lists, "train/5.jpg": BAD})
    with zipfile.ZipFile(source / "test.zip", "w") as archive:
        for number in (0, 1, 2):
            archive.writestr(f"test/{number}.jpg", photo(20 + number))
    return Dump(
        source,
        {
            "train/0.jpg": [photo(0)],
            "train/1.jpg": [photo(1)],
            "train/4.jpg": [photo(4)],
            "test/0.jpg": [photo(20)],
            "test/2.jpg": [photo(22)],
        },
        {
            "contradictory category": 1,
            "gap in the category": 1,
            "no photo": 1,
            "no usable photo": 1,
            "broken row": 1,
        },
        {"unreadable photo": 1},
        source / "train.csv",
        ("7 > 9", "7 > 10", "8 > 2"),
    )


def parquet_dump(root: Path) -> Dump:
    """Shards of a Hugging Face data set: a number without a class, a class without photos, a photo that is bad."""
    train = [(photo(1), 1), (photo(2), 0), (BAD, 0), (photo(3), 7), (None, 1)]
    more = [(photo(4), 1), (photo(5), -1)]
    source = write(root / "hub", {"README.md": "license: mit"})
    for name, rows in {
        "train-00000-of-00002": train,
        "train-00001-of-00002": more,
        "test-00000-of-00001": [(photo(6), 2)],
    }.items():
        hugging_face(source / "data" / f"{name}.parquet", rows, names=["shoe", "Hat", "bag", "unseen"])
    return Dump(
        source,
        {
            "test/0": [photo(6)],
            "train/0": [photo(1)],
            "train/1": [photo(2)],
            "train/5": [photo(4)],
            "train/6": [photo(5)],
        },
        {"broken row": 1, "no photo": 1, "no usable photo": 1},
        {"unreadable photo": 1},
        source / "data" / "test-00000-of-00001.parquet",
        ("Hat", "bag", "shoe", "unseen"),
    )


def hugging_face(path: Path, rows: Sequence[tuple[bytes | None, int | None]], *, names: Sequence[str]) -> Path:
    """A Parquet file as the `datasets` library writes it."""
    features = {"image": {"_type": "Image"}, "label": {"names": list(names), "_type": "ClassLabel"}}
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("image", image), ("label", pa.int64())])
    cells = [{"image": {"bytes": data, "path": None}, "label": label} for data, label in rows]
    said = {"huggingface": json.dumps({"info": {"features": features}})}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(cells, schema).replace_schema_metadata(said), path)
    return path


def urls_dump(root: Path) -> Dump:
    """A list whose photos were fetched before, so that nobody is asked: some are not there, one is cut short."""
    rows = [
        "sku,image_url,category,licence",
        "p1,http://shop.example/1.jpg|http://shop.example/2.jpg,Fruit > Apple,CC0",
        "p2,https://cdn.example/3.jpg?w=100,Milk,CC-BY",
        "p1,http://shop.example/4.jpg,Fruit > Apple,CC0",
        "p3,http://shop.example/gone.jpg,Milk,CC0",
        "p4,http://shop.example/cut.jpg,Milk,CC0",
        "p5,http://shop.example/gone.jpg|http://shop.example/1.jpg,Milk,CC0",
        "p6,7.jpg,Milk,CC0",
        "p7,,Milk,CC0",
        "broken",
    ]
    source = write(root / "urls", {"list.csv": "\n".join(rows)}) / "list.csv"
    downloads = Downloads(source.with_name("list.csv.downloads"))
    names = {"http://shop.example/1.jpg": 1, "http://shop.example/2.jpg": 2, "http://shop.example/4.jpg": 4}
    for url, number in {**names, "https://cdn.example/3.jpg?w=100": 3}.items():
        downloads.keep(url, Fetched(url, photo(number)))
    downloads.keep("http://shop.example/cut.jpg", Fetched("http://shop.example/cut.jpg", photo(5)[:60]))
    gone = FetchError("HTTP 404", cause="fetch failed: HTTP 404", again="never")
    downloads.remember("http://shop.example/gone.jpg", gone, max_bytes=2**40)
    return Dump(
        source,
        {"p1": [photo(1), photo(2), photo(4)], "p2": [photo(3)], "p5": [photo(1)]},
        {"no usable photo": 3, "no photo": 1, "broken row": 1},
        {"fetch failed: HTTP 404": 2, "unreadable photo": 1, "not a usable URL": 1},
        source,
        ("Fruit > Apple", "Milk"),
    )


def idx_dump(root: Path) -> Dump:
    """MNIST's files, one pair packed; a class that has no name."""
    files = {
        "train-images-idx3-ubyte.gz": gzip.compress(idx_images([10, 20, 30, 40])),
        "train-labels-idx1-ubyte.gz": gzip.compress(idx_labels([1, 0, 2, 1])),
        "t10k-images-idx3-ubyte": idx_images([50, 60]),
        "t10k-labels-idx1-ubyte": idx_labels([0, 1]),
        "labels.txt": "Bag\nAnkle boot\n",
    }
    source = write(root / "mnist", files)
    kept = {"train-0": 10, "train-1": 20, "train-3": 40, "t10k-0": 50, "t10k-1": 60}
    return Dump(
        source,
        {name: [grey_png(grey)] for name, grey in kept.items()},
        {"unknown class": 1},
        {},
        source / "train-images-idx3-ubyte.gz",
        ("Ankle boot", "Bag"),
    )


def idx_images(greys: Sequence[int]) -> bytes:
    """Pictures 3 wide and 2 high, each of one grey but for its first pixel, which is black."""
    pixels = b"".join(b"\0" + bytes([grey] * 5) for grey in greys)
    return struct.pack(">4I", 0x0803, len(greys), 2, 3) + pixels


def idx_labels(labels: Sequence[int]) -> bytes:
    return struct.pack(">2I", 0x0801, len(labels)) + bytes(labels)


def grey_png(grey: int) -> bytes:
    """What `idx` makes of one of these pictures."""
    picture = Image.new("L", (3, 2), grey)
    picture.putpixel((0, 0), 0)
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=0)
    return file.getvalue()


def bson_dump(root: Path) -> Dump:
    """A broken document in the middle, the last one cut, a category the taxonomy does not have, a photo twice."""
    names = "category_id,category_level1,category_level2,category_level3\n1,A,B,SAME\n2,A,C,SAME\n3,D,E,F\n"
    documents = [
        document(7, 1, photo(1), photo(2)),
        document(8, 2, photo(3), BAD, photo(3)),
        document(7, 1, photo(4)),
        _broken(document(9, 1, photo(5))),
        document(10, 99, photo(6)),
        document(11, 3),
        document(12, 3, BAD),
        document(13, 3, photo(7))[:-20],
    ]
    source = write(root / "dump", {"train.bson": b"".join(documents), "category_names.csv": names})
    return Dump(
        source,
        {"7": [photo(1), photo(2)], "8": [photo(3), photo(3)], "10": [photo(6)]},
        {
            "duplicate product id": 1,
            "broken document": 1,
            "no photo": 1,
            "no usable photo": 1,
            "document cut short": 1,
        },
        {"unreadable photo": 2, "same photo twice": 1, "category not in the taxonomy": 1},
        source / "category_names.csv",
        ("1", "2", "3"),
    )


def document(product: int, category: int | None, *pictures: bytes) -> bytes:
    """One BSON document of the Cdiscount form; without a category, of its test dump."""
    values: dict[str, Any] = {"_id": product, "imgs": [{"picture": picture} for picture in pictures]}
    return bson.encode(values if category is None else {**values, "category_id": category})


def _broken(data: bytes) -> bytes:
    """The same length, but the type of the first element is one that BSON does not have."""
    return data[:4] + b"\x55" + data[5:]


def jsonl(rows: Sequence[Mapping[str, Any]]) -> str:
    """JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows)


DUMPS: dict[str, Callable[[Path], Dump]] = {
    "folder": folder_dump,
    "table": table_dump,
    "grocery": grocery_dump,
    "fashion": fashion_dump,
    "products10k": products10k_dump,
    "parquet": parquet_dump,
    "bson": bson_dump,
    "urls": urls_dump,
    "idx": idx_dump,
}

"""Known data sets, damaged or not quite what they say."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from catalens.curate.sources import IngestSettings
from tests.builders.archives import zip_of
from tests.builders.broken import Broken, files
from tests.builders.dumps import hugging_face, photo, write

STYLES = "id,masterCategory,subCategory,articleType\n1,A,B,C\n2,A,B,D\n"
CLASSES = "Class Name (str),Class ID (int),Coarse Class Name (str),Coarse Class ID (int)\na,0,a,0\nb,1,b,1\n"
LISTS = {"train.txt": "train/a/1.jpg, 0, 0\ntrain/b/2.jpg, 1, 1\n", "classes.csv": CLASSES}
GROCERY = {"train/a/1.jpg": photo(1), "train/b/2.jpg": photo(2)}
TEN_K = {"train/1.jpg": photo(1), "train/2.jpg": photo(2)}
_ROWS = [(photo(1), 0), (photo(2), 1)]


def _hub(*labels: int, names: Sequence[str] = ("a", "b")) -> Callable[[Path], Path]:
    """One file of a Hugging Face data set; a third photo for each label."""
    rows = [*_ROWS, *((photo(3), label) for label in labels)]
    return lambda root: hugging_face(root / "hub" / "train.parquet", rows, names=names).parent


def _said(metadata: str) -> Callable[[Path], Path]:
    """A Parquet file with a photo whose metadata says something else."""

    def build(root: Path) -> Path:
        path = hugging_face(root / "train.parquet", _ROWS, names=("a", "b"))
        pq.write_table(pq.read_table(path).replace_schema_metadata({"huggingface": metadata}), path)
        return path

    return build


def _shards(root: Path) -> Path:
    """Two files whose numbers stand for other classes."""
    hugging_face(root / "hub" / "train-0.parquet", _ROWS, names=("a", "b"))
    hugging_face(root / "hub" / "train-1.parquet", _ROWS, names=("b", "a"))
    return root / "hub"


def _text_for_bytes(root: Path) -> Path:
    rows = [{"image": {"bytes": "text", "path": "x.jpg"}, "label": "a"}]
    write(root / "hub", {"readme.md": ""})
    pq.write_table(pa.Table.from_pylist(rows), root / "hub" / "train.parquet")
    return root / "hub"


def _fashion(members: Sequence[tuple[str, bytes]]) -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        dump = write(root / "dump", {"styles.csv": STYLES})
        zip_of(dump / "images.zip", members)
        return dump

    return build


def _features(**features: object) -> str:
    return json.dumps({"info": {"features": features}})


_CLASS = {"_type": "ClassLabel", "names": ["a", "b"]}
_IMAGE = {"_type": "Image"}

BROKEN_SETS = {
    "hub, number without a class": Broken(_hub(2, -7), set_aside={"broken row": 2}),
    "hub, class twice": Broken(_hub(names=("a", "a")), error="names a class of 'label' twice"),
    "hub, metadata that is no JSON": Broken(_said("{"), error="huggingface metadata cannot be read"),
    "hub, metadata of another form": Broken(_said('{"info": [1]}'), error="huggingface metadata cannot be read"),
    "hub, metadata of other columns": Broken(_said(_features(picture=_IMAGE)), error="a column 'picture'"),
    "hub, text that is a class": Broken(
        _said(_features(image=_CLASS)), error="no product could be used: broken row (2)"
    ),
    "hub, files that contradict": Broken(_shards, error="other columns or classes than train-0.parquet"),
    "hub, text for bytes": Broken(_text_for_bytes, error="no photo (1)"),
    "fashion, damaged zip": Broken(
        files({"styles.csv": STYLES, "images.zip": b"PK\x03\x04 and no more"}), error="cannot be read as a zip"
    ),
    "fashion, other columns": Broken(
        files({"styles.csv": "id,name\n1,x\n", "images/1.jpg": photo(1)}), error="missing ['articleType'"
    ),
    "fashion, names that lead out": Broken(
        _fashion([("images/1.jpg", photo(1)), ("images/2.jpg", photo(2)), ("../../2.jpg", photo(3))]),
        findings={"unsafe name in the archive": 1},
    ),
    "fashion, a photo twice": Broken(
        _fashion([("images/1.jpg", photo(1)), ("images/2.jpg", photo(2)), ("images/2.jpg", photo(3))]),
        findings={"name twice in the archive": 1},
    ),
    "grocery, other classes": Broken(
        files({**GROCERY, **LISTS, "classes.csv": "name,id\na,0\n"}), error="expected columns Class ID (int)"
    ),
    "grocery, list that is no text": Broken(
        files({**GROCERY, **LISTS, "train.txt": b"train/\xe9t\xe9/1.jpg, 0, 0\n"}), error="is not UTF-8"
    ),
    "grocery, lists of nothing": Broken(files({**GROCERY, **LISTS, "train.txt": "\n"}), error="it has no rows"),
    "products10k, other columns": Broken(
        files({**TEN_K, "train.csv": "file,class\n1.jpg,3\n"}),
        error="expected columns name, class, group, got file, class",
        settings=IngestSettings(format="products10k"),
    ),
    "products10k, without groups": Broken(files({**TEN_K, "train.csv": "name,class\n1.jpg,3\n2.jpg,4\n"})),
    "products10k, photos not there": Broken(
        files({"train.csv": "name,class,group\n1.jpg,3,1\n", "test/1.jpg": photo(1), "test.csv": "name\n2.jpg\n"}),
        error="no photo (2)",
    ),
    "products10k, damaged zip": Broken(
        files({"train.csv": "name,class,group\n1.jpg,3,1\n", "train.zip": b"none"}), error="cannot be read as a zip"
    ),
}  # fmt: skip

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from catalens.core.bundle import MANIFEST, Bundle, write_bundle
from catalens.core.errors import BundleCorrupt, BundleError, BundleIncompatible, PromiseError
from catalens.core.preprocess import Preprocess
from catalens.core.promise import LevelRule, Promise
from catalens.core.taxonomy import Taxonomy

TAXONOMY = Taxonomy.from_paths({"a": ("x", "A"), "b": ("x", "B")})
PROMISE = Promise(0.98, 0.05, (LevelRule(1, 0.9, 100, 99, 0.981), LevelRule(0, None)))


def fill(folder: Path, **changes: Any) -> dict[str, Any]:
    (folder / "model.onnx").write_bytes(b"a graph")
    (folder / "examples").mkdir()
    (folder / "examples" / "thin.png").write_bytes(b"a photo")
    TAXONOMY.write(folder / "taxonomy.parquet")
    return {
        "name": "shirts",
        "preprocess": Preprocess(size=64).to_json(),
        "taxonomy_digest": TAXONOMY.digest,
        "classes": 2,
        "embedding_dim": 8,
        "temperature": 1.2345678901234567,
        "promises": [PROMISE.to_json()],
        "catalog_digest": "0" * 64,
        **changes,
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "shirts.bundle", fill).path


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def rewrite(path: Path, **changes: Any) -> None:
    """Change the manifest by hand."""
    values = json.loads((path / MANIFEST).read_text())
    (path / MANIFEST).write_text(json.dumps(values | changes))


def test_what_is_written_is_read(path: Path) -> None:
    bundle = Bundle(path)
    assert bundle.preprocess == Preprocess(size=64)
    assert bundle.taxonomy == TAXONOMY
    assert bundle.promises == (PROMISE,)
    assert bundle.manifest.temperature == 1.2345678901234567
    assert set(bundle.manifest.files) == {"model.onnx", "taxonomy.parquet", "examples/thin.png"}
    assert bundle.name == f"shirts@{bundle.manifest.version}"
    assert len(bundle.manifest.version) == 12
    assert names(path.parent) == ["shirts.bundle"]


def test_the_same_content_has_the_same_version_and_digest(path: Path, tmp_path: Path) -> None:
    again = write_bundle(tmp_path / "again.bundle", fill)
    assert (again.manifest.version, again.digest) == (Bundle(path).manifest.version, Bundle(path).digest)
    other = write_bundle(tmp_path / "other.bundle", lambda folder: fill(folder, temperature=1.0))
    assert other.manifest.version != again.manifest.version
    assert other.digest != again.digest


@pytest.mark.parametrize("name", ["model.onnx", "taxonomy.parquet", "examples/thin.png", MANIFEST])
@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_every_file_is_guarded(path: Path, name: str, damage: str) -> None:
    file = path / name
    content = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(content[:-3])
    elif name == MANIFEST:
        file.write_bytes(content.replace(b"1.2345678901234567", b"1.2345678901234569"))
    else:
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    with pytest.raises(BundleCorrupt) as caught:
        Bundle(path)
    assert caught.value.key == name
    assert caught.value.source is not None
    assert str(path) in caught.value.source


def test_a_changed_manifest_says_so(path: Path) -> None:
    rewrite(path, temperature=9.0)
    with pytest.raises(BundleCorrupt, match="was changed after it was written: expected version"):
        Bundle(path)


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"{", BundleCorrupt, "is not JSON"),
        (b"\xff\xfe", BundleCorrupt, "is not JSON"),
        (b"[]", BundleIncompatible, "expected bundle format 1, got None"),
        (b'{"format_version": 2}', BundleIncompatible, "expected bundle format 1, got 2"),
        (b'{"format_version": 1}', BundleCorrupt, "was changed"),
    ],
    ids=["cut", "not text", "a list", "newer", "bare"],
)
def test_a_manifest_that_is_none(path: Path, content: bytes, error: type[BundleError], words: str) -> None:
    (path / MANIFEST).write_bytes(content)
    with pytest.raises(error, match=words):
        Bundle(path)


def test_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleCorrupt, match="is not a bundle"):
        Bundle(tmp_path)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"preprocess": {"size": 64, "blur": 3}}, BundleIncompatible, "unknown preprocess fields"),
        ({"taxonomy_digest": "0" * 64}, BundleCorrupt, "the taxonomy does not match its digest"),
        ({"classes": 3}, BundleCorrupt, "expected 3 classes, the taxonomy has 2"),
    ],
    ids=["preprocess", "taxonomy", "classes"],
)
def test_parts_that_do_not_fit_are_never_written(
    tmp_path: Path, changes: dict[str, Any], error: type[BundleError], words: str
) -> None:
    with pytest.raises(error, match=words):
        write_bundle(tmp_path / "a.bundle", lambda folder: fill(folder, **changes))
    assert names(tmp_path) == []


def test_a_bundle_without_a_graph_is_never_written(tmp_path: Path) -> None:
    def forget(folder: Path) -> dict[str, Any]:
        fields = fill(folder)
        (folder / "model.onnx").unlink()
        return fields

    with pytest.raises(BundleCorrupt, match=r"the manifest lists no model\.onnx"):
        write_bundle(tmp_path / "a.bundle", forget)
    assert names(tmp_path) == []


def test_an_error_while_filling_leaves_nothing(tmp_path: Path) -> None:
    def stop(folder: Path) -> dict[str, Any]:
        fill(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_bundle(tmp_path / "a.bundle", stop)
    assert names(tmp_path) == []


def test_a_kill_while_filling_leaves_no_bundle_and_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "a.bundle"

    def die(folder: Path) -> dict[str, Any]:
        fill(folder)
        os.kill(os.getpid(), signal.SIGKILL)
        return {}

    child = os.fork()
    if child == 0:
        write_bundle(path, die)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert not path.exists()
    write_bundle(path, fill)
    assert names(tmp_path) == ["a.bundle"]


def test_a_taken_name_is_kept(path: Path) -> None:
    before = Bundle(path).digest
    with pytest.raises(BundleError, match="already exists"):
        write_bundle(path, fill)
    assert Bundle(path).digest == before


def test_overwrite_replaces_a_bundle_whole(path: Path) -> None:
    (path / "stray.txt").write_text("x")
    bundle = write_bundle(path, lambda folder: fill(folder, name="coats"), overwrite=True)
    assert bundle.manifest.name == "coats"
    assert "stray.txt" not in names(path)
    assert names(path.parent) == ["shirts.bundle"]


def test_a_failed_overwrite_keeps_the_old_bundle(path: Path) -> None:
    before = Bundle(path).digest
    with pytest.raises(BundleCorrupt):
        write_bundle(path, lambda folder: fill(folder, classes=3), overwrite=True)
    assert Bundle(path).digest == before


def test_overwrite_spares_what_is_no_bundle(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "shoe.jpg").write_bytes(b"x")
    with pytest.raises(BundleError, match="is not a bundle, so it is not overwritten"):
        write_bundle(photos, fill, overwrite=True)
    assert names(photos) == ["shoe.jpg"]


def test_a_promise_by_its_precision(path: Path) -> None:
    bundle = Bundle(path)
    assert bundle.promise(0.98) == PROMISE
    with pytest.raises(PromiseError, match=r"no promise of 0\.9; this bundle makes 0\.98"):
        bundle.promise(0.9)


def test_a_bundle_without_promises_says_so(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "a.bundle", lambda folder: fill(folder, promises=[]))
    with pytest.raises(PromiseError, match="this bundle makes none"):
        bundle.promise(0.98)

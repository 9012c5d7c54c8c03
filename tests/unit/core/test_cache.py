"""The cache folder: what lies in it is found, and only that is taken away."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from catalens.cli.cache import command
from catalens.core import cache
from catalens.core.cache import kept, remove


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, size in {
        "squares/aa.rows": 3000,
        "frozen/bb.rows": 9000,
        "frozen/bb.lock": 0,
        "frozen/cc.lock": 0,
        "models/shirts/0123/model.onnx": 5000,
        "models/shirts/0123/manifest.json": 100,
        "models/shirts/4567/model.onnx": 5000,
        "datasets/fashion/files/a.zip": 7000,
        "mine/letter.txt": 10,
        "note.txt": 10,
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"x" * size)
    return tmp_path


def _names(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_each_thing_is_found_once_with_its_size(root: Path) -> None:
    found = {str(thing.path.relative_to(root)): thing for thing in kept(root)}
    assert list(found) == [
        "squares/aa.rows",
        "frozen/bb.rows",
        "frozen/cc.lock",
        "models/shirts/0123",
        "models/shirts/4567",
        "datasets/fashion",
    ]
    assert found["models/shirts/0123"].size >= 5100
    assert found["frozen/bb.rows"].kind == "frozen"


def test_a_file_that_is_mostly_holes_counts_what_it_takes(tmp_path: Path) -> None:
    (tmp_path / "squares").mkdir()
    with (tmp_path / "squares" / "new.rows").open("wb") as file:
        file.truncate(50_000_000)
    assert kept(tmp_path)[0].size < 1_000_000


def test_what_was_read_yesterday_is_not_unused(root: Path) -> None:
    now = 1_000_000_000
    os.utime(root / "squares/aa.rows", (now - 86_400, now - 40 * 86_400))
    os.utime(root / "frozen/bb.rows", (now - 40 * 86_400, now - 50 * 86_400))
    days = {thing.path.name: thing.idle_days for thing in kept(root, ["squares", "frozen"], now=now)}
    assert days["aa.rows"] == pytest.approx(1)
    assert days["bb.rows"] == pytest.approx(40)


def test_clearing_takes_the_kinds_that_were_named_and_nothing_else(root: Path) -> None:
    done = CliRunner().invoke(command, ["--folder", str(root), "--clear", "frozen", "--clear", "models", "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["deleted"] is True
    assert {thing["kind"] for thing in said["things"]} == {"frozen", "models"}
    assert _names(root) == {"squares/aa.rows", "datasets/fashion/files/a.zip", "mine/letter.txt", "note.txt"}


def test_clearing_all_leaves_what_is_not_ours(root: Path) -> None:
    assert CliRunner().invoke(command, ["--folder", str(root), "--clear", "all"]).exit_code == 0
    assert _names(root) == {"mine/letter.txt", "note.txt"}


def test_without_clear_nothing_is_deleted(root: Path) -> None:
    before = _names(root)
    done = CliRunner().invoke(command, ["--folder", str(root), "--unused", "0"])
    assert done.exit_code == 0
    assert "frozen" in done.stdout
    assert _names(root) == before


def test_only_what_is_unused_goes(root: Path) -> None:
    os.utime(root / "frozen/bb.rows", (0, 0))
    CliRunner().invoke(command, ["--folder", str(root), "--clear", "all", "--unused", "30"])
    assert "frozen/bb.rows" not in _names(root)
    assert "squares/aa.rows" in _names(root)


def test_a_removal_that_was_cut_short_leaves_no_name_that_is_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (fashion,) = kept(root, ["datasets"])

    def cut(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(cache.shutil, "rmtree", cut)
        with pytest.raises(KeyboardInterrupt):
            remove(fashion)
    assert not (root / "datasets" / "fashion").exists()
    (rest,) = kept(root, ["datasets"])
    assert rest.path.name.startswith("fashion")
    remove(rest)
    assert kept(root, ["datasets"]) == []


def test_a_link_is_not_followed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "photo.jpg").write_bytes(b"x")
    (root / "datasets" / "linked").symlink_to(elsewhere, target_is_directory=True)
    CliRunner().invoke(command, ["--folder", str(root), "--clear", "all"])
    assert (elsewhere / "photo.jpg").exists()


def test_what_cannot_be_deleted_says_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(shutil, "rmtree", refused)
    done = CliRunner().invoke(command, ["--folder", str(root), "--clear", "datasets"])
    assert done.exit_code == 0  # click's runner gives 0 for a returned value; `main` makes it the exit code
    assert "Permission denied" in done.output

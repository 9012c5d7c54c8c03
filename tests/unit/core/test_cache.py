"""The cache folder: what Catalens made is found, and only that is taken away."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.builders.catalogs import striped_catalog

from catalens.cli.cache import command
from catalens.cli.main import main
from catalens.core import cache
from catalens.core.cache import kept, remove, touch

A, B, C = ("a" * 32, "b" * 32, "c" * 32)
OURS = {
    f"squares/{A}.rows": 3000,
    f"frozen/{B}.rows": 9000,
    f"frozen/{B}.lock": 0,
    f"frozen/{C}.lock": 0,
    "models/shirts/0123/model.onnx": 5000,
    "models/shirts/0123/manifest.json": 100,
    "models/shirts/4567/manifest.json": 100,
    "datasets/fashion/files/a.zip": 7000,
    "datasets/fashion/lock": 0,
}
THEIRS = ("letter.txt", "squares/poem.txt", "models/best.pt", "models/resnet/weights.pt", "datasets/mine/raw.jpg")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache folder, in which other people's files lie, too."""
    monkeypatch.setenv("CATALENS_CACHE", str(tmp_path))
    for path, size in {**OURS, **dict.fromkeys(THEIRS, 10)}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"x" * size)
    return tmp_path


def _files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def _aged(path: Path, days: float, *, now: float) -> None:
    for each in (path, *(path.rglob("*") if path.is_dir() else ())):
        os.utime(each, (now, now - days * 86_400))


def test_each_thing_is_found_once_with_its_size(root: Path) -> None:
    found = {thing.path.relative_to(root).as_posix(): thing for thing in kept(root)}
    assert list(found) == [
        f"squares/{A}.rows",
        f"frozen/{B}.rows",
        f"frozen/{C}.lock",
        "models/shirts/0123",
        "models/shirts/4567",
        "datasets/fashion",
    ]
    assert found["models/shirts/0123"].size >= 5100
    assert found[f"frozen/{B}.rows"].kind == "frozen"


def test_what_training_keeps_is_what_is_found(tmp_path: Path) -> None:
    from catalens.train.run import run
    from catalens.train.settings import TrainSettings

    catalog = striped_catalog(tmp_path / "shop.catalog", products=16)
    values = {"model": "lightweight_cnn", "size": 32, "epochs": 1, "batch": 8, "workers": 0, "tracking": "none"}
    values |= {"mode": "probe", "views": 1, "cache": "disk", "cache_dir": tmp_path / "cache"}
    run(catalog, tmp_path / "run", TrainSettings.model_validate(values))
    done = CliRunner().invoke(command, ["--folder", str(tmp_path / "cache"), "--clear", "all", "--json"])
    assert [thing["kind"] for thing in json.loads(done.stdout)["things"]] == ["squares"] * 2 + ["frozen"] * 2
    assert _files(tmp_path / "cache") == set()


def test_a_file_that_is_mostly_holes_counts_what_it_takes(tmp_path: Path) -> None:
    (tmp_path / "squares").mkdir()
    with (tmp_path / "squares" / f"{A}.rows").open("wb") as file:
        file.truncate(50_000_000)
    assert kept(tmp_path)[0].size < 1_000_000


def test_what_was_used_yesterday_is_not_unused(root: Path) -> None:
    now = 1_000_000_000.0
    _aged(root / "squares" / f"{A}.rows", 40, now=now)
    _aged(root / "models" / "shirts", 40, now=now)
    os.utime(root / "models/shirts/4567", (now, now - 86_400))
    days = {thing.path.name: thing.idle_days for thing in kept(root, ["squares", "models"], now=now)}
    assert days == {f"{A}.rows": pytest.approx(40), "0123": pytest.approx(40), "4567": pytest.approx(1)}


def test_use_is_noted(root: Path) -> None:
    path = root / "squares" / f"{A}.rows"
    os.utime(path, (0, 0))
    touch(path)
    assert kept(root, ["squares"])[0].idle_days < 1
    touch(root / "nothing")  # no error: the cache may be gone, or belong to somebody else


def test_clearing_takes_the_kinds_that_were_named_and_nothing_else(root: Path) -> None:
    done = CliRunner().invoke(command, ["--clear", "frozen", "--clear", "models", "--json"])
    assert done.exit_code == 0, done.output
    things = json.loads(done.stdout)["things"]
    assert {(thing["kind"], thing["deleted"]) for thing in things} == {("frozen", True), ("models", True)}
    gone = {path for path in OURS if path.startswith(("frozen", "models"))}
    assert _files(root) == {*OURS, *THEIRS} - gone
    assert not (root / "models" / "shirts").exists(), "nothing of it is left"


def test_clearing_all_leaves_what_is_not_ours(root: Path) -> None:
    assert CliRunner().invoke(command, ["--clear", "all"]).exit_code == 0
    assert _files(root) == set(THEIRS)


def test_another_folder_is_one_of_training(root: Path) -> None:
    """Its "models" and "datasets" are never ours, whatever lies in them."""
    assert CliRunner().invoke(command, ["--folder", str(root), "--clear", "all"]).exit_code == 0
    assert _files(root) == {path for path in (*OURS, *THEIRS) if path in THEIRS or path.startswith(("models", "data"))}


def test_without_clear_nothing_is_deleted(root: Path) -> None:
    done = CliRunner().invoke(command, ["--unused", "0"])
    assert done.exit_code == 0
    assert "frozen" in done.stdout
    assert _files(root) == {*OURS, *THEIRS}


def test_only_what_is_unused_goes(root: Path) -> None:
    os.utime(root / "frozen" / f"{B}.rows", (0, 0))
    CliRunner().invoke(command, ["--clear", "all", "--unused", "30"])
    assert _files(root) == {*OURS, *THEIRS} - {f"frozen/{B}.rows", f"frozen/{B}.lock"}


def test_a_removal_that_was_cut_short_leaves_no_name_that_is_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (fashion,) = kept(root, ["datasets"])

    def cut(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(cache.shutil, "rmtree", cut)
        with pytest.raises(KeyboardInterrupt):
            remove(fashion)
    assert not fashion.path.exists()
    (rest,) = kept(root, ["datasets"])
    shutil.copytree(rest.path, fashion.path)  # fetched again
    for thing in kept(root, ["datasets"]):
        remove(thing)
    assert kept(root, ["datasets"]) == []


def test_links_are_not_followed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    shutil.copytree(root / "datasets" / "fashion", elsewhere / "fashion")
    (root / "datasets" / "linked").symlink_to(elsewhere / "fashion", target_is_directory=True)
    (root / "squares").rename(elsewhere / "squares")
    (root / "squares").symlink_to(elsewhere / "squares", target_is_directory=True)
    before = _files(elsewhere)
    CliRunner().invoke(command, ["--clear", "all"])
    assert _files(elsewhere) == before


def test_what_cannot_be_deleted_says_so(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(shutil, "rmtree", refused)
    monkeypatch.setattr(sys, "argv", ["catalens"])
    with pytest.raises(SystemExit) as ended:
        main(["cache", "--clear", "all", "--json"])
    assert ended.value.code == 1
    out, err = capsys.readouterr()
    assert "Permission denied" in err
    deleted = {thing["kind"] for thing in json.loads(out)["things"] if thing["deleted"]}
    assert deleted == {"squares", "frozen"}

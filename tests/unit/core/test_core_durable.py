from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from catalens.core.durable import flush, replacing, replacing_folder


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_the_new_file_takes_the_name(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    with replacing(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a.json"]


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(LookupError), replacing(path):
        raise LookupError
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.json"]


def test_two_files_of_one_stem_do_not_meet(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.json") as one, replacing(tmp_path / "a.parquet") as two:
        assert one != two
        one.write_text("1")
        two.write_text("2")
    assert (tmp_path / "a.json").read_text() == "1"


def test_a_kill_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    script = f"""
        import os, signal
        from pathlib import Path
        from catalens.core.durable import replacing
        with replacing(Path({str(path)!r})) as partial:
            partial.write_text("ne")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    with replacing(path) as partial:  # what the killed one left is no obstacle
        partial.write_text("new")
    assert (path.read_text(), names(tmp_path)) == ("new", ["a.json"])


def folder_of(path: Path, content: str) -> Path:
    path.mkdir()
    (path / "file").write_text(content)
    return path


def test_the_new_folder_takes_the_name(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a", "old")
    with replacing_folder(path) as partial:
        (partial / "file").write_text("new")
        assert (path / "file").read_text() == "old"
    assert ((path / "file").read_text(), names(tmp_path)) == ("new", ["a"])


def test_an_error_at_the_last_step_leaves_the_old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, rename = folder_of(tmp_path / "a", "old"), Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial"):
            raise PermissionError
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError), replacing_folder(path) as partial:
        (partial / "file").write_text("new")
    assert ((path / "file").read_text(), names(tmp_path)) == ("old", ["a"])


def test_a_folder_that_a_kill_left_aside_comes_back(tmp_path: Path) -> None:
    folder_of(tmp_path / ".a.old", "old")
    with pytest.raises(LookupError), replacing_folder(tmp_path / "a"):
        raise LookupError
    assert ((tmp_path / "a" / "file").read_text(), names(tmp_path)) == ("old", ["a"])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such locks")
def test_two_that_write_the_same_folder_do_not_mix(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a", "old")
    script = f"""
        from pathlib import Path
        from catalens.core.durable import replacing_folder
        with replacing_folder(Path({str(path)!r})) as partial:
            (partial / "other").write_text("theirs")
    """
    with replacing_folder(path) as partial:
        (partial / "file").write_text("new")
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False, capture_output=True)
        assert b"BlockingIOError" in done.stderr
        assert b"another process is writing it now" in done.stderr
    assert (names(path), names(tmp_path)) == (["file"], ["a"])


def test_what_a_kill_left_in_the_folder_is_gone(tmp_path: Path) -> None:
    (tmp_path / ".a.partial" / "images").mkdir(parents=True)
    (tmp_path / ".a.partial" / "half").write_text("half")
    (tmp_path / ".a.partial" / "link").symlink_to(folder_of(tmp_path / "mine", "mine"))
    with replacing_folder(tmp_path / "a") as partial:
        (partial / "file").write_text("new")
    assert (names(tmp_path / "a"), names(tmp_path)) == (["file"], ["a", "mine"])
    assert (tmp_path / "mine" / "file").read_text() == "mine"


@pytest.mark.skipif(os.name == "nt", reason="Windows opens no folders")
def test_a_folder_can_be_flushed(tmp_path: Path) -> None:
    flush(tmp_path)
    with pytest.raises(FileNotFoundError):
        flush(tmp_path / "absent")

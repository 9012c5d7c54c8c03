"""`catalens predict`: files, folders, lists; lines for machines and for people; exit codes."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.builders.bundles import photo_of, tiny_bundle

from catalens.cli.predict import command
from catalens.core.errors import ConfigError, PromiseError
from catalens.predict.files import products


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tiny.bundle and photos/: b.png, a/1.png, a/2.png, a/deep/3.PNG, bad.jpg, notes.txt."""
    folder = tmp_path_factory.mktemp("verb")
    tiny_bundle(folder / "tiny.bundle")
    (folder / "photos" / "a" / "deep").mkdir(parents=True)
    for name, leaf in {"b.png": "apple", "a/1.png": "boot", "a/2.png": "boot", "a/deep/3.PNG": "lamp"}.items():
        (folder / "photos" / name).write_bytes(photo_of(leaf))
    (folder / "photos" / "bad.jpg").write_bytes(b"no photo")
    (folder / "photos" / "notes.txt").write_text("not a photo by its name")
    return folder


def _run(shop: Path, *arguments: str, stdin: str | bytes | None = None) -> Result:
    result = CliRunner().invoke(
        command, [str(shop / "tiny.bundle"), *arguments], input=stdin, standalone_mode=False, catch_exceptions=True
    )
    if result.exception:
        raise result.exception
    return result


def _lines(result: Result) -> list[dict]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_folder_is_searched_in_full_each_file_a_product(shop: Path) -> None:
    result = _run(shop, str(shop / "photos"), "--json")
    found = {Path(line["id"]).name: line["decision"]["node"] for line in _lines(result)}
    assert found == {"b.png": "apple", "bad.jpg": None, "1.png": "boot", "2.png": "boot", "3.PNG": "lamp"}
    assert result.return_value == 0


def test_group_folder_makes_one_product_of_a_folder(shop: Path) -> None:
    lines = _lines(_run(shop, str(shop / "photos"), "--group", "folder", "--json"))
    assert [Path(line["id"]).name for line in lines] == ["photos", "a", "deep"]
    assert lines[0]["decision"]["node"] == "apple"
    assert [finding["cause"] for finding in lines[0]["findings"]] == ["unreadable"]


def test_paths_come_from_standard_input(shop: Path) -> None:
    names = [str(shop / "photos" / name) for name in ("b.png", "a/1.png")]
    lines = _lines(_run(shop, "-", "--json", stdin="\n".join(names) + "\n\n"))
    assert [line["id"] for line in lines] == names


def test_a_file_that_is_not_there_is_a_finding(shop: Path) -> None:
    result = _run(shop, str(shop / "photos" / "b.png"), "gone.jpg", "--json")
    line = _lines(result)[1]
    assert line["decision"]["action"] == "reject"
    assert line["findings"][0]["source"] == "gone.jpg"
    assert "No such file" in line["findings"][0]["detail"]
    assert result.return_value == 0


def test_nothing_readable_exits_with_1(shop: Path) -> None:
    assert _run(shop, "gone.jpg", str(shop / "photos" / "bad.jpg"), "--json").return_value == 1


def test_people_get_a_sentence_a_path_and_bars(shop: Path) -> None:
    text = _run(shop, str(shop / "photos" / "b.png"), "--top", "2").stdout
    assert "file  Filed under Grocery > Fruit > Apple: 99.9 % sure" in text
    assert "████████████████████████  99.9 %  Grocery > Fruit > Apple" in text
    assert text.count("%  ") == 2


def test_flags_beat_the_config_and_unknown_settings_are_named(shop: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text("[predict]\npromise = 0.9\ntop = 2\n")
    photo = str(shop / "photos" / "b.png")
    line = _lines(_run(shop, photo, "--json", "--config", str(config), "--top", "3"))[0]
    assert (line["decision"]["promise"], len(line["labels"])) == (0.9, 3)
    with pytest.raises(ConfigError, match=r"unknown setting 'predict\.promis'; did you mean 'promise'"):
        _run(shop, photo, "--set", "predict.promis=0.9")


def test_a_promise_that_is_not_made_is_an_error_before_any_photo(shop: Path) -> None:
    with pytest.raises(PromiseError, match="this bundle makes"):
        _run(shop, "gone.jpg", "--promise", "0.5")


def test_products_of_neighbouring_files_only(tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "1.jpg", tmp_path / "b" / "2.jpg"
    grouped = list(products([first, tmp_path / "a" / "3.jpg", second], group="folder"))
    assert [(product.id, len(product.paths)) for product in grouped] == [
        (str(tmp_path / "a"), 2),
        (str(tmp_path / "b"), 1),
    ]


def test_an_empty_folder_exits_with_1_and_says_nothing_on_stdout(shop: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    result = _run(shop, str(empty), "--json")
    assert (result.return_value, result.stdout) == (1, "")
    assert f"no photos in {empty}" in result.stderr
    shutil.rmtree(empty)


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux")
def test_a_name_that_is_no_text_is_named_all_the_same(shop: Path, tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff.png"
    Path(os.fsdecode(name)).write_bytes(photo_of("apple"))
    by_folder, by_list = _run(shop, str(tmp_path), "--json"), _run(shop, "-", "--json", stdin=name + b"\n")
    assert by_folder.stdout_bytes.count(b"\\udcff.png") == 1
    assert [_lines(result)[0]["decision"]["node"] for result in (by_folder, by_list)] == ["apple", "apple"]
    assert os.fsencode(_lines(by_list)[0]["id"]) == name


def test_settings_out_of_range_are_refused(shop: Path) -> None:
    with pytest.raises(ConfigError, match=r"predict\.top: .* greater than or equal to 1"):
        _run(shop, "gone.jpg", "--set", "predict.top=0")

"""`catalens ingest`: stdout is data, stderr is talk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.builders.dumps import fashion_dump, table_dump

from catalens.cli.ingest import FORMATS
from catalens.cli.main import main
from catalens.curate.sources import SOURCES


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_every_reader_can_be_asked_for() -> None:
    assert set(FORMATS) == {"auto", *SOURCES}


def test_the_summary_tells_a_person_what_became_of_the_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("ingest", fashion_dump(tmp_path).source, tmp_path / "shop.catalog", "--json") == 0
    said = capsys.readouterr()
    values = json.loads(said.out)
    assert {"products", "images", "categories", "set_aside", "digest", "seconds"} <= values.keys()
    for words in ("photos from images.zip", "set aside: no photo", "14", "noted: unreadable photo", "masterCategory"):
        assert words in said.err
    assert f"catalens split {tmp_path / 'shop.catalog'}" in said.err
    call("ingest", fashion_dump(tmp_path / "again").source, tmp_path / "other.catalog")
    assert capsys.readouterr().out == ""


def test_columns_are_told_by_flags_config_and_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = table_dump(tmp_path).source
    config = tmp_path / "run.toml"
    config.write_text('[ingest]\nseller = "colour"\ncategory = ["colour"]\n')
    flags = ("--config", config, "--category-column", "category", "--set", "ingest.group=colour", "--json")
    assert call("ingest", source, tmp_path / "shop.catalog", *flags) == 0
    said = capsys.readouterr()
    assert "seller: column colour" in said.err
    assert "group: column colour" in said.err
    assert "category: column category" in said.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere"], 1, "nowhere: there is no such file or folder"),
        (["shop", "--set", "ingest.sellr=x"], 2, "did you mean 'seller'"),
        (["shop", "--format", "fashion"], 1, "expected a folder with styles.csv"),
        (["shop", "--seller-column", "sender"], 1, "did you mean 'sender_id'"),
    ],
    ids=["missing", "unknown setting", "another format", "no such column"],
)
def test_errors_say_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    table_dump(tmp_path)
    source, *flags = arguments
    assert call("ingest", tmp_path / source, tmp_path / "shop.catalog", *flags) == code
    said = capsys.readouterr()
    assert message in said.err
    assert said.out == ""


def test_a_second_run_says_that_there_is_nothing_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = table_dump(tmp_path).source
    call("ingest", source, tmp_path / "shop.catalog")
    capsys.readouterr()
    assert call("ingest", source, tmp_path / "shop.catalog", "--json") == 0
    said = capsys.readouterr()
    assert "nothing to do" in said.err
    assert json.loads(said.out)["unchanged"] is True

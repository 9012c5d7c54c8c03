"""`catalens taxonomy translate`: exit codes, data on stdout, and a key that nobody sees."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.builders.translators import KEY, FakeProvider, Trouble, fake_provider

from catalens.cli.main import main

CSV = """id,rayon,sous-rayon
1,JARDIN,ABRI VELO
2,JARDIN,HOUSSE
3,ANIMALERIE,HOUSSE
4,ANIMALERIE,SELLE
5,ANIMALERIE,2010
"""


@pytest.fixture
def server() -> Iterator[FakeProvider]:
    with fake_provider() as provider:
        yield provider


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "names.csv"
    path.write_text(CSV, encoding="utf-8")
    return path


class Verb:
    """`catalens taxonomy translate`, with what it ended with and said."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: object) -> None:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["taxonomy", "translate", *map(str, arguments)])
        self.code = ended.value.code
        self.out, self.err = capsys.readouterr()


def test_the_verb_ends_with_3_while_names_are_missing_and_0_after(
    names: Path, server: FakeProvider, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = (names, "--from", "fr", "--to", "en", "--out", tmp_path / "out.csv", "--overwrite", "--json")
    verb = Verb(capsys, *common)
    assert verb.code == 3
    assert {one["id"] for one in json.loads(verb.out)["missing"]} == {"JARDIN", "1", "2", "ANIMALERIE", "3", "4"}
    assert "6 are missing: no provider was named" in verb.err
    verb = Verb(capsys, *common, "--provider", "libretranslate", "--url", server.url)
    assert verb.code == 0
    assert json.loads(verb.out)["missing"] == []
    assert "7 of 7 categories have a name in en" in verb.err
    verb = Verb(capsys, *common, "--dry-run", "--provider", "none")
    assert verb.code == 0


def test_the_verb_ends_with_1_where_the_provider_fails(
    names: Path, server: FakeProvider, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.troubles.append(Trouble(403))
    config = tmp_path / "run.toml"
    config.write_text(f'[taxonomy-translate]\nto = "en"\nprovider = "libretranslate"\nurl = "{server.url}"\n')
    key = ("--set", f"taxonomy-translate.api_key={KEY}")
    verb = Verb(capsys, names, "--config", config, *key, "--out", tmp_path / "out.csv", "--json")
    assert verb.code == 1
    assert "answers 403" in json.loads(verb.out)["failure"]
    assert "run the same again" in verb.err
    assert KEY not in verb.out + verb.err
    without = Verb(capsys, names, *key, "--out", tmp_path / "out.csv")
    assert (without.code, "--to en" in without.err) == (2, True)
    assert KEY not in without.err
    without = Verb(capsys, names, *key, "--set", "taxonomy-translate.retries=-1", "--out", tmp_path / "out.csv")
    assert without.code == 2
    assert KEY not in without.err

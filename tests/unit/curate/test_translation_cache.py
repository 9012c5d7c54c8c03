from __future__ import annotations

import json
from pathlib import Path

import pytest

from catalens.core.errors import SourceError
from catalens.curate.translation.translation_cache import TranslationCache

FRENCH = {"source": "fr", "target": "en"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.catalog.translations.jsonl"


def test_what_was_added_is_found_by_the_next_run(path: Path) -> None:
    TranslationCache(path).add([("œuf", "egg"), ("l'été\u2028", "summer")], provider="deepl", **FRENCH)
    again = TranslationCache(path)
    assert again.find("œuf", provider="deepl", **FRENCH) == ("egg", "deepl")
    assert again.find("l'été\u2028", provider=None, **FRENCH) == ("summer", "deepl")
    assert json.loads(path.read_text(encoding="utf-8").splitlines()[0])["text"] == "œuf"


def test_it_is_kept_by_provider_and_languages(path: Path) -> None:
    cache = TranslationCache(path)
    cache.add([("chat", "cat")], provider="deepl", **FRENCH)
    cache.add([("chat", "pussy cat")], provider="google", **FRENCH)
    assert cache.find("chat", provider="deepl", **FRENCH) == ("cat", "deepl")
    assert cache.find("chat", provider="google", **FRENCH) == ("pussy cat", "google")
    assert cache.find("chat", provider=None, **FRENCH) == ("pussy cat", "google")
    assert cache.find("chat", provider="microsoft", **FRENCH) is None
    assert cache.find("chat", provider="deepl", source="en", target="en") is None
    assert cache.find("chat", provider="deepl", source="fr", target="de") is None


@pytest.mark.parametrize("kept", range(0, 70, 7))
def test_a_line_that_a_kill_cut_is_dropped_and_the_file_goes_on(path: Path, kept: int) -> None:
    cache = TranslationCache(path)
    cache.add([("a", "A")], provider="deepl", **FRENCH)
    whole = path.stat().st_size
    cache.add([("été", "summer")], provider="deepl", **FRENCH)
    path.write_bytes(path.read_bytes()[: whole + kept])
    again = TranslationCache(path)
    assert again.find("a", provider="deepl", **FRENCH) == ("A", "deepl")
    assert again.find("été", provider="deepl", **FRENCH) is None
    again.add([("b", "B")], provider="deepl", **FRENCH)
    again.add([("c", "C")], provider="deepl", **FRENCH)
    assert [json.loads(line)["name"] for line in path.read_text(encoding="utf-8").splitlines()] == ["A", "B", "C"]


def test_reading_changes_nothing(path: Path) -> None:
    TranslationCache(path)
    assert not path.exists()
    path.write_bytes(b'{"cut')
    TranslationCache(path)
    assert path.read_bytes() == b'{"cut'


def test_two_runs_at_once_lose_nothing(path: Path) -> None:
    one, other = TranslationCache(path), TranslationCache(path)
    one.add([("a", "A")], provider="deepl", **FRENCH)
    other.add([("b", "B")], provider="deepl", **FRENCH)
    one.add([("c", "C")], provider="deepl", **FRENCH)
    again = TranslationCache(path)
    assert all(again.find(text, provider="deepl", **FRENCH) for text in "abc")


def test_a_line_that_another_run_was_writing_is_left_to_it(path: Path) -> None:
    one = TranslationCache(path)
    one.add([("a", "A")], provider="deepl", **FRENCH)
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    other = TranslationCache(path)
    path.write_bytes(whole)
    other.add([("b", "B")], provider="deepl", **FRENCH)
    assert [json.loads(line)["name"] for line in path.read_text(encoding="utf-8").splitlines()] == ["A", "B"]


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense\n",
        b"[]\n",
        b'{"text": "a"}\n',
        b"\xff\xfe\n",
        b"\n",
        b'{"provider": "deepl", "from": "fr", "to": "en", "text": "a", "name": " "}\n',
        b'{"provider": "deepl", "from": "fr", "to": "en", "text": "a", "name": "\\ud83d"}\n',
    ],
    ids=["text", "list", "keys", "bytes", "blank", "empty name", "half a pair"],
)
def test_a_line_that_is_no_answer_is_named(path: Path, line: bytes) -> None:
    TranslationCache(path).add([("a", "A")], provider="deepl", **FRENCH)
    path.write_bytes(path.read_bytes() + line)
    with pytest.raises(SourceError, match="row 2: expected a JSON object") as caught:
        TranslationCache(path)
    assert caught.value.source == str(path)


def test_a_folder_that_is_not_there_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such folder for the cache"):
        TranslationCache(tmp_path / "none" / "cache.jsonl")
    with pytest.raises(SourceError, match="cannot be read"):
        TranslationCache(tmp_path)

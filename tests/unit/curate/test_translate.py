"""`translate.run` on catalogs and files: where a name comes from, what is missing, and where it all goes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pyarrow as pa
import pytest
from tests.builders.catalogs import striped_catalog
from tests.builders.translators import KEY, FakeProvider, Trouble, fake_provider

from catalens.core.catalog import Catalog
from catalens.core.errors import CatalogError, ConfigError, SourceError, TaxonomyError
from catalens.core.lock import lock
from catalens.core.taxonomy import Category, Taxonomy
from catalens.curate.translate import TranslateReport, TranslateSettings, run
from catalens.curate.translation.named import Name, open_named

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


def call(target: Path, server: FakeProvider | None = None, out: Path | None = None, **more: object) -> TranslateReport:
    asking = {"provider": "libretranslate", "url": server.url} if server else {}
    settings = TranslateSettings(**{"to": "en", "source": "fr", "overwrite": True, **asking, **more})
    return run(target, settings, out=out, environment={}, sleep=lambda seconds: None)


def test_a_file_of_names_becomes_a_taxonomy_with_names(names: Path, server: FakeProvider, tmp_path: Path) -> None:
    out = tmp_path / "taxonomy.parquet"
    report = call(names, server, out)
    tree = Taxonomy.read(out)
    assert tree.path_names("1", "en") == ("THE JARDIN", "THE ABRI VELO")
    assert tree.path_names("1") == ("JARDIN", "ABRI VELO")
    assert tree["5"].name("en") == "2010"
    assert tree.level_names == ("rayon", "sous-rayon")
    assert sorted(server.texts) == ["ABRI VELO", "ANIMALERIE", "HOUSSE", "JARDIN", "SELLE"]  # each once, no number
    assert report.translated == {"libretranslate": 6, "no words": 1}
    assert (report.categories, report.asked, report.missing, report.failure) == (7, 5, (), None)
    assert report.written == (out,)


def test_a_second_run_asks_nothing(names: Path, server: FakeProvider, tmp_path: Path) -> None:
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    call(names, server, first)
    asked = len(server.requests)
    report = call(names, server, second)
    assert len(server.requests) == asked
    assert report.translated == {"cache": 6, "no words": 1}
    assert report.cache == tmp_path / "names.csv.translations.jsonl"
    assert first.read_bytes() == second.read_bytes()
    # nor does a run without a provider lack anything
    assert call(names, None, second).missing == ()


def test_the_glossary_wins_and_an_id_tells_two_of_a_name_apart(
    names: Path, server: FakeProvider, tmp_path: Path
) -> None:
    glossary = tmp_path / "glossary.csv"
    glossary.write_text("source,target,category_id\nhousse,Cover,\nHOUSSE,Pet cover,3\nSele,Saddle,\n")
    out = tmp_path / "taxonomy.parquet"
    call(names, server, out)  # in the cache, and beaten all the same
    report = call(names, server, out, glossary=glossary)
    tree = Taxonomy.read(out)
    assert [tree[leaf].name("en") for leaf in "23"] == ["Cover", "Pet cover"]
    assert report.translated["glossary"] == 2
    assert [(entry.row, entry.source) for entry in report.unused_glossary] == [(3, "Sele")]


def test_without_a_provider_it_says_what_is_missing(names: Path, tmp_path: Path) -> None:
    glossary = tmp_path / "glossary.csv"
    glossary.write_text("source,target\nHOUSSE,Cover\n")
    out = tmp_path / "out.csv"
    report = call(names, None, out, glossary=glossary)
    assert [one.category_id for one in report.missing] == ["ANIMALERIE", "4", "JARDIN", "1"]
    assert report.missing[1].path == ("ANIMALERIE", "SELLE")
    assert "no provider" in report.missing[0].reason
    rows = list(csv.DictReader(out.open(encoding="utf-8")))
    assert {row["category_id"]: row["target"] for row in rows} == {
        "ANIMALERIE": "", "5": "2010", "2": "Cover", "3": "Cover", "4": "", "JARDIN": "", "1": "",
    }  # fmt: skip


def test_the_list_of_names_comes_back_as_a_glossary(names: Path, server: FakeProvider, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    call(names, server, out)
    corrected = tmp_path / "corrected.csv"
    corrected.write_text(out.read_text(encoding="utf-8").replace("THE SELLE", "SADDLE"), encoding="utf-8")
    tree = tmp_path / "taxonomy.parquet"
    report = call(names, None, tree, glossary=corrected)
    assert report.translated == {"glossary": 7}
    assert Taxonomy.read(tree)["4"].name("en") == "SADDLE"


def test_a_catalog_has_its_names_read_with_it_and_keeps_its_digest(server: FakeProvider, tmp_path: Path) -> None:
    catalog = striped_catalog(tmp_path / "shop.catalog", products=24)
    files = {path: path.read_bytes() for path in catalog.path.rglob("*") if path.is_file()}
    report = call(catalog.path, server, source="en", to="fr")
    again = Catalog(catalog.path)
    assert report.written == (catalog.path / "tables" / "names.parquet",)
    assert again.taxonomy.path_names("mug", "fr") == ("The kitchen", "The mug")
    assert again.digest == catalog.digest
    assert {path: path.read_bytes() for path in files} == files  # nothing that was there was touched
    assert report.cache == tmp_path / "shop.catalog.translations.jsonl"
    assert again.table("names")["origin"].to_pylist() == ["libretranslate"] * 6


def test_a_catalog_keeps_what_it_has_and_its_other_languages(server: FakeProvider, tmp_path: Path) -> None:
    catalog = striped_catalog(tmp_path / "shop.catalog", products=8, split=False)
    glossary = tmp_path / "glossary.csv"
    glossary.write_text("source,target\nMug,Tasse\n")
    call(catalog.path, server, source="en", to="fr", glossary=glossary)
    call(catalog.path, server, source="en", to="de")
    asked = len(server.texts)
    (tmp_path / "shop.catalog.translations.jsonl").unlink()

    report = call(catalog.path, server, source="en", to="fr")  # no cache, no glossary: the table itself knows
    assert (report.translated, len(server.texts)) == ({"kept": 6}, asked)
    tree = Catalog(catalog.path).taxonomy
    assert tree.languages == ("de", "fr")
    assert tree["mug"].names == {"": "Mug", "de": "The mug", "fr": "Tasse"}

    server.say = lambda text: f"le {text}"
    assert call(catalog.path, server, source="en", to="fr", again=True).asked == 6
    assert Catalog(catalog.path).taxonomy["mug"].name("fr") == "Le Mug"


def test_two_runs_that_end_at_once_both_keep_their_names(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    catalog = striped_catalog(tmp_path / "shop.catalog", products=8, split=False)
    (catalog.path / "tables").mkdir()
    other = Thread(target=open_named(catalog.path).save, args=("de", {"mug": Name("Tasse", "Mug", "deepl")}))
    with lock(catalog.path / "tables" / "names.lock"):  # as a run has it that is about to write
        other.start()
        other.join(0.2)
        french = {"category_id": "mug", "language": "fr", "name": "Tasse", "source": "Mug", "origin": "deepl"}
        catalog.write_table("names", pa.Table.from_pylist([french]))
    other.join(5)
    assert Catalog(catalog.path).taxonomy.languages == ("de", "fr")


def test_again_keeps_the_old_name_where_no_new_one_comes(server: FakeProvider, tmp_path: Path) -> None:
    catalog = striped_catalog(tmp_path / "shop.catalog", products=8, split=False)
    call(catalog.path, server, source="en", to="fr")
    (tmp_path / "shop.catalog.translations.jsonl").unlink()
    server.troubles.append(Trouble(401))
    report = call(catalog.path, server, source="en", to="fr", again=True)
    assert (report.translated, report.missing) == ({"kept": 6}, ())
    assert "answers 401" in (report.failure or "")
    assert Catalog(catalog.path).taxonomy["mug"].name("fr") == "The mug"


def test_names_that_were_delivered_are_kept_and_one_language_may_be_the_source_of_another(
    server: FakeProvider, tmp_path: Path
) -> None:
    path = tmp_path / "in.parquet"
    Taxonomy(
        (
            Category("1", "", 0, {"": "JARDIN", "de": "Garten", "en": "Garden"}),
            Category("2", "1", 1, {"": "SELLE", "de": "Sattel"}),
            Category("3", "1", 1, {"de": "Schuppen"}),
            Category("4", "1", 1, {"it": "casa"}),
        )
    ).write(path)
    out = tmp_path / "out.parquet"
    report = call(path, server, out, source="de")
    assert server.texts == ["Sattel", "Schuppen"]
    tree = Taxonomy.read(out)
    assert [tree[id].names.get("en") for id in "1234"] == ["Garden", "The sattel", "The schuppen", None]
    assert [(one.category_id, one.reason) for one in report.missing] == [("4", "it has no name to translate")]
    assert tree["2"].names["de"] == "Sattel"


def test_a_failure_keeps_what_was_done_and_the_next_run_goes_on(
    server: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalens.curate.translators.libretranslate.LibreTranslate.batch", 2)
    catalog = striped_catalog(tmp_path / "shop.catalog", products=8, split=False)

    def say(text: str) -> object:
        if len(server.texts) == 4:
            server.troubles += [Trouble(500)] * 3
        return f"le {text}"

    server.say = say
    report = call(catalog.path, server, source="en", to="fr", retries=2)
    assert "answers 500" in (report.failure or "")
    assert (report.asked, len(report.missing)) == (4, 2)
    assert {one.reason for one in report.missing} == {"the provider was not reached"}
    assert Catalog(catalog.path).table("names").num_rows == 4

    report = call(catalog.path, server, source="en", to="fr")
    assert (report.asked, report.missing, report.failure) == (2, (), None)
    assert len(server.texts) == len(set(server.texts)) == 6


def test_a_refused_name_and_an_odd_answer_are_missing_with_their_reason(
    names: Path, server: FakeProvider, tmp_path: Path
) -> None:
    server.say = lambda text: {"SELLE": "", "HOUSSE": "<html>"}.get(text, "Ok")
    report = call(names, server, tmp_path / "out.csv")
    assert {one.category_id: one.reason for one in report.missing} == {
        "2": "the answer holds markup", "3": "the answer holds markup", "4": "the answer is empty",
    }  # fmt: skip
    assert report.failure is None
    server.say = lambda text: "Ok"
    assert call(names, server, tmp_path / "out.csv").asked == 2  # only what was missing


def test_a_dry_run_asks_and_writes_nothing(server: FakeProvider, tmp_path: Path) -> None:
    catalog = striped_catalog(tmp_path / "shop.catalog", products=8, split=False)
    before = sorted(tmp_path.rglob("*"))
    report = call(catalog.path, server, source="en", to="fr", dry_run=True)
    assert (server.requests, sorted(tmp_path.rglob("*"))) == ([], before)
    assert (report.to_ask, report.characters) == (6, len("KitchenMugPlateHomeLampSofa"))
    assert {one.reason for one in report.missing} == {"dry run"}
    assert report.written == ()
    nobody = call(catalog.path, None, source="en", to="fr", dry_run=True)  # what any provider would be asked
    assert (nobody.to_ask, nobody.characters) == (report.to_ask, report.characters)


def test_the_key_is_read_from_the_environment_and_stands_nowhere(tmp_path: Path, server: FakeProvider) -> None:
    catalog = striped_catalog(tmp_path / "shop.catalog", products=8, split=False)
    settings = TranslateSettings(to="fr", source="en", provider="deepl", url=server.url)
    report = run(catalog.path, settings, environment={"DEEPL_API_KEY": KEY})
    assert server.requests[0][1]["Authorization"] == f"DeepL-Auth-Key {KEY}"
    given = TranslateSettings(to="de", source="en", provider="deepl", url=server.url, api_key=KEY)
    run(catalog.path, given, environment={"DEEPL_API_KEY": "another"})
    assert server.requests[-1][1]["Authorization"] == f"DeepL-Auth-Key {KEY}"
    assert KEY not in json.dumps(report.to_json()) + repr(given)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_a_key_is_trimmed_and_one_that_is_none_is_not_shown(tmp_path: Path, server: FakeProvider) -> None:
    catalog = striped_catalog(tmp_path / "shop.catalog", products=8, split=False)
    settings = TranslateSettings(to="fr", source="en", provider="deepl", url=server.url)
    run(catalog.path, settings, environment={"DEEPL_API_KEY": f"{KEY}\n"})
    assert server.requests[0][1]["Authorization"] == f"DeepL-Auth-Key {KEY}"
    for bad in (f"{KEY}\nX-Header: y", f"{KEY}é"):
        with pytest.raises(ConfigError, match="the key holds") as caught:
            run(catalog.path, settings, environment={"DEEPL_API_KEY": bad})
        assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"to": "fr"}, "another language than 'fr'"),
        ({"to": "auto"}, "another language"),
        ({"provider": "gogle"}, "unknown translation provider 'gogle'; did you mean 'google'"),
        ({"provider": "deepl"}, "DEEPL_API_KEY"),
        ({"provider": "libretranslate"}, "--url"),
    ],
)
def test_settings_that_cannot_be(names: Path, tmp_path: Path, more: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        call(names, None, tmp_path / "out.csv", **more)


@pytest.mark.parametrize(
    ("given", "language"), [("EN", "en"), ("pt-br", "pt-BR"), ("ZH-HANS", "zh-Hans"), ("es-419", "es-419")]
)
def test_a_language_is_written_in_one_way(given: str, language: str) -> None:
    assert TranslateSettings(to=given).to == language


@pytest.mark.parametrize("language", ["english", "e", "fr_FR", "fr;de", "../x"])
def test_a_language_that_is_none(language: str) -> None:
    with pytest.raises(ValueError, match="expected a language such as en"):
        TranslateSettings(to=language)


def test_corrections_made_by_hand_are_not_written_over_unasked(names: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    call(names, None, out, overwrite=False)
    out.write_text("corrected")
    with pytest.raises(ConfigError, match=r"already exists.*--overwrite"):
        call(names, None, out, overwrite=False)
    assert out.read_text() == "corrected"


def test_an_encoding_that_is_none() -> None:
    assert TranslateSettings(to="en", encoding="CP1252").encoding == "cp1252"
    with pytest.raises(ValueError, match="the name of a text encoding"):
        TranslateSettings(to="en", encoding="latin-99")


def test_where_the_names_of_a_file_go_has_to_be_said(names: Path, tmp_path: Path) -> None:
    shop = striped_catalog(tmp_path / "shop.catalog", products=8, split=False).path
    for out, words in (
        (None, "say where the names go"),
        (tmp_path / "out.xlsx", "ends in .csv or .parquet"),
        (tmp_path / "none" / "out.csv", "there is no folder"),
        (names, "is what is translated"),
        (shop / "taxonomy.parquet", "under the digest of the catalog.json"),
    ):
        with pytest.raises(ConfigError, match=words):
            call(names, None, out)
    assert names.read_text() == CSV


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (None, SourceError, "no such catalog or file"),
        (b"id,name\n1,\n", SourceError, "without a gap"),
        (b"nonsense", SourceError, "one a level"),
    ],
    ids=["missing", "gap", "header"],
)
def test_a_target_that_is_none(tmp_path: Path, content: bytes | None, error: type[Exception], words: str) -> None:
    target = tmp_path / "names.csv"
    if content is not None:
        target.write_bytes(content)
    with pytest.raises(error, match=words):
        call(target, None, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_a_folder_or_a_parquet_that_is_something_else(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="not a catalog"):
        call(tmp_path)
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(TaxonomyError, match="Parquet"):
        call(tmp_path / "x.parquet", None, tmp_path / "out.csv")

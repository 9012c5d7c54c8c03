"""The 5,270 categories of Cdiscount in another language, from a LibreTranslate server on 127.0.0.1."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.builders.translators import fake_provider

from catalens.cli.main import main
from catalens.core.catalog import Catalog
from catalens.curate.ingest import run
from catalens.curate.sources import IngestSettings

pytestmark = pytest.mark.real


def verb(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, object]]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["taxonomy", "translate", *map(str, arguments), "--json"])
    return int(ended.value.code or 0), json.loads(capsys.readouterr().out)


def test_cdiscount(real_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop = tmp_path / "cdiscount.catalog"
    run(real_data / "cdiscount" / "train_example.bson", shop, IngestSettings())
    before = Catalog(shop)
    glossary = tmp_path / "glossary.csv"
    glossary.write_text(
        "source,target\ncarte prépayée multimédia,Multimedia card\nCARTE PREPAYEE MULTIMEDIA,Prepaid card\n"
    )
    common = (shop, "--from", "fr", "--to", "en", "--glossary", glossary)

    code, report = verb(capsys, *common)
    assert (code, report["translated"]["glossary"]) == (3, 1)
    assert [row["row"] for row in report["unused_glossary"]] == [1]  # the shop writes its capitals without accents
    missing = report["missing"]

    with fake_provider(say=lambda text: f"l'œuvre : {text.lower()}") as server:
        provider = ("--provider", "libretranslate", "--url", server.url)
        code, report = verb(capsys, *common, *provider)
        assert (code, report["missing"], report["failure"]) == (0, [], None)
        distinct = {" ".join(one["name"].split()) for one in missing if any(c.isalpha() for c in one["name"])}
        assert sorted(server.texts) == sorted(distinct)  # 5,270 leaves share 5,261 names: each is asked for once
        assert len(server.requests) == -(-len(distinct) // 50)
        asked = len(server.requests)
        (shop / "tables" / "names.parquet").unlink()
        code, again = verb(capsys, *common, *provider)
        assert (code, again["asked"], len(server.requests)) == (0, 0, asked)
        assert again["translated"]["cache"] == report["translated"]["libretranslate"]

    after = Catalog(shop)
    assert after.digest == before.digest
    assert after.taxonomy.leaves == before.taxonomy.leaves
    assert len(after.taxonomy.leaves) == 5_270
    assert after.taxonomy["1000021794"].name("en") == "Prepaid card"
    leaf = after.taxonomy["1000012764"]
    assert leaf.names == {"": "ABRI FUMEUR", "en": "L'ŒUVRE : ABRI FUMEUR"}
    assert after.taxonomy.speaking("en").path_names("1000012764")[-1] == "L'ŒUVRE : ABRI FUMEUR"

"""`predict`, `evaluate` and the service name categories in the reader's language, with a bundle that lacks it."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from tests.builders.bundles import TAXONOMY, photo_of, tiny_bundle
from tests.builders.catalogs import striped_catalog

from catalens.cli.main import main
from catalens.core.bundle import Bundle
from catalens.core.catalog import Catalog
from catalens.core.errors import TaxonomyError
from catalens.search import exact
from catalens.serve.app import create_app
from catalens.serve.settings import ServeSettings

FRENCH = {"apple": {"fr": "Pomme"}, "Grocery": {"fr": "Épicerie"}, "Grocery > Fruit": {"fr": "Fruits"}}


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    TAXONOMY.with_names(FRENCH).write(tmp_path / "french.parquet")
    (tmp_path / "apple.png").write_bytes(photo_of("apple"))
    return tiny_bundle(tmp_path / "tiny.bundle")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0), *capsys.readouterr()


def test_predict(bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ("--names", tmp_path / "french.parquet")
    code, out, _ = run(
        capsys, "predict", bundle.path, tmp_path / "apple.png", "--language", "fr", *names, "--json", "--top", 2
    )
    answer = json.loads(out)
    assert code == 0
    assert answer["decision"]["node"] == "apple"
    assert answer["decision"]["path"] == ["Épicerie", "Fruits", "Pomme"]
    assert "Épicerie > Fruits > Pomme" in answer["decision"]["reason"]
    assert answer["labels"][0]["path"] == ["Épicerie", "Fruits", "Pomme"]
    second = answer["labels"][1]  # nobody has translated it: as delivered
    assert second["path"] == list(TAXONOMY.path_names(second["id"]))

    assert "no names in language 'fr'" in run(capsys, "predict", bundle.path, "x.png", "--language", "fr")[2]
    assert run(capsys, "predict", bundle.path, "x.png", *names)[0] == 2


def test_a_bundle_with_names_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = tiny_bundle(tmp_path / "french.bundle", taxonomy=TAXONOMY.with_names(FRENCH))
    (tmp_path / "apple.png").write_bytes(photo_of("apple"))
    _, out, _ = run(capsys, "predict", bundle.path, tmp_path / "apple.png", "--language", "fr", "--json")
    assert json.loads(out)["decision"]["path"] == ["Épicerie", "Fruits", "Pomme"]
    _, out, _ = run(capsys, "predict", bundle.path, tmp_path / "apple.png", "--json")
    assert json.loads(out)["decision"]["path"] == ["Grocery", "Fruit", "Apple"]


def test_evaluate_takes_the_names_of_its_catalog(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog = striped_catalog(tmp_path / "shop.catalog", products=24)
    bundle = tiny_bundle(tmp_path / "tiny.bundle", taxonomy=catalog.taxonomy)
    row = {"category_id": ["mug"], "language": ["fr"], "name": ["Tasse"], "source": ["Mug"], "origin": ["glossary"]}
    catalog.write_table("names", pa.table(row))
    command = ("evaluate", bundle.path, catalog.path, "--json")
    code, out, _ = run(capsys, *command, "--language", "fr")
    french, delivered = json.loads(out), json.loads(run(capsys, *command)[1])
    assert code == 0
    assert ["Kitchen", "Tasse"] in [row["path"] for row in french["per_class"]]
    assert ["Kitchen", "Mug"] in [row["path"] for row in delivered["per_class"]]
    assert {key: french[key] for key in ("top1", "nll", "digests")} == {
        key: delivered[key] for key in ("top1", "nll", "digests")
    }


def test_the_service(bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog = striped_catalog(tmp_path / "shop.catalog", products=8, split=False)
    assert run(capsys, "embed", bundle.path, catalog.path)[0] == 0
    index = exact.build(Catalog(catalog.path), space=bundle.digest, model=bundle.name)
    row = {"category_id": ["mug"], "language": ["fr"], "name": ["Tasse"], "source": ["Mug"], "origin": ["glossary"]}
    catalog.write_table("names", pa.table(row))

    settings = ServeSettings(language="fr", names=tmp_path / "french.parquet")
    with pytest.raises(TaxonomyError, match="no names in language 'fr'"):  # the names of another shop than the index's
        create_app(bundle, index=index, settings=settings)
    with TestClient(create_app(bundle, settings=settings)) as client:
        photo = {"photos": ("apple.png", photo_of("apple"), "image/png")}
        assert client.post("/v1/classify", files=photo).json()["decision"]["path"] == ["Épicerie", "Fruits", "Pomme"]
        leaves = client.get("/v1/model").json()["levels"][2]["categories"]
        assert ["Épicerie", "Fruits", "Pomme"] in [leaf["path"] for leaf in leaves]

    spoken = tiny_bundle(tmp_path / "other.bundle", taxonomy=TAXONOMY.with_names(FRENCH))
    assert run(capsys, "embed", spoken.path, catalog.path)[0] == 0
    index = exact.build(Catalog(catalog.path), space=spoken.digest, model=spoken.name)
    with TestClient(create_app(spoken, index=index, settings=ServeSettings(language="fr"))) as client:
        assert client.get("/v1/products/p000").json()["path"] == ["Kitchen", "Tasse"]

"""`catalens embed`, `index`, `search` and `serve` as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.builders.bundles import photo_of, tiny_bundle
from tests.builders.catalogs import striped_catalog

from catalens.cli.main import main


class Shop:
    """A bundle, a catalog with vectors, an index, and a photo, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.bundle = tiny_bundle(folder / "tiny.bundle")
        self.catalog = striped_catalog(folder / "shop.catalog", products=12, split=False)
        self.index = folder / "shop.index"
        self.photo = folder / "apple.png"
        self.photo.write_bytes(photo_of("apple"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    assert run("embed", shop.bundle.path, shop.catalog.path) == 0
    assert run("index", shop.bundle.path, shop.catalog.path, shop.index) == 0
    return shop


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_embed_tells_what_there_is(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("embed", shop.bundle.path, shop.catalog.path, "--json") == 0

    report = json.loads(capsys.readouterr().out)
    assert (report["photos"], report["products"], report["reused"], report["findings"]) == (24, 12, 24, [])
    assert report["table"] == f"embeddings.{shop.bundle.digest[:12]}"
    assert shop.catalog.has_table(report["table"])


def test_index_is_not_overwritten_unasked(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("index", shop.bundle.path, shop.catalog.path, shop.index)
    assert run(*arguments) == 1
    assert "pass --overwrite" in capsys.readouterr().err
    assert run(*arguments, "--overwrite", "--json") == 0
    assert json.loads(capsys.readouterr().out)["products"] == 12


def test_search_by_photo(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("search", shop.photo, "--bundle", shop.bundle.path, "--index", shop.index)
    assert run(*arguments, "-k", 3, "--json") == 0
    neighbours = json.loads(capsys.readouterr().out)["neighbours"]
    assert len(neighbours) == 3
    assert all(set(neighbour) == {"id", "score"} for neighbour in neighbours)

    assert run(*arguments, "-k", 3, "--category", "Kitchen", "--attribute", "colour:warm") == 0
    shown = capsys.readouterr().out
    assert shown.count("Kitchen > ") == 3
    assert "Home" not in shown


def test_search_by_product_leaves_it_out(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("search", "--product", "p003", "--index", shop.index, "-k", 100, "--json") == 0
    found = [neighbour["id"] for neighbour in json.loads(capsys.readouterr().out)["neighbours"]]
    assert len(found) == 11
    assert "p003" not in found


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["{photo}"], 2, "photos need --bundle"),
        ([], 2, "either photos or --product"),
        (["{photo}", "--product", "p003"], 2, "either photos or --product"),
        (["--product", "nobody"], 1, "no product 'nobody'"),
        (["--product", "p003", "--category", "Kitchn"], 2, "did you mean 'Kitchen'"),
        (["nowhere.png", "--bundle", "{bundle}"], 1, "nowhere.png: the file cannot be opened"),
        (["{bundle}/manifest.json", "--bundle", "{bundle}"], 1, "manifest.json"),
    ],
    ids=["no bundle", "no query", "two queries", "unknown product", "unknown category", "no file", "no photo"],
)
def test_search_says_what_is_wrong(
    shop: Shop, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    filled = [argument.format(photo=shop.photo, bundle=shop.bundle.path) for argument in arguments]
    assert run("search", *filled, "--index", shop.index) == code
    assert says in capsys.readouterr().err


def test_search_with_another_bundle(shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tiny_bundle(tmp_path / "other.bundle", name="other")
    assert run("search", shop.photo, "--bundle", other.path, "--index", shop.index) == 1
    assert "build it again with `catalens embed`" in capsys.readouterr().err


def test_index_before_embed(shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tiny_bundle(tmp_path / "other.bundle", name="other")
    assert run("index", other.path, shop.catalog.path, tmp_path / "x.index") == 1
    assert "run `catalens embed" in capsys.readouterr().err
    assert not (tmp_path / "x.index").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--catalog", "{catalog}"], 2, "--catalog goes with --index"),
        (["--set", "serve.max_byte=1"], 2, "did you mean 'max_bytes'"),
        (["--set", "serve.promise=0.97"], 1, "this bundle makes 0.9, 0.95, 0.98, 0.99"),
        (["--index", "{index}", "--catalog", "{other}"], 1, "expected the catalog the index was built from"),
    ],
    ids=["catalog alone", "unknown setting", "promise not made", "another catalog"],
)
def test_serve_says_what_is_wrong_before_it_serves(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    other = striped_catalog(tmp_path / "other.catalog", products=4, seed=1, split=False)
    paths = {"catalog": shop.catalog.path, "index": shop.index, "other": other.path}
    assert run("serve", shop.bundle.path, *[argument.format(**paths) for argument in arguments]) == code
    assert says in capsys.readouterr().err

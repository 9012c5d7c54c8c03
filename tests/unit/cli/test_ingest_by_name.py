"""`catalens ingest` of data sets by name and of lists of URLs, as it is typed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.builders.dumps import idx_images, idx_labels, photo, write
from tests.builders.webserver import LocalServer, Reply

from catalens.cli.main import main
from catalens.curate.datasets import fetch as fetching
from catalens.curate.datasets.table import Dataset, datasets

FILES = {"train-images-idx3-ubyte": idx_images([1, 2]), "train-labels-idx1-ubyte": idx_labels([0, 1])}


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalServer]:
    """Serves "tiny", a data set, and two photos."""
    with LocalServer({f"/{name}": Reply(data) for name, data in FILES.items()}) as server:
        server.routes |= {"/1.jpg": Reply(photo(1)), "/2.jpg": Reply(photo(2))}
        files = [
            {"url": f"{server.url}/{name}", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in FILES.items()
        ]
        tiny = Dataset(title="Tiny", licence="CC0", homepage="h", format="idx", labels=("Bag", "Boot"), files=files)
        monkeypatch.setattr(fetching, "find_dataset", {"tiny": tiny}.__getitem__)
        yield server


def test_a_data_set_by_name(tmp_path: Path, server: LocalServer, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["ingest", "--dataset", "tiny", tmp_path / "tiny.catalog", "--allow-private", server.address, "--json"]
    words += ["--set", f'ingest.web.cache="{tmp_path / "cache"}"', "--set", "ingest.min_products=0"]
    assert call(*words) == 0
    said = capsys.readouterr()
    values = json.loads(said.out)
    assert (values["format"], values["products"], values["categories"]) == ("idx", 2, 2)
    assert "licence: CC0" in said.err
    assert len(server.asked) == 2
    assert call(*words) == 0
    assert len(server.asked) == 2
    assert "nothing to do" in capsys.readouterr().err


def test_a_list_of_urls(tmp_path: Path, server: LocalServer, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"url,category\n{server.url}/1.jpg,Hats\n{server.url}/2.jpg,Shoes\n"
    source = write(tmp_path, {"list.csv": text}) / "list.csv"
    flags = ["--allow-private", server.address, "--downloads", tmp_path / "kept", "--set", "ingest.web.delay_s=0"]
    assert call("ingest", source, tmp_path / "shop.catalog", *flags, "--json") == 0
    assert json.loads(capsys.readouterr().out)["products"] == 2
    assert len(list((tmp_path / "kept").glob("*/*.photo"))) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["shop.catalog"], "expected SOURCE and CATALOG"),
        ([], "expected SOURCE and CATALOG"),
        (["a", "b", "c"], "expected SOURCE and CATALOG"),
        (["--dataset", "grocery"], "expected CATALOG alone"),
        (["--dataset", "grocery", "photos", "shop.catalog"], "expected CATALOG alone"),
        (["--dataset", "grocer", "x.catalog"], "did you mean 'grocery'"),
        (["photos", "x.catalog", "--set", "ingest.web.conections=3"], "did you mean 'connections'"),
    ],
)
def test_what_was_typed_wrongly_is_said(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("ingest", *words) == 2
    assert message in capsys.readouterr().err


def test_the_list_of_data_sets(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("ingest", "--datasets") == 0
    said = capsys.readouterr()
    assert said.out == ""
    for name, dataset in datasets().items():
        assert f"{name}: {dataset.title}" in said.err
        assert dataset.licence in said.err
    assert call("ingest", "--datasets", "--json") == 0
    assert [entry["name"] for entry in json.loads(capsys.readouterr().out)] == list(datasets())


def test_a_bad_allowance_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write(tmp_path, {"list.csv": "url,category\nhttp://x.example/1.jpg,Hats\n"}) / "list.csv"
    assert call("ingest", source, tmp_path / "shop.catalog", "--allow-private", "http://x") == 2
    assert "ingest.web.allow_private: Value error, expected a host" in capsys.readouterr().err
    assert not (tmp_path / "shop.catalog").exists()

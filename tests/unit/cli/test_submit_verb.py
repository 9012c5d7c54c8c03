"""`catalens submit` on dumps of several formats, and killed as a process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.builders.bundles import TAXONOMY, photo_of, tiny_bundle
from tests.builders.dumps import document, write

from catalens.cli.submit import command

LEAVES = TAXONOMY.leaves


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny.bundle").path


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments], standalone_mode=False)
    if result.exception:
        raise result.exception
    return result


def test_a_test_dump_of_bson(bundle: Path, tmp_path: Path) -> None:
    documents = [
        document(10, None, photo_of("boot"), photo_of("boot")),
        document(11, None, b"no picture"),
        b"garbage between documents",
        document(12, None),
        document(10, None, photo_of("lamp")),
        document(13, None, photo_of("lamp")),
    ]
    write(tmp_path, {"test.bson": b"".join(documents)})
    result = run(bundle, tmp_path / "test.bson", "--out", tmp_path / "out.csv", "--json")
    assert (tmp_path / "out.csv").read_text() == f"_id,category_id\n10,boot\n11,{LEAVES[0]}\n12,{LEAVES[0]}\n13,lamp\n"
    told = json.loads(result.stdout)
    counts = {name: told[name] for name in ("products", "photos", "unreadable", "guessed", "repeated", "nameless")}
    assert counts == {"products": 4, "photos": 4, "unreadable": 1, "guessed": 2, "repeated": 1, "nameless": 1}
    assert "rows without a product id, which get no line: 1;" in result.stderr


def test_a_table_is_read_as_ingest_would(bundle: Path, tmp_path: Path) -> None:
    write(tmp_path, {"list.csv": "sku,bild\na,1.png\nb,2.png\n", "1.png": photo_of("boot"), "2.png": photo_of("lamp")})
    flags = ("--set", "ingest.image=bild", "--set", "ingest.product_id=sku")
    run(bundle, tmp_path / "list.csv", "--out", tmp_path / "out.csv", *flags)
    assert (tmp_path / "out.csv").read_text() == "_id,category_id\na,boot\nb,lamp\n"


def test_a_sample_of_a_dump_is_another_dump(bundle: Path, tmp_path: Path) -> None:
    write(tmp_path, {"test.bson": b"".join(document(number, None, photo_of("boot")) for number in range(30))})
    run(bundle, tmp_path / "test.bson", "--out", tmp_path / "out.csv", "--set", "ingest.sample=5")
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 6


def test_killed_as_a_process_and_run_again(bundle: Path, tmp_path: Path) -> None:
    photos = [photo_of(leaf) for leaf in LEAVES]
    documents = [document(number, None, photos[number % len(photos)]) for number in range(4000)]
    write(tmp_path, {"test.bson": b"".join(documents)})
    out = tmp_path / "out.csv"
    slow = "import catalens.predict.submit as s; s.NOTED_EVERY_S = -1; from catalens.cli.main import main; main()"
    arguments = ["submit", str(bundle), str(tmp_path / "test.bson"), "--out", str(out), "--threads", "1"]
    process = subprocess.Popen([sys.executable, "-c", slow, *arguments], stderr=subprocess.PIPE)
    note, waited = out.with_name("out.csv.partial.json"), time.monotonic() + 60
    while not note.exists() and process.poll() is None and time.monotonic() < waited:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not out.exists(), "it was done before it could be killed"
    told = json.loads(run(bundle, tmp_path / "test.bson", "--out", out, "--json").stdout)
    assert 0 < told["resumed"] < told["products"] == 4000
    expected = "".join(f"{number},{LEAVES[number % len(LEAVES)]}\n" for number in range(4000))
    assert out.read_text() == "_id,category_id\n" + expected

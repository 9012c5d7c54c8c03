"""The public sample of Cdiscount, all the way to a submission file."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import bson
import pytest
from click.testing import CliRunner
from tests.builders.bundles import tiny_bundle

from catalens.cli.submit import command
from catalens.curate.sources.listed import read_taxonomy

pytestmark = pytest.mark.real


def test_cdiscount_round_trip(real_data: Path, tmp_path: Path) -> None:
    dump = real_data / "cdiscount" / "train_example.bson"
    taxonomy = read_taxonomy(real_data / "cdiscount" / "category_names.csv")
    tiny_bundle(tmp_path / "cdiscount.bundle", taxonomy=taxonomy)
    out = tmp_path / "submission.csv"
    arguments = [str(tmp_path / "cdiscount.bundle"), str(dump), "--out", str(out), "--json"]
    report = json.loads(CliRunner().invoke(command, arguments, catch_exceptions=False).stdout)
    assert (report["products"], report["photos"], report["unreadable"], report["guessed"]) == (82, 110, 0, 0)
    with out.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == ["_id", "category_id"]
    with dump.open("rb") as file:
        assert [int(product) for product, _ in rows] == [document["_id"] for document in bson.decode_file_iter(file)]
    assert {category for _, category in rows} <= set(taxonomy.leaves)
    assert len({category for _, category in rows}) > 10

"""`catalens train --models`: what can be trained, at which cost."""

from __future__ import annotations

import json

from click.testing import CliRunner

import catalens.train  # noqa: F401
from catalens.cli.main import catalens as cli
from catalens.cli.models_table import show
from catalens.train import zoo


def test_names_are_listed_with_cost_and_time(monkeypatch) -> None:
    monkeypatch.setattr(zoo, "CLASSICS", ("resnet18",))
    result = CliRunner().invoke(cli, ["train", "--models", "--json"])
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert [row["name"] for row in rows] == [*zoo.OWN_MODELS, "resnet18"]
    assert {"name", "params", "size", "gmacs", "ms", "weights"} <= set(rows[0])
    assert all(row["ms"] > 0 for row in rows)
    assert rows[-1]["weights"] in ("download", "cached")


def test_as_a_table_and_without_measuring(capsys) -> None:
    show(False, names=("lightweight_cnn",), measure=False)
    said = capsys.readouterr().err.splitlines()
    row = next(line for line in said if line.startswith("lightweight_cnn"))
    assert row.split() == ["lightweight_cnn", "93,472", "128", "0.17", "-", "none"]

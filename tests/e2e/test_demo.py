"""The demo, small: every verb on a drawn shop, in processes of their own, down to the page."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SMALL = ("--products", "111", "--epochs", "1", "--set", "demo.size=32", "--set", "demo.strangers=5", "--json")


def demo(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "catalens", "demo", "--out", str(out), *arguments]
    return subprocess.run(line, capture_output=True, text=True, timeout=280, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """The folder, what `--json` printed, and what was said; over the rest of a demo that was killed."""
    out = tmp_path_factory.mktemp("demo") / "demo"
    (out / "shop.catalog" / "journal").mkdir(parents=True)
    (out / "demo.json").write_text("{")
    (out / "report.html").write_text("old")
    done = demo(out, *SMALL)
    assert done.returncode == 0, done.stderr
    return out, json.loads(done.stdout), done.stderr


def test_it_leaves_everything_it_names(made: tuple[Path, dict[str, Any], str]) -> None:
    out, summary, said = made
    for name in ("dump/products.csv", "shop.catalog/catalog.json", "run/metrics.csv", "shop.bundle/manifest.json"):
        assert (out / name).is_file(), name
    assert summary["products"] >= 111
    assert sum(summary["set_aside"].values()) >= 4
    assert set(summary["parts"]) == {"train", "val", "calib", "test"}
    assert [level["level"] for level in summary["levels"]] == ["department", "family", "kind"]
    assert str(out / "report.html") in said


def test_every_command_is_said_before_it_runs(made: tuple[Path, dict[str, Any], str]) -> None:
    verbs = [line.split()[2] for line in made[2].splitlines() if line.startswith("$ catalens ")]
    assert verbs == [
        "ingest", "audit", "split", "train", "export", "evaluate", "embed", "index", "search", "predict", "predict",
    ]  # fmt: skip


def test_the_audit_is_a_page_of_its_own(made: tuple[Path, dict[str, Any], str]) -> None:
    text = (made[0] / "audit.html").read_text(encoding="utf-8")
    assert "categories are ready to be learnt" in text
    assert json.loads((made[0] / "audit.json").read_text(encoding="utf-8"))["products"] == made[1]["products"]


def test_the_report_is_whole(made: tuple[Path, dict[str, Any], str]) -> None:
    text = (made[0] / "report.html").read_text(encoding="utf-8")
    assert "promised precision" in text.split("<h2>")[0]
    for section in ("How it learnt", "Products that look alike", "What was set aside", "Strangers", "in words"):
        assert section in text
    assert text.count("data:image/jpeg;base64,") > 20
    assert text.count("cosine") >= 5


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("two years of work")
    done = demo(tmp_path, *SMALL)
    assert done.returncode == 2
    assert "holds no earlier demo" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_verb_that_fails_ends_the_demo(tmp_path: Path) -> None:
    done = demo(tmp_path / "demo", "--products", "100", "--set", "demo.model=no_such_model", "--json")
    assert done.returncode == 2
    assert "no_such_model" in done.stderr
    assert "The demo stops" in done.stderr
    assert not (tmp_path / "demo" / "report.html").exists()

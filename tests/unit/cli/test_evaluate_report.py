"""`catalens evaluate --report`: the page, the JSON beside it, and what is compared and measured for it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.builders.bundles import tiny_bundle
from tests.builders.catalogs import striped_catalog

from catalens.cli.main import main
from catalens.cli.report_parts import Answer, Photos, cards
from catalens.core.bundle import Bundle, write_bundle
from catalens.core.catalog import Catalog
from catalens.core.sets import SetRule

EXISTING = (
    "top1",
    "per_class",
    "confusions",
    "coverage",
    "reliability",
    "attributes",
    "split",
    "unreadable",
    "digests",
)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0), *capsys.readouterr()


def with_sets(bundle: Bundle, path: Path) -> Bundle:
    """The same bundle, which also suggests."""

    def fill(partial: Path) -> dict[str, Any]:
        for name in bundle.manifest.files:
            shutil.copy(bundle.path / name, partial / name)
        fields = bundle.manifest.model_dump(exclude={"files", "version", "format_version"})
        counts = {"mug": 4, "plate": 40, "lamp": 200, "sofa": 8}
        return {
            **fields,
            "name": "new",
            "sets": SetRule("aps", 0.9, 0.9).to_json(),
            "training": {"train_counts": counts},
        }

    return write_bundle(path, fill)


@pytest.fixture
def shop(tmp_path: Path) -> Catalog:
    return striped_catalog(tmp_path / "shop.catalog", products=72)


@pytest.fixture
def bundle(tmp_path: Path, shop: Catalog) -> Bundle:
    return with_sets(tiny_bundle(tmp_path / "plain.bundle", taxonomy=shop.taxonomy), tmp_path / "new.bundle")


def test_the_page_and_its_figures(
    bundle: Bundle, shop: Catalog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # the one before knew no sofas
    old = tiny_bundle(tmp_path / "old.bundle", taxonomy=shop.taxonomy.subset(["mug", "plate", "lamp"]), name="old")
    page = tmp_path / "out" / "report.html"
    more = ("--against", old.path, "--robustness", "--robustness-products", 3)
    code, out, said = run(capsys, "evaluate", bundle.path, shop.path, "--json", "--report", page, *more)
    assert code == 0, said
    values = json.loads(out)
    assert json.loads(page.with_suffix(".json").read_text(encoding="utf-8")) == values
    assert set(EXISTING) <= set(values)
    assert values["sets"]["products"] == values["products"] == 12
    assert values["sets"]["promised"] == 0.9
    assert values["risk_coverage"][-1]["filed"] == 1.0
    assert values["risk_coverage"][-1]["precision"] == pytest.approx(values["top1"])
    assert values["against"]["new"] == ["sofa"]
    assert values["against"]["products"] == 9
    assert values["against"]["only_after"] == 3
    assert values["robustness"]["products"] == 3
    assert values["open_world"] is None

    text = page.read_text(encoding="utf-8")
    assert "promised precision" in text.split("<h2>")[0]
    for title in (
        "What it costs",
        "Better than before?",
        "What to do",
        "Category by category",
        "suggests",
        "worse than",
    ):
        assert title in text
    assert "What the shop does not sell" not in text
    assert "<script" not in text
    assert not re.findall(r"""(?:src|href)=["'](?!data:image/jpeg;base64,)""", text)
    assert text.count("data:image/jpeg;base64,") >= 12
    assert str(page) in said


def test_without_options_nothing_is_compared(bundle: Bundle, shop: Catalog, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "evaluate", bundle.path, shop.path, "--json")
    values = json.loads(out)
    assert code == 0
    assert (values["against"], values["robustness"]) == (None, None)
    assert isinstance(values["advice"], list)


def test_a_gate_that_is_missed_still_leaves_the_page(
    bundle: Bundle, shop: Catalog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    assert run(capsys, "evaluate", bundle.path, shop.path, "--report", page, "--require", "top1=1.1")[0] == 3
    assert page.exists()


def test_the_page_must_not_take_the_name_of_its_figures(
    bundle: Bundle, shop: Catalog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, said = run(capsys, "evaluate", bundle.path, shop.path, "--report", tmp_path / "report.json")
    assert code == 2
    assert "ends in .html" in said


@pytest.mark.parametrize(
    ("answer", "verdict", "words"),
    [
        (Answer("p", "mug", "mug", 0.97, "here", True), "right", ("97 % sure",)),
        (Answer("p", "mug", "mug", 0.5, "above", True), "doubtful", ("50 % sure", "filed higher up")),
        (Answer("p", "mug", "mug", 0.5, "no"), "doubtful", ("50 % sure", "not filed")),
        (Answer("p", "mug", "mug", 0.5), "right", ("50 % sure",)),
        (Answer("p", "mug", "pan", 0.5, "above", True), "wrong", ("Pan", "50 % sure", "filed higher up")),
        (Answer("p", "mug", "pan", 0.5, "here"), "wrong", ("Pan", "50 % sure", "filed wrong")),
        (Answer("p", "mug", "pan", 0.5, "no"), "wrong", ("Pan", "50 % sure", "not filed")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_became_of_a_product(answer: Answer, verdict: str, words: tuple[str, ...]) -> None:
    assert answer.verdict == verdict
    assert tuple(word.replace("\u00a0", " ") for word in answer.words({"pan": "Pan"})) == words


def test_of_many_categories_the_largest_and_the_weakest_have_cards(shop: Catalog) -> None:
    """50 categories, weakest first; those of one product are no evidence of weakness."""
    rows = [
        {
            "id": f"c{n}",
            "path": [f"C{n}"],
            "support": 1 if n < 10 else n,
            "recall": n / 50,
            "precision": 1.0,
            "train": 3,
        }
        for n in range(50)
    ]
    shown, left_out = cards(Photos(shop, "test"), rows, [Answer("p005", "c49", "c49", 0.9, "here", True)])
    groups = {title: [one.path[0] for one in shown if one.group == title] for title in {one.group for one in shown}}
    assert groups["The weakest 20"] == [f"C{n}" for n in range(10, 30)]
    assert groups["The largest 20 of the others"] == [f"C{n}" for n in range(49, 29, -1)]
    assert left_out == 10
    assert [(one.path, one.filed, len(one.photos)) for one in shown if one.photos] == [(("C49",), 1.0, 1)]


def test_a_product_without_a_photo_is_left_out(shop: Catalog) -> None:
    assert Photos(shop, "test").first("no such product") is None

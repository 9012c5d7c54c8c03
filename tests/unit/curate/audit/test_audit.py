"""An audit of a shop with one of everything: each trouble is counted, shown on the page, and followed by a command."""

from __future__ import annotations

import json
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.builders.bundles import tiny_bundle
from tests.builders.troubled import Rows, jpeg, quiet_rows, scene, troubled_shop

from catalens.cli.main import catalens
from catalens.core.catalog import Catalog
from catalens.curate.audit.page import heading, page
from catalens.curate.audit.run import Audit, run
from catalens.curate.audit.settings import AuditSettings
from catalens.curate.audit.steps import next_commands, steps


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return troubled_shop(tmp_path_factory.mktemp("audit"))


@pytest.fixture(scope="module")
def audit(shop: Catalog) -> Audit:
    return run(shop, AuditSettings(workers=1))


def test_sizes_and_what_the_dump_had(audit: Audit) -> None:
    assert (audit.sizes.products, audit.sizes.photos, audit.rows_read) == (65, 65, 67)
    assert audit.dump.set_aside == {"no photo": 2}


def test_one_picture_in_three_forms(audit: Audit) -> None:
    assert (audit.copies.exact.groups, audit.copies.exact.photos) == (1, 2)
    assert audit.copies.near.groups == 1
    assert (audit.copies.contradictory, audit.copies.cross_seller, audit.copies.cross_product) == (1, 1, 1)
    assert {product for _, product in audit.copies.groups[0].images} == {"m0", "p30", "m30"}
    assert audit.copied == 3


def test_the_leak_is_the_copy_in_the_part_test(audit: Audit) -> None:
    assert audit.leaks is not None
    assert audit.leaked == 1
    assert [(leak.product_id, leak.part) for leak in audit.leaks.leaks if leak.kind == "near"] == [("m30", "test")]


def test_a_name_that_is_no_product_is_not_ready(audit: Audit) -> None:
    assert [(one.path, one.products) for one in audit.strange] == [("Not sure", 2)]
    assert {one.path: one.verdict for one in audit.readiness} == {
        "Kitchen > Mug": "enough",
        "Kitchen > Plate": "enough",
        "Not sure": "no product",
    }
    assert heading(audit) == "2 of 3 categories are ready to be learnt."


def test_the_black_photo_is_found(audit: Audit, shop: Catalog) -> None:
    black = next(row["image_id"] for row in shop.images.to_pylist() if row["product_id"] == "p31")
    assert "dark" in audit.quality.counts
    assert black in [one.image_id for one in audit.quality.worst["dark"]]


def test_machines_read_what_the_design_says(audit: Audit) -> None:
    values = json.loads(json.dumps(audit.to_json()))
    assert values["products"] == values["images"] == 65
    assert values["levels"] == [{"level": "level 1", "categories": 2}, {"level": "level 2", "categories": 3}]
    assert values["medium"] == {"categories": 2, "products": 63}
    assert values["few"] == {"categories": 1, "products": 2}
    assert values["findings"]["dark"] == audit.quality.counts["dark"]
    copies = values["duplicates"]
    assert copies["exact"] == {"groups": 1, "photos": 2}
    assert (copies["contradictory"], copies["cross_seller"]) == (1, 1)


def test_steps_say_what_was_found_the_worst_first(audit: Audit, shop: Catalog) -> None:
    found = steps(audit)
    words = "\n".join(step.words for step in found)
    for expected in (
        "2 products are filed where no kind of product is named: “Not sure”",
        "1 picture stands under several categories",
        "1 product outside train has a copy in train",
        "1 picture is used by several sellers",
        "2 of 67 rows of the dump could not be used",
    ):
        assert expected in words
    assert [step.weight for step in found] == sorted(step.weight for step in found)
    commands = next_commands(audit, shop.path)
    edited = shop.path.with_name("shop-edited.catalog")
    assert commands == (
        f"catalens taxonomy edit {shop.path} {edited} --drop 'Not sure'",
        f"catalens duplicates {edited}",
        f"catalens split {edited} --together near --anew",
        f"catalens train {edited} {edited.with_suffix('.run')}",
    )


def test_suggested_commands_can_be_typed_one_after_the_other(tmp_path: Path) -> None:
    rows = quiet_rows()
    for number in range(3):
        rows.add(f"c{number}", "Kitchen > Cup", jpeg(scene(number, kind=2)))
    rows.add("x", "Not sure", jpeg(scene(70)))
    shop = rows.ingest(tmp_path / "a shop")
    *before, train = (shlex.split(line)[1:] for line in next_commands(run(shop, AuditSettings(workers=1)), shop.path))
    assert [words[0] for words in before] == ["taxonomy", "clean", "duplicates", "split"]
    for words in before:
        done = CliRunner().invoke(catalens, words)
        assert done.exit_code == 0, (words, done.output, done.exception)
    learnt = Catalog(Path(train[1]))
    assert learnt.has_table("splits")
    assert "Not sure" not in learnt.taxonomy.leaves


def test_products_below_two_strange_names_count_once(tmp_path: Path) -> None:
    rows = quiet_rows()
    rows.add("x", "Other > Not sure", jpeg(scene(70)))
    catalog = rows.ingest(tmp_path)
    audit = run(catalog, AuditSettings(workers=1))
    assert [one.path for one in audit.strange] == ["Other", "Other > Not sure"]
    assert steps(audit)[0].words == "1 product is filed where no kind of product is named: “Other”."
    assert next_commands(audit, catalog.path)[0].endswith(".catalog --drop Other")


def test_a_single_category_is_said_in_the_singular(tmp_path: Path) -> None:
    rows = Rows()
    rows.add("p", "Kitchen > Mug", jpeg(scene(1)))
    catalog = rows.ingest(tmp_path)
    audit = run(catalog, AuditSettings(workers=1))
    assert heading(audit) == "The only category is not ready to be learnt."
    assert "1 of 1 category has too few different photos." in [step.words for step in steps(audit)]
    html = page(audit, catalog)
    assert not re.search(r"\b1 (products|photos|rows|categories|different photos)\b", re.sub("<[^>]*>", " ", html))


def test_the_page_is_not_written_over_by_its_figures(shop: Catalog, tmp_path: Path) -> None:
    done = CliRunner().invoke(catalens, ["audit", str(shop.path), "--out", str(tmp_path / "a.json")])
    assert done.exit_code == 2
    assert not (tmp_path / "a.json").exists()


def test_the_catalog_one_stands_in(shop: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.path)
    done = CliRunner().invoke(catalens, ["audit", ".", "--workers", "1"])
    assert done.exit_code == 0, done.output
    assert shop.path.with_name("shop.audit.html").is_file()


def test_every_suggested_command_exists(audit: Audit, shop: Catalog) -> None:
    for line in next_commands(audit, shop.path):
        verb, *arguments = shlex.split(line)[1:]
        options = [word for word in arguments if word.startswith("--")]
        below = [word for word in arguments[:1] if verb == "taxonomy"]
        told = CliRunner().invoke(catalens, [verb, *below, "--help"]).output
        assert all(option in told for option in options), line


class _Tags(HTMLParser):
    """Complains about tags that do not nest."""

    VOID = ("meta", "img", "br", "line", "polyline")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_page_shows_it_all_and_asks_nobody(audit: Audit, shop: Catalog) -> None:
    html = page(audit, shop)
    tags = _Tags()
    tags.feed(html)
    assert tags.open == []
    assert not re.search(r'(src|href)="(?!data:)|<script', html)
    for words in ("Not sure", "One picture, several categories", "in train", "dark: ", "no photo", "no product"):
        assert words in html
    assert html.count("<img") >= 8


def test_a_shop_without_trouble_says_so(tmp_path: Path) -> None:
    fine = quiet_rows().ingest(tmp_path)
    found = run(fine, AuditSettings(workers=1))
    assert heading(found) == "All 2 categories are ready to be learnt."
    assert not [step for step in steps(found) if step.weight == "bad"]


def test_the_verb_writes_page_and_figures_and_prints_them(shop: Catalog, tmp_path: Path) -> None:
    out = tmp_path / "a.html"
    done = CliRunner().invoke(catalens, ["audit", str(shop.path), "--out", str(out), "--workers", "1", "--json"])
    assert done.exit_code == 0, done.output
    values = json.loads(done.stdout)
    assert values == json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert values["duplicates"]["contradictory"] == 1
    assert "2 of 3 categories are ready" in done.stderr
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_bundle_judges_labels_and_is_named(shop: Catalog, tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "tiny.bundle")
    out = tmp_path / "b.html"
    words = ["audit", str(shop.path), "--bundle", str(bundle.path), "--out", str(out), "--workers", "1", "--json"]
    done = CliRunner().invoke(catalens, words)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["labels"]["judged_by"] == f"bundle {bundle.name}"
    assert f"judged by bundle {bundle.name}" in out.read_text(encoding="utf-8")
    assert [name for name in (shop.path / "tables").iterdir() if name.name.startswith("embeddings.")]


def test_signs_in_names_are_neither_markup_nor_shell(tmp_path: Path) -> None:
    rows = quiet_rows()
    rows.add("<script>alert(1)</script>", "Kitchen > Cup & <svg/onload=x", jpeg(scene(70)), seller="<img src=x>")
    rows.add("other's", "Other; rm -rf $HOME", jpeg(scene(71)))
    catalog = rows.ingest(tmp_path / "it's a shop")
    assert len(catalog.products) == 62
    audit = run(catalog, AuditSettings(workers=1))
    html = page(audit, catalog)
    assert "<script" not in html
    assert "<svg/onload" not in html
    assert "<img src=x" not in html
    assert "Cup &amp; &lt;svg/onload=x" in html
    for line in next_commands(audit, catalog.path):
        assert "it's a shop/shop" in " ".join(shlex.split(line))
    edits = [shlex.split(line) for line in next_commands(audit, catalog.path) if " taxonomy " in line]
    assert [words[-2:] for words in edits] == [["--drop", "Other; rm -rf $HOME"]]


def test_without_categories_nothing_is_suggested_to_be_learnt(tmp_path: Path) -> None:
    rows = Rows()
    for number in range(3):
        rows.add(f"p{number}", "", jpeg(scene(number)))
    catalog = rows.ingest(tmp_path)
    audit = run(catalog, AuditSettings(workers=1))
    assert heading(audit) == "No product has a category: there is nothing to learn yet."
    assert next_commands(audit, catalog.path) == ()
    assert "3 products have no category" in page(audit, catalog)

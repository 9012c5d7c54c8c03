"""Edits of a tree: what they do, what they refuse and why, and that every product is filed or accounted for."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from tests.builders.dumps import write
from tests.builders.shops import PATHS, assert_whole, products_of, shop

from catalens.core.catalog import Catalog
from catalens.core.errors import CatalensError, ConfigError, SourceError, TaxonomyError
from catalens.core.taxonomy import Category, Taxonomy
from catalens.curate.categories.draft import Draft
from catalens.curate.categories.filing import ORIGINAL, UNKNOWN
from catalens.curate.categories.listing import write_listing
from catalens.curate.edit_taxonomy import DROPPED, EditReport, EditSettings, run
from catalens.curate.sources.listed import read_taxonomy

LEVELS = ("department", "group", "kind")


@pytest.fixture
def parent(tmp_path: Path) -> Catalog:
    """Two products of every leaf but tee, and one without a category."""
    counts = dict.fromkeys(PATHS, 2) | {"tee": 0, None: 1}
    return shop(tmp_path / "a.catalog", products_of(counts), level_names=LEVELS)


def edit(parent: Catalog, **settings: Any) -> tuple[Catalog, EditReport]:
    out = parent.path.parent / "b.catalog"
    report = run(parent, out, EditSettings(**settings))
    made = Catalog(out)
    assert_whole(made)
    return made, report


def tree(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    return {leaf: catalog.taxonomy.path_names(leaf) for leaf in catalog.taxonomy.leaves}


def originals(catalog: Catalog) -> dict[str, str]:
    attributes = {row["product_id"]: dict(row["attributes"]) for row in catalog.products.to_pylist()}
    return {product: values[ORIGINAL] for product, values in attributes.items() if ORIGINAL in values}


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        ({"rename": "kiwi=Kiwifruit"}, {"kiwi": ("Food", "Fruit", "Kiwifruit")}),
        ({"rename": "Food > Fruit=Obst"}, {leaf: ("Food", "Obst", leaf.title()) for leaf in ("apple", "kiwi", "pear")}),
        ({"rename": "Kiwi=K=1"}, None),
        ({"merge": "kiwi=apple"}, {"kiwi": None}),
        ({"merge": "Kiwi,pear=Apple"}, {"kiwi": None, "pear": None}),
        ({"merge": "Food > Fruit=milk"}, {"apple": None, "kiwi": None, "pear": None}),
        (
            {"merge": "Tops=Fruit"},
            {"shirt": ("Food", "Fruit", "Shirt"), "tee": ("Food", "Fruit", "Tee")},
        ),
        (
            {"merge": "apple,kiwi,pear=Fruit"},
            {"apple": None, "kiwi": None, "pear": None, "Food > Fruit": ("Food", "Fruit")},
        ),
        ({"drop": "kiwi"}, {"kiwi": None}),
        ({"drop": ["apple", "pear", "kiwi"]}, {"apple": None, "kiwi": None, "pear": None}),
        ({"drop": "Food"}, {"apple": None, "kiwi": None, "pear": None, "milk": None}),
        ({"move": "sock=Food > Fruit"}, {"sock": ("Food", "Fruit", "Sock")}),
        ({"move": "milk="}, {"milk": ("Milk",)}),
        ({"move": "shirt=tee"}, {"shirt": ("Wear", "Tops", "Tee", "Shirt"), "tee": None}),
        (
            {"roll_up": "2"},
            {"apple": None, "kiwi": None, "pear": None, "shirt": None, "tee": None}
            | {"Food > Fruit": ("Food", "Fruit"), "Wear > Tops": ("Wear", "Tops")},
        ),
        ({"roll_up": "department"}, dict.fromkeys(PATHS) | {"Food": ("Food",), "Wear": ("Wear",)}),
        (
            {"merge": "kiwi=apple", "rename": "apple=Apple or kiwi"},
            {"kiwi": None, "apple": ("Food", "Fruit", "Apple or kiwi")},
        ),
    ],
    ids=str,
)
def test_edits(parent: Catalog, settings: dict[str, Any], changed: dict[str, Any] | None) -> None:
    if changed is None:
        with pytest.raises(TaxonomyError):
            edit(parent, **settings)
        return
    if "move" in settings and "tee" in settings["move"]:
        settings = settings | {"level_names": "a,b,c,d"}
    made, report = edit(parent, **settings)
    expected = {leaf: names for leaf, names in (PATHS | changed).items() if names is not None}
    assert tree(made) == expected
    assert report.catalog.products == parent.info.products


def test_a_name_may_hold_an_equals_sign_in_a_file(parent: Catalog, tmp_path: Path) -> None:
    write(tmp_path, {"edits.csv": "action,category,target\nrename,kiwi,K=1\n"})
    assert tree(edit(parent, edits=tmp_path / "edits.csv")[0])["kiwi"][-1] == "K=1"


def test_products_keep_the_category_they_had(parent: Catalog) -> None:
    made, report = edit(parent, merge="kiwi=apple", drop="sock")
    assert (report.catalog.refiled, report.catalog.findings) == (2, {DROPPED: 2})
    assert originals(made) == {"kiwi-0": "kiwi", "kiwi-1": "kiwi", "sock-0": "sock", "sock-1": "sock"}
    assert (made.categories["kiwi-0"], made.categories["sock-0"]) == ("apple", None)


def test_products_of_dropped_categories_can_be_set_aside(parent: Catalog) -> None:
    made, report = edit(parent, drop="sock", dropped="set_aside")
    assert report.catalog.set_aside == {DROPPED: 2}
    assert made.categories["None-0"] is None


def test_edits_come_from_a_file_row_by_row(parent: Catalog, tmp_path: Path) -> None:
    rows = "action,category,target\nrename,apple,Pomme\nmerge,kiwi,Pomme\nmove,milk,\ndrop,Sock,\n"
    write(tmp_path, {"edits.csv": "\ufeff" + rows})
    made, report = edit(parent, edits=tmp_path / "edits.csv", roll_up=2)
    assert tree(made) == {
        "milk": ("Milk",),
        "Food > Fruit": ("Food", "Fruit"),
        "Wear > Tops": ("Wear", "Tops"),
    }
    assert report.edits == 4
    assert [row["action"] for row in made.info.made_by["edits"]] == ["rename", "merge", "move", "drop"]


def test_levels_have_names_and_lose_those_that_are_gone(parent: Catalog) -> None:
    assert edit(parent, roll_up="group")[1].levels == ("department", "group")
    assert run(parent, parent.path.parent / "c.catalog", EditSettings(level_names="a, b, c")).levels == ("a", "b", "c")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({}, ConfigError, "nothing to change"),
        ({"rename": "kiwi"}, ConfigError, "expected ID=NAME, got 'kiwi'"),
        ({"merge": "=apple"}, ConfigError, "expected A,B=C"),
        ({"rename": "kiwy=K"}, TaxonomyError, r"--rename kiwy=K: rename: no category 'kiwy'; did you mean 'kiwi'\?"),
        ({"merge": "kiwi=kiwi"}, TaxonomyError, "'kiwi' cannot merge into itself"),
        ({"merge": "Food=apple"}, TaxonomyError, "'Food' cannot merge into 'apple', which is below it"),
        ({"merge": "sock=Fruit"}, TaxonomyError, "'Food > Fruit', which has subcategories"),
        ({"merge": "kiwi=Fruit"}, TaxonomyError, r"2 products would be filed at 'Food > Fruit'.*\(apple, pear\)"),
        ({"merge": ["kiwi=apple", "kiwi=pear"]}, TaxonomyError, "no category 'kiwi'"),
        ({"move": "Food=Fruit"}, TaxonomyError, "'Food' cannot move below itself"),
        ({"move": ["Food=Wear", "Wear=Fruit"]}, TaxonomyError, "'Wear' cannot move below itself"),
        ({"move": "shirt=sock"}, TaxonomyError, "2 products would be filed at 'sock'"),
        ({"move": "Tops=Fruit"}, TaxonomyError, "the tree has 4 levels now, and names for 3"),
        ({"roll_up": "4"}, TaxonomyError, "no level '4'; from the top they are department, group, kind"),
        ({"roll_up": "0"}, TaxonomyError, "no level '0'"),
        ({"level_names": "a,b"}, TaxonomyError, "and names for 2"),
        ({"level_names": "a,b,c,d"}, TaxonomyError, "expected 3 level names, got a, b, c, d"),
        ({"drop": ["Food", "Wear"], "dropped": "set_aside"}, TaxonomyError, "no category would be left"),
    ],
    ids=str,
)
def test_what_makes_no_tree_is_refused_and_nothing_written(
    parent: Catalog, settings: dict[str, Any], error: type[CatalensError], message: str
) -> None:
    with pytest.raises(error, match=message):
        edit(parent, **settings)
    assert [path.name for path in parent.path.parent.iterdir()] == ["a.catalog"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no such table|expected columns"),
        ("action,id\nrename,kiwi\n", "expected columns action, category and target, got action, id"),
        ("action,category,target\nrenam,kiwi,K\n", r"row 1: unknown action 'renam'; did you mean 'rename'\?"),
        ("action,category,target\nmerge,kiwi,\n", "row 1: merge needs a category and a target"),
        ("action,category,target\ndrop,,\n", "row 1: drop needs a category"),
        ("action,category,target\ndrop,kiwi,\nmerge,a\n", "row 2: expected 3 columns, got 2"),
    ],
    ids=["empty", "columns", "action", "target", "category", "cut short"],
)
def test_a_file_of_edits_that_cannot_be_read_is_named(parent: Catalog, tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, {"edits.csv": text})
    with pytest.raises(SourceError, match=message) as caught:
        edit(parent, edits=tmp_path / "edits.csv")
    assert caught.value.source == str(tmp_path / "edits.csv")


def test_the_row_of_an_edit_that_cannot_be_done_is_named(parent: Catalog, tmp_path: Path) -> None:
    write(tmp_path, {"edits.csv": "action,category,target\ndrop,kiwi,\ndrop,kiwi,\n"})
    with pytest.raises(TaxonomyError, match=r"edits.csv: row 2: drop: no category 'kiwi'"):
        edit(parent, edits=tmp_path / "edits.csv")


CASES = {"1": ("Téléphonie", "Accessoires", "Étui"), "2": ("Photo", "Étui"), "3": ("Photo", "Œuvre d'art")}


@pytest.fixture
def french(tmp_path: Path) -> Catalog:
    return shop(tmp_path / "a.catalog", products_of(dict.fromkeys(CASES, 1)), paths=CASES)


def test_a_name_that_several_categories_have_is_an_error_listing_their_ids(french: Catalog) -> None:
    with pytest.raises(TaxonomyError, match=r"2 categories are named 'Étui': .*1 \(Téléphonie > Accessoires > Étui\)"):
        edit(french, drop="Étui")
    assert "1" not in tree(edit(french, drop="Téléphonie > Accessoires > Étui")[0])


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_may_be_written_in_either_form_and_survive(french: Catalog, form: str) -> None:
    name = unicodedata.normalize(form, "Œuvre d'été")
    made, _ = edit(french, rename=[f"{unicodedata.normalize(form, 'Œuvre d' + chr(39) + 'art')}={name}"])
    assert tree(made)["3"] == ("Photo", "Œuvre d'été")


def test_another_tree_is_taken_and_what_it_lacks_is_told(parent: Catalog, tmp_path: Path) -> None:
    write(tmp_path, {"names.csv": "id,top,kind\napple,Eat,Apple\nmilk,Eat,Milk\nsock,Wear,Sock\nnew,Wear,New\n"})
    made, report = edit(parent, taxonomy=tmp_path / "names.csv", rename="new=Newest")
    assert tree(made)["new"] == ("Wear", "Newest")
    assert report.catalog.findings == {UNKNOWN: 6}
    assert (report.levels, made.categories["kiwi-0"], originals(made)["kiwi-0"]) == (("top", "kind"), None, "kiwi")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_an_exported_tree_is_read_as_it_was(tmp_path: Path, ending: str) -> None:
    for taxonomy in (
        Taxonomy.from_paths(PATHS, level_names=LEVELS),
        Taxonomy.from_paths(CASES, level_names=("un", "deux", "trois")),
    ):
        file = tmp_path / f"names.{ending}"
        assert write_listing(taxonomy, file, overwrite=True) == len(taxonomy.leaves)
        assert read_taxonomy(file).digest == taxonomy.digest
    with pytest.raises(ConfigError, match="pass --overwrite"):
        write_listing(taxonomy, file)
    with pytest.raises(ConfigError, match=r"\.csv or \.parquet"):
        write_listing(taxonomy, tmp_path / "names.xlsx")


def test_a_new_name_leaves_no_translation_of_the_old_one(tmp_path: Path) -> None:
    names = {"": "Tee", "fr": "Maillot"}
    draft = Draft(Taxonomy((Category("1", "", 0, names), Category("2", "", 0, {"": "Sock", "fr": "Chaussette"}))))
    draft.rename("1", "Tee")
    assert draft.taxonomy({})["1"].names == names
    draft.rename("1", "Mug")
    made = draft.taxonomy({})
    assert (made["1"].name("fr"), made["2"].name("fr")) == ("Mug", "Chaussette")


SIGNS = {"1": ("Cables", "USB > HDMI", "Short"), "2": ("Cables", "Other", "Short"), "3": ('12" > 15"', "a\\b")}


@pytest.mark.parametrize(
    ("reference", "node"),
    [
        ("USB > HDMI", "Cables > USB \\> HDMI"),
        ("Cables > USB \\> HDMI", "Cables > USB \\> HDMI"),
        ("Cables > USB \\> HDMI > Short", "1"),
        ("Cables > Other > Short", "2"),
        ('12" > 15"', '12" \\> 15"'),
        ('12" \\> 15" > a\\b', "3"),
    ],
)
def test_names_may_hold_the_sign_that_parts_a_path(reference: str, node: str) -> None:
    assert Draft(Taxonomy.from_paths(SIGNS)).find(reference) == node


@pytest.mark.parametrize("level_names", [(), ("top", "middle", "leaf")], ids=["levels without names", "named"])
@pytest.mark.parametrize("paths", [PATHS, CASES, SIGNS], ids=["plain", "accents", "signs"])
def test_a_tree_of_any_names_is_read_from_a_csv_as_it_was(
    tmp_path: Path, paths: dict[str, tuple[str, ...]], level_names: tuple[str, ...]
) -> None:
    taxonomy = Taxonomy.from_paths(paths, level_names=level_names)
    write_listing(taxonomy, tmp_path / "names.csv")
    assert read_taxonomy(tmp_path / "names.csv").digest == taxonomy.digest


@pytest.mark.parametrize(
    ("categories", "message"),
    [
        (
            [("A", "", "Home"), ("B", "", "Home"), ("a", "A", "x"), ("b", "B", "y")],
            "two of its inner nodes have one path of names",
        ),
        ([("A", "", "Home"), ("a", "A", "x"), ("Home", "", "Home")], "'Home' is a category of its own and the parent"),
        ([(" a", "", "x"), ("b", "", "y")], "' a' is read as another id"),
    ],
    ids=["two of one path", "leaf called as an inner node", "id with a margin"],
)
def test_a_tree_that_a_csv_cannot_tell_is_not_exported_as_another(
    tmp_path: Path, categories: list[tuple[str, str, str]], message: str
) -> None:
    nodes = tuple(Category(node, parent, int(parent != ""), {"": name}) for node, parent, name in categories)
    taxonomy = Taxonomy(nodes)
    with pytest.raises(TaxonomyError, match=rf"{message}.*; export a \.parquet"):
        write_listing(taxonomy, tmp_path / "names.csv")
    assert list(tmp_path.iterdir()) == []
    write_listing(taxonomy, tmp_path / "names.parquet")
    assert read_taxonomy(tmp_path / "names.parquet").digest == taxonomy.digest

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalens.core.errors import TaxonomyError
from catalens.core.taxonomy import Category, Taxonomy

SHOP = Taxonomy.from_paths(
    {
        "11": ("Fruit", "Apple", "Granny Smith"),
        "12": ("Fruit", "Apple", "Royal Gala"),
        "20": ("Fruit", "Banana"),  # ragged: ends a level earlier
        "30": ("Drinks", "Juice", "Apple"),  # "Apple" is the name of two nodes
        "31": ("Drinks", "Juice", "Pear"),
    },
    level_names=("aisle", "kind", "product"),
)


def test_leaves_are_ordered_by_path_however_they_come() -> None:
    assert SHOP.leaves == ("30", "31", "11", "12", "20")
    paths = {leaf: SHOP.path_names(leaf) for leaf in reversed(SHOP.leaves)}
    again = Taxonomy.from_paths(paths, level_names=SHOP.level_names)
    assert again == SHOP
    assert again.digest == SHOP.digest
    assert SHOP.leaf_index == {"30": 0, "31": 1, "11": 2, "12": 3, "20": 4}


def test_paths_and_names() -> None:
    assert SHOP.path("11") == ("Fruit", "Fruit > Apple", "11")
    assert SHOP.path_names("11") == ("Fruit", "Apple", "Granny Smith")
    assert SHOP["Fruit > Apple"].level == 1
    assert "Fruit" in SHOP
    assert "Vegetables" not in SHOP
    assert len(SHOP) == 9
    assert SHOP.depth == 3


def test_two_nodes_of_one_name_stay_two() -> None:
    assert SHOP.path_names("30")[-1] == SHOP["Fruit > Apple"].name() == "Apple"
    assert SHOP.level_nodes[1] == ("Drinks > Juice", "Fruit > Apple", "20")


def test_two_leaves_of_one_path_stay_two() -> None:
    twins = Taxonomy.from_paths({"b": ("Toys", "Doll"), "a": ("Toys", "Doll")})
    assert twins.leaves == ("a", "b")


def test_names_that_are_numbers_come_first_in_the_order_of_numbers() -> None:
    names = ["Apple", "10", "2", "02", "1" * 5000, "2a", "-1", "²"]
    paths = {name: ("top", name) for name in names} | {"deep": ("9", "x"), "late": ("11", "x")}
    assert Taxonomy.from_paths(paths).leaves == (
        "deep", "late", "02", "2", "10", "1" * 5000, "-1", "2a", "Apple", "²",
    )  # fmt: skip


def test_levels_of_a_ragged_tree() -> None:
    assert SHOP.level_nodes == (
        ("Drinks", "Fruit"),
        ("Drinks > Juice", "Fruit > Apple", "20"),
        ("30", "31", "11", "12", "20"),
    )
    np.testing.assert_array_equal(SHOP.ancestors, [[0, 0, 1, 1, 1], [0, 0, 1, 1, 2], [0, 1, 2, 3, 4]])


def test_level_probabilities_sum_the_leaves() -> None:
    leaves = np.array([[0.1, 0.2, 0.3, 0.15, 0.25]])
    np.testing.assert_allclose(SHOP.level_probabilities(leaves, 0), [[0.3, 0.7]])
    np.testing.assert_allclose(SHOP.level_probabilities(leaves, 1), [[0.3, 0.45, 0.25]])
    np.testing.assert_allclose(SHOP.level_probabilities(leaves, 2), leaves)
    assert SHOP.level_probabilities(leaves[:0], 1).shape == (0, 3)


def test_level_probabilities_where_the_leaves_of_a_node_stand_apart() -> None:
    leaves = [Category(str(index), "ab"[index % 2], 1, {}) for index in range(5)]
    tree = Taxonomy((Category("a", "", 0, {}), Category("b", "", 0, {}), *leaves))
    rows = np.array([[1.0, 10, 100, 1000, 10000], [2, 20, 200, 2000, 20000]], np.float32)
    sums = tree.level_probabilities(rows, 0)
    np.testing.assert_array_equal(sums, [[10101, 1010], [20202, 2020]])
    assert sums.dtype == np.float64


def test_level_names() -> None:
    assert SHOP.level_name(2) == "product"
    assert Taxonomy.from_paths({"a": ("x", "y")}).level_name(1) == "level 2"


def test_names_fall_back_to_what_was_delivered_then_to_the_id() -> None:
    category = Category("7", "", 0, {"": "Shoes", "de": "Schuhe", "fr": ""})
    assert [category.name(language) for language in ("de", "fr", "", "it")] == ["Schuhe", "Shoes", "Shoes", "Shoes"]
    assert Category("7", "", 0, {}).name() == "7"


def test_names_in_one_more_language_are_part_of_the_digest_and_nothing_else_changes() -> None:
    named = SHOP.with_names({"20": {"fr": "Banane"}, "Fruit": {"fr": "Fruits", "de": "Obst"}})
    assert named.languages == ("de", "fr")
    assert named.path_names("20", "fr") == ("Fruits", "Banane")
    assert named.path_names("20") == ("Fruit", "Banana")
    assert named.leaves == SHOP.leaves
    assert named.level_names == SHOP.level_names
    assert named.digest != SHOP.digest
    assert named.with_names({"20": {"fr": "La banane"}})["20"].names == {"": "Banana", "fr": "La banane"}


def test_a_name_for_a_category_that_is_not_there() -> None:
    with pytest.raises(TaxonomyError, match="unknown category 'Fish'"):
        SHOP.with_names({"Fish": {"fr": "Poisson"}})


def test_a_tree_that_speaks_a_language_falls_back_to_the_delivered_name() -> None:
    french = SHOP.with_names({"20": {"fr": "Banane"}}).speaking("fr")
    assert french.path_names("20") == ("Fruit", "Banane")
    assert french.path_names("31") == ("Drinks", "Juice", "Pear")
    assert french.leaves == SHOP.leaves


def test_a_language_nobody_translated_into() -> None:
    with pytest.raises(TaxonomyError, match="no names in language 'de'; there are fr"):
        SHOP.with_names({"20": {"fr": "Banane"}}).speaking("de")
    with pytest.raises(TaxonomyError, match="none but as delivered"):
        SHOP.speaking("de")


def test_subset_keeps_the_order_and_drops_empty_branches() -> None:
    part = SHOP.subset(["20", "31"])
    assert part.leaves == ("31", "20")
    assert [category.id for category in part.categories] == ["Drinks", "Drinks > Juice", "31", "Fruit", "20"]
    assert part.level_names == SHOP.level_names
    assert SHOP.subset(SHOP.leaves).digest == SHOP.digest


def test_subset_of_a_node_that_is_no_leaf() -> None:
    with pytest.raises(TaxonomyError, match="'Fruit' is not a leaf"):
        SHOP.subset(["Fruit"])


def test_parquet_and_back(tmp_path: Path) -> None:
    many = Taxonomy(
        (Category("1", "", 0, {"": "Shoes", "de": "Schuhe"}), Category("2", "1", 1, {"de": "Stiefel, hoch"})),
        ("top", "ünder"),
    )
    for tree in (SHOP, many):
        tree.write(tmp_path / "taxonomy.parquet")
        back = Taxonomy.read(tmp_path / "taxonomy.parquet")
        assert back == tree
        assert back.digest == tree.digest
    assert pq.read_table(tmp_path / "taxonomy.parquet").column_names == ["id", "parent", "level", "name", "name.de"]


def test_survives_a_worker_process() -> None:
    assert pickle.loads(pickle.dumps(SHOP)) == SHOP


def test_the_digest_is_the_same_on_every_machine() -> None:
    assert SHOP.digest == "24098cd20395092546a9000a20dba6f9bd37856552f88075580ac6d5d3d8620f"


@pytest.mark.parametrize(
    "other",
    [
        Taxonomy.from_paths({"a": ("x", "y")}),
        Taxonomy.from_paths({"b": ("x", "z")}),
        Taxonomy.from_paths({"b": ("w", "y")}),
        Taxonomy.from_paths({"b": ("x", "y")}, level_names=("one", "two")),
        Taxonomy((Category("x", "", 0, {"": "x"}), Category("b", "x", 1, {"": "y", "de": "y"}))),
    ],
    ids=["id", "name", "parent", "level names", "language"],
)
def test_whatever_matters_changes_the_digest(other: Taxonomy) -> None:
    assert other.digest != Taxonomy.from_paths({"b": ("x", "y")}).digest


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ({"a": ()}, "empty name in its path"),
        ({"a": ("Fruit", "")}, "empty name in its path"),
        ({"Fruit": ("Fruit",), "b": ("Fruit", "Apple")}, "'Fruit' is a category of its own and the parent of 'b'"),
        ({"": ("Fruit",)}, "empty id"),
    ],
)
def test_paths_that_form_no_tree(paths: dict[str, tuple[str, ...]], words: str) -> None:
    with pytest.raises(TaxonomyError, match=words):
        Taxonomy.from_paths(paths)


@pytest.mark.parametrize(
    ("categories", "words"),
    [
        ([Category("a", "", 0, {}), Category("a", "", 0, {})], "'a' stands twice"),
        ([Category("a", "b", 1, {})], "parent 'b', which is not listed before it"),
        ([Category("a", "", 1, {})], "says level 1"),
        ([Category("a", "a", 1, {})], "parent 'a', which is not listed before it"),
    ],
    ids=["twice", "orphan", "level", "own parent"],
)
def test_rows_that_form_no_tree(categories: list[Category], words: str) -> None:
    with pytest.raises(TaxonomyError, match=words):
        Taxonomy(tuple(categories))


def test_too_few_level_names() -> None:
    with pytest.raises(TaxonomyError, match="expected 2 level names, got 1"):
        Taxonomy.from_paths({"a": ("x", "y")}, level_names=("one",))


def test_unknown_category() -> None:
    with pytest.raises(TaxonomyError, match="unknown category 'Fish'") as caught:
        SHOP.path("Fish")
    assert caught.value.key == "Fish"


def test_a_table_without_its_columns() -> None:
    with pytest.raises(TaxonomyError, match=r"missing \['level', 'name'\]"):
        Taxonomy.from_table(pa.table({"id": ["a"], "parent": [""]}))


def test_a_null_parent_is_the_top() -> None:
    table = pa.table({"id": ["a"], "parent": pa.nulls(1, pa.string()), "level": [0], "name": ["A"]})
    assert Taxonomy.from_table(table).leaves == ("a",)


@pytest.mark.parametrize("content", [None, b"not parquet"], ids=["missing", "damaged"])
def test_a_file_that_is_no_table(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "taxonomy.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TaxonomyError, match="cannot be read as a Parquet table") as caught:
        Taxonomy.read(path)
    assert caught.value.source == str(path)

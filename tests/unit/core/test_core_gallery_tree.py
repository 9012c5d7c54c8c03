"""Where a new category stands: behind the leaves that are there, below a node that is there or is made."""

from __future__ import annotations

import pytest

from catalens.core.errors import TaxonomyError
from catalens.core.gallery_tree import Leaf, extended, leaf_at
from catalens.core.taxonomy import Category, Taxonomy

TREE = Taxonomy.from_paths(
    {"apple": ("Fruit", "Apple"), "zebra": ("Toys", "Animals", "Zebra"), "lamp": ("Lamp",)},
    level_names=("department", "family", "type"),
)


@pytest.mark.parametrize(
    ("names", "leaf", "path"),
    [
        (("Fruit", "Mango"), Leaf("Fruit > Mango", "Mango", "Fruit"), ("Fruit", "Mango")),
        (("Toys", "Animals", "Ape"), Leaf("Toys > Animals > Ape", "Ape", "Toys > Animals"), ("Toys", "Animals", "Ape")),
        (("Toys", "Cars", "Van"), Leaf("Toys > Cars > Van", "Van", "Toys", ("Cars",)), ("Toys", "Cars", "Van")),
        (("Food", "Rice"), Leaf("Food > Rice", "Rice", "", ("Food",)), ("Food", "Rice")),
        (("Chair",), Leaf("Chair", "Chair"), ("Chair",)),
    ],
    ids=["below a node", "deep", "a new node", "a new top", "at the top"],
)
def test_behind_all_leaves(names: tuple[str, ...], leaf: Leaf, path: tuple[str, ...]) -> None:
    assert leaf_at(TREE, names) == leaf
    grown = extended(TREE, [leaf])
    assert grown.leaves == (*TREE.leaves, leaf.id)
    assert grown.path_names(leaf.id) == path
    assert grown.level_names == TREE.level_names
    assert grown.subset(TREE.leaves) == TREE  # and back


def test_a_second_one_below_a_new_node() -> None:
    one = leaf_at(TREE, ("Toys", "Cars", "Van"))
    grown = extended(TREE, [one])
    two = leaf_at(grown, ("Toys", "Cars", "Bus"), id="7")
    assert two == Leaf("7", "Bus", "Toys > Cars")
    both = extended(grown, [two])
    assert both.leaves == (*TREE.leaves, one.id, "7")
    assert extended(TREE, [one, Leaf("7", "Bus", "Toys", ("Cars",))]) == both


@pytest.mark.parametrize(
    ("leaf", "words"),
    [
        (Leaf("apple", "Pear", "Fruit"), "category id 'apple' is taken, by 'Fruit > Apple'"),
        (Leaf("Fruit", "Pear", "Toys"), "category id 'Fruit' is taken"),
        (Leaf("pear", "Pear", "Friut"), "unknown parent 'Friut'; did you mean 'Fruit'"),
        (Leaf("pear", "Pear", "apple"), "'apple' is a category of its own, so 'Pear' cannot stand below it"),
        (Leaf("pear", "Pear", "lamp", ("Desk",)), "'lamp' is a category of its own"),
        (Leaf("a2", "Apple", "Fruit"), "there is a 'Apple' below 'Fruit' already"),
        (Leaf("l2", "Lamp"), "below 'the top' already"),
        (Leaf("x", "Foal", "Toys > Animals", ("Horses",)), "below 'type', the deepest level"),
        (Leaf("", "Pear", "Fruit"), "expected an id and names"),
        (Leaf("pear", "", "Fruit"), "expected an id and names"),
        (Leaf("pear", "Pear", "Fruit", ("",)), "expected an id and names"),
        (Leaf("Fruit > Red", "Pear", "Fruit", ("Red",)), "stands twice"),
    ],
    ids=[
        "id of a leaf",
        "id of a node",
        "unknown parent",
        "below a leaf",
        "far below a leaf",
        "a name beside",
        "a name at the top",
        "too deep",
        "no id",
        "no name",
        "no name between",
        "as the node above",
    ],
)
def test_what_does_not_do(leaf: Leaf, words: str) -> None:
    with pytest.raises(TaxonomyError, match=words):
        extended(TREE, [leaf])


def test_names_that_lead_nowhere() -> None:
    with pytest.raises(TaxonomyError, match="expected names from the top"):
        leaf_at(TREE, ("Fruit", ""))
    twice = Taxonomy((Category("1", "", 0, {"": "A"}), Category("2", "", 0, {"": "A"})))
    with pytest.raises(TaxonomyError, match="2 categories are called 'A' there: 1, 2"):
        leaf_at(twice, ("A", "B"))
    renamed = Taxonomy((Category("A > B", "", 0, {"": "Z"}), Category("9", "A > B", 1, {"": "Y"})))
    with pytest.raises(TaxonomyError, match="category id 'A > B' is taken, and not by what stands"):
        extended(renamed, [leaf_at(renamed, ("A", "B", "C"))])

"""Whatever the tree, the counts and the edits: products end in a leaf, or are accounted for, and none is doubled."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalens.core.errors import ConfigError, TaxonomyError
from catalens.core.taxonomy import Taxonomy
from catalens.curate.categories import small
from catalens.curate.categories.draft import Draft
from catalens.curate.categories.filing import Filing

NAMES = st.sampled_from(["a", "b", "c", "Other", "Other a", "x > y"])


@st.composite
def trees(draw: Any) -> Taxonomy:
    """A ragged tree of up to four levels; leaves have numbers as ids."""
    paths = draw(st.lists(st.lists(NAMES, min_size=1, max_size=4).map(tuple), min_size=1, max_size=12, unique=True))
    kept = [path for path in paths if not any(other[: len(path)] == path for other in paths if other != path)]
    return Taxonomy.from_paths({str(number): path for number, path in enumerate(kept)})


COUNTS = st.lists(st.integers(0, 9), min_size=12, max_size=12)


def after(filing: Filing, counts: dict[str, int]) -> Counter[str]:
    """Products of each category once they are filed."""
    sizes: Counter[str] = Counter()
    for leaf, count in counts.items():
        sizes[filing.moves.get(leaf, leaf)] += count
    return +sizes


@settings(deadline=None)
@given(tree=trees(), numbers=COUNTS, minimum=st.integers(1, 12))
def test_merged_categories_hold_the_same_products(tree: Taxonomy, numbers: list[int], minimum: int) -> None:
    counts = dict(zip(tree.leaves, numbers, strict=False))
    try:
        filing, findings = small.merge(Filing(tree), counts, minimum, "Other {parent}")
    except ConfigError:
        assert all(count < minimum for count in counts.values())
        return
    sizes = after(filing, counts)
    assert sizes.total() == sum(counts.values())
    assert set(sizes) == set(filing.taxonomy.leaves)
    told = {row["source"] for row in findings.to_pylist() if row["cause"] == small.SMALL}
    assert told == {leaf for leaf, size in sizes.items() if size < minimum}
    untouched = {leaf for leaf in tree.leaves if counts[leaf] >= minimum}
    assert untouched <= set(filing.taxonomy.leaves)
    for leaf, target in filing.moves.items():  # below what was above it: nothing strays into another branch
        shared = set(tree.path(leaf)[:-1]) & set(filing.taxonomy.path(target))
        assert shared or tree[leaf].level == 0 or filing.taxonomy[target].level == 0


EDITS = st.lists(
    st.tuples(st.sampled_from(["merge", "drop", "move"]), st.integers(0, 30), st.integers(-1, 30)), max_size=6
)


@settings(deadline=None)
@given(tree=trees(), numbers=COUNTS, edits=EDITS, level=st.integers(0, 4))
def test_edits_make_a_tree_in_which_every_product_has_its_place(
    tree: Taxonomy, numbers: list[int], edits: list[tuple[str, int, int]], level: int
) -> None:
    counts = dict(zip(tree.leaves, numbers, strict=False))
    draft = Draft(tree)
    for action, first, second in edits:
        nodes = list(draft.parents)
        if not nodes:
            break
        node, other = nodes[first % len(nodes)], "" if second < 0 else nodes[second % len(nodes)]
        before = (dict(draft.parents), {held: list(leaves) for held, leaves in draft.held.items()})
        try:
            if action == "drop":
                draft.drop(node)
            elif action == "move":
                draft.move(node, other)
            elif other:
                draft.merge(node, other)
        except TaxonomyError:
            assert before == (draft.parents, draft.held), "an edit that is refused changes nothing"
    draft.roll_up(level)
    places = Counter(leaf for leaves in draft.held.values() for leaf in leaves) + Counter(draft.dropped)
    assert places == Counter(tree.leaves)
    try:
        made = draft.taxonomy(counts)
    except TaxonomyError:
        return
    assert made.depth <= max(level + 1, 1)
    for leaf in tree.leaves:
        if counts[leaf] and leaf not in draft.dropped:
            assert draft.moves().get(leaf, leaf) in made.leaf_index
    assert Taxonomy.from_table(made.to_table()).digest == made.digest


@pytest.mark.parametrize("form", ["Fruit > Apple", "fruit", "  Fruit  "])
def test_find_is_exact_but_for_margins(form: str) -> None:
    draft = Draft(Taxonomy.from_paths({"1": ("Fruit", "Apple"), "2": ("Fruit", "Pear")}))
    if form == "fruit":
        with pytest.raises(TaxonomyError, match="did you mean 'Fruit'"):
            draft.find(form)
    else:
        assert draft.find(form) in ("1", "Fruit")

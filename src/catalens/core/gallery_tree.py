"""Where a category that is added stands in the tree: behind all leaves that are there, which keep their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from catalens.core.errors import TaxonomyError
from catalens.core.registry import hint
from catalens.core.taxonomy import ROOT, SEPARATOR, Category, Taxonomy, compose, path_id


@dataclass(frozen=True, slots=True)
class Leaf:
    """A category to come: `id` and `name` of the leaf, below the inner node `parent` ("" at the top) that is there, and
    below new nodes named `between` where these are given."""

    id: str
    name: str
    parent: str = ROOT
    between: tuple[str, ...] = ()


def leaf_at(taxonomy: Taxonomy, names: Sequence[str], *, id: str | None = None) -> Leaf:
    """Names from the top, ("Fruit", "Mango"), -> the leaf that would stand there; its id is its path where not given.

    As many of the names as can be are those of nodes that are there.  Raises TaxonomyError.
    """
    names = compose(names)
    if not names or not all(names):
        raise TaxonomyError(f"expected names from the top to the new category, got {list(names)}")
    parent, known = ROOT, 0
    for name in names[:-1]:
        found = [c.id for c in taxonomy.categories if c.parent == parent and c.name() == name]
        if len(found) > 1:
            raise TaxonomyError(f"{len(found)} categories are called {name!r} there: {', '.join(found)}", key=name)
        if not found:
            break
        parent, known = found[0], known + 1
    return Leaf(path_id(names) if id is None else id, names[-1], parent, names[known:-1])


def extended(taxonomy: Taxonomy, new: Sequence[Leaf]) -> Taxonomy:
    """The tree with more leaves, which stand behind all it had: these keep their places, and so the graph's outputs.

    Raises TaxonomyError where an id or a name is taken, or a parent is unknown, or is a leaf itself.
    """
    for leaf in new:
        taxonomy = _with_leaf(taxonomy, leaf)
    return taxonomy


def _with_leaf(taxonomy: Taxonomy, leaf: Leaf) -> Taxonomy:
    if not leaf.id or not leaf.name or not all(leaf.between):
        raise TaxonomyError(f"expected an id and names, got {leaf}")
    if leaf.id in taxonomy:
        path = SEPARATOR.join(taxonomy.path_names(leaf.id))
        raise TaxonomyError(f"category id {leaf.id!r} is taken, by {path!r}; choose another", key=leaf.id)
    if leaf.parent != ROOT and leaf.parent not in taxonomy:
        inner = [category.id for category in taxonomy.categories if category.id not in taxonomy.leaf_index]
        raise TaxonomyError(f"unknown parent {leaf.parent!r}{hint(leaf.parent, inner)}", key=leaf.parent)
    categories, parent, names = list(taxonomy.categories), leaf.parent, taxonomy.path_names(leaf.parent)
    _not_a_leaf(taxonomy, parent, leaf)
    for name in leaf.between:
        names = (*names, name)
        node = path_id(names)
        _not_a_leaf(taxonomy, node, leaf)
        if node in taxonomy and taxonomy[node].parent != parent:
            raise TaxonomyError(f"category id {node!r} is taken, and not by what stands at that path", key=node)
        if node not in taxonomy:
            categories.append(Category(node, parent, len(names) - 1, {"": name}))
        parent = node
    if any(category.parent == parent and category.name() == leaf.name for category in categories):
        raise TaxonomyError(f"there is a {leaf.name!r} below {parent or 'the top'!r} already", key=leaf.id)
    level = next((category.level for category in categories if category.id == parent), -1) + 1
    if taxonomy.level_names and level >= len(taxonomy.level_names):
        deepest = taxonomy.level_names[-1]
        raise TaxonomyError(f"{leaf.name!r} would stand below {deepest!r}, the deepest level there is", key=leaf.id)
    return Taxonomy((*categories, Category(leaf.id, parent, level, {"": leaf.name})), taxonomy.level_names)


def _not_a_leaf(taxonomy: Taxonomy, node: str, leaf: Leaf) -> None:
    """A leaf with something below it would be an output of the graph no more."""
    if node in taxonomy.leaf_index:
        raise TaxonomyError(f"{node!r} is a category of its own, so {leaf.name!r} cannot stand below it", key=node)

"""A category tree while it is being changed: who is below whom, and where each former leaf's products go."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Mapping

from catalens.core.errors import TaxonomyError
from catalens.core.registry import hint
from catalens.core.taxonomy import ROOT, SEPARATOR, Category, Taxonomy, path_id


class Draft:
    """A taxonomy that can be edited.  Every method raises TaxonomyError where no tree would come of it.

    `held` tells, for each node with products, the former leaves that they come from; `dropped` the former leaves whose
    products have no place any more.  Whether all of it can be filed is seen at the end, by `taxonomy`.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.level_names = taxonomy.level_names
        self.names: dict[str, Mapping[str, str]] = {node.id: node.names for node in taxonomy.categories}
        self.parents: dict[str, str] = {node.id: node.parent for node in taxonomy.categories}
        self.children: dict[str, dict[str, None]] = defaultdict(dict)
        for node, parent in self.parents.items():
            self.children[parent][node] = None
        self.held: dict[str, list[str]] = {leaf: [leaf] for leaf in taxonomy.leaves}
        self.dropped: list[str] = []
        self._by_name: dict[str, dict[str, None]] = defaultdict(dict)
        for node in self.names:
            self._by_name[_nfc(self.name(node))][node] = None

    def name(self, node: str) -> str:
        return self.names[node].get("") or node

    def path(self, node: str) -> tuple[str, ...]:
        """Ids from the top to the node."""
        ids = []
        while node != ROOT:
            ids.append(node)
            node = self.parents[node]
        return tuple(reversed(ids))

    def path_id(self, node: str) -> str:
        """The path of names, as `core.taxonomy.path_id` writes it."""
        return path_id([_nfc(self.name(each)) for each in self.path(node)])

    def below(self, node: str) -> list[str]:
        """The node and all that is below it, parents first."""
        found = [node]
        for each in found:  # grows while it is walked
            found += self.children[each]
        return found

    def find(self, reference: str) -> str:
        """The node with that id, else with that name or path of names ("Fruit > Apple"), if only one has it."""
        if reference in self.parents:
            return reference
        wanted = _nfc(reference)
        last = wanted.rpartition(SEPARATOR)[2].replace("\\>", ">")
        found = list(self._by_name.get(wanted, ())) or [
            node for node in self._by_name.get(last, ()) if self.path_id(node) == wanted
        ]
        if not found:
            known = {*self.parents, *(name for name, nodes in self._by_name.items() if nodes)}
            raise TaxonomyError(f"no category {reference!r}{hint(reference, known)}", key=reference)
        if len(found) > 1:
            ids = ", ".join(f"{node} ({self.path_id(node)})" for node in found[:5])
            more = f" and {len(found) - 5} others" if len(found) > 5 else ""
            raise TaxonomyError(
                f"{len(found)} categories are named {reference!r}: {ids}{more}; use the id", key=reference
            )
        return found[0]

    def add(self, node: str, parent: str, name: str) -> None:
        """A new leaf, as the last child of its parent."""
        self.names[node], self.parents[node] = {"": name}, parent
        self.children[parent][node] = None
        self.held[node] = []
        self._by_name[_nfc(name)][node] = None

    def rename(self, node: str, name: str) -> None:
        """The name as delivered.  The id stays; names in other languages go, for they translate what it was."""
        if not name.strip():
            raise TaxonomyError(f"the new name of {node!r} is empty", key=node)
        if _nfc(name) == _nfc(self.name(node)):
            return
        del self._by_name[_nfc(self.name(node))][node]
        self.names[node] = {"": _nfc(name)}
        self._by_name[self.name(node)][node] = None

    def move(self, node: str, parent: str) -> None:
        """Put a node, with all that is below it, under another parent; "" is the top."""
        if node in self.path(parent):
            raise TaxonomyError(f"{node!r} cannot move below itself, to {parent!r}", key=node)
        del self.children[self.parents[node]][node]
        self.parents[node] = parent
        self.children[parent][node] = None

    def merge(self, node: str, target: str) -> None:
        """The products of a node go to the target.  Two inner nodes become one with the children of both."""
        if node in self.path(target):
            what = "itself" if node == target else f"{target!r}, which is below it"
            raise TaxonomyError(f"{node!r} cannot merge into {what}", key=node)
        if self.children[target] and target not in self.path(node):
            if not self.children[node]:
                raise TaxonomyError(
                    f"{node!r} cannot merge into {target!r}, which has subcategories: name one of them, or move it",
                    key=node,
                )
            for child in list(self.children[node]):
                self.move(child, target)
        for each in self.below(node):
            self.held.setdefault(target, []).extend(self.held.pop(each, ()))
        self._remove(node)

    def drop(self, node: str) -> None:
        """The products of a node, and of all that is below it, have no place any more."""
        for each in self.below(node):
            self.dropped += self.held.pop(each, ())
        self._remove(node)

    def roll_up(self, level: int) -> None:
        """The nodes of a level (0 at the top) become leaves, with the products of all that is below them."""
        for node in [node for node in self.parents if len(self.path(node)) == level + 1 and self.children[node]]:
            for child in list(self.children[node]):
                self.merge(child, node)

    def moves(self) -> dict[str, str]:
        """Former leaf -> the node its products go to, where that is another one."""
        return {leaf: node for node, leaves in self.held.items() for leaf in leaves if leaf != node}

    def taxonomy(self, products: Mapping[str | None, int]) -> Taxonomy:
        """The tree that came of it; nodes keep their order, inner ones left without leaves go.

        `products` counts those of each former leaf.  Raises TaxonomyError if some would be filed at an inner node.
        """
        for node, leaves in self.held.items():
            count = sum(products.get(leaf, 0) for leaf in leaves)
            if self.children[node] and count:
                below = ", ".join(list(self.children[node])[:3])
                raise TaxonomyError(
                    f"{count:,} products would be filed at {node!r}, which has subcategories ({below}): "
                    "merge these too, or choose one of them",
                    key=node,
                )
        order: dict[str, None] = {}
        for node in self.held:
            if not self.children[node]:
                order |= dict.fromkeys(self.path(node))
        kept = [node for node in self.parents if node in order]
        ordered = dict.fromkeys(ancestor for node in kept for ancestor in self.path(node))
        categories = [
            Category(node, self.parents[node], len(self.path(node)) - 1, self.names[node]) for node in ordered
        ]
        if not categories:
            raise TaxonomyError("no category would be left")
        depth = 1 + max(category.level for category in categories)
        if self.level_names and len(self.level_names) < depth:
            raise TaxonomyError(
                f"the tree has {depth} levels now, and names for {len(self.level_names)}; give all their names"
            )
        return Taxonomy(tuple(categories), tuple(self.level_names[:depth]))

    def _remove(self, node: str) -> None:
        del self.children[self.parents[node]][node]
        for each in self.below(node):
            del self._by_name[_nfc(self.name(each))][each]
            del self.names[each], self.parents[each]


def level_of(taxonomy: Taxonomy, level: str) -> int:
    """A level as told, by its name or its number from 1 at the top -> its index.  Raises TaxonomyError."""
    names = [taxonomy.level_name(index) for index in range(taxonomy.depth)]
    if level in names:
        return names.index(level)
    if level.isdecimal() and 1 <= int(level) <= len(names):
        return int(level) - 1
    raise TaxonomyError(f"no level {level!r}; from the top they are {', '.join(names)}", key=level)


def _nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip())

"""The category tree.  The only class order: a leaf's place in `leaves` is its output index in every model."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from catalens.core.errors import TaxonomyError
from catalens.core.taxonomy_table import checked

ROOT = ""
SEPARATOR = " > "


@dataclass(frozen=True, slots=True)
class Category:
    """One node.

    `parent` is "" at the top; `level` counts from 0; `names` maps a language ("" = as delivered) to a name.
    """

    id: str
    parent: str
    level: int
    names: Mapping[str, str]

    def name(self, language: str = "") -> str:
        """The name in `language`, else as delivered, else the id."""
        return self.names.get(language) or self.names.get("") or self.id


@dataclass(frozen=True)
class Taxonomy:
    """A frozen tree of 1..n levels.  Ragged trees are allowed: a leaf may end at any level.

    `categories` come parents first; the leaves among them, in that order, are the classes.
    """

    categories: tuple[Category, ...]
    level_names: tuple[str, ...] = ()
    _by_id: dict[str, Category] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_id: dict[str, Category] = {}
        for category in self.categories:
            if not category.id:
                raise TaxonomyError("a category has an empty id")
            if category.id in by_id:
                raise TaxonomyError(f"category id {category.id!r} stands twice", key=category.id)
            if category.parent != ROOT and category.parent not in by_id:
                raise TaxonomyError(
                    f"category {category.id!r} has parent {category.parent!r}, which is not listed before it",
                    key=category.id,
                )
            level = by_id[category.parent].level + 1 if category.parent else 0
            if category.level != level:
                raise TaxonomyError(f"category {category.id!r} says level {category.level}, but stands at {level}")
            by_id[category.id] = category
        object.__setattr__(self, "_by_id", by_id)
        if self.level_names and len(self.level_names) < self.depth:
            raise TaxonomyError(f"expected {self.depth} level names, got {len(self.level_names)}")

    @classmethod
    def from_paths(
        cls,
        paths: Mapping[str, Sequence[str]],
        *,
        level_names: Sequence[str] = (),
    ) -> Taxonomy:
        """{leaf id: names from the top to the leaf} -> tree, by path; names that are numbers first, as numbers.

        Inner nodes get their path as id ("Fruit > Apple").  Names are composed (NFC): two that only differ in how
        their accents are written are one.  Raises TaxonomyError if a leaf would also be an inner node of the tree.
        """
        categories: dict[str, Category] = {}
        composed = {leaf: compose(names) for leaf, names in paths.items()}
        for leaf, names in sorted(composed.items(), key=lambda item: (_place(item[1]), item[0])):
            if not names or not all(names):
                raise TaxonomyError(f"category {leaf!r} has an empty name in its path {names}", key=leaf)
            parent = ROOT
            for level, name in enumerate(names[:-1]):
                inner = path_id(names[: level + 1])
                if inner in paths:
                    raise TaxonomyError(f"{inner!r} is a category of its own and the parent of {leaf!r}", key=inner)
                categories.setdefault(inner, Category(inner, parent, level, {"": name}))
                parent = inner
            if leaf in categories:
                raise TaxonomyError(f"category id {leaf!r} stands twice", key=leaf)
            categories[leaf] = Category(leaf, parent, len(names) - 1, {"": names[-1]})
        return cls(tuple(categories.values()), tuple(level_names))

    def __len__(self) -> int:
        return len(self.categories)

    def __contains__(self, category_id: object) -> bool:
        return category_id in self._by_id

    def __getitem__(self, category_id: str) -> Category:
        """Raises TaxonomyError if there is no such category."""
        try:
            return self._by_id[category_id]
        except KeyError:
            raise TaxonomyError(f"unknown category {category_id!r}", key=category_id) from None

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        """Ids of the C classes, in output order."""
        parents = {category.parent for category in self.categories}
        return tuple(category.id for category in self.categories if category.id not in parents)

    @cached_property
    def leaf_index(self) -> dict[str, int]:
        """Leaf id -> output index."""
        return {leaf: index for index, leaf in enumerate(self.leaves)}

    @property
    def depth(self) -> int:
        """Number of levels."""
        return 1 + max((category.level for category in self.categories), default=-1)

    def level_name(self, level: int) -> str:
        """What the level is called: "articleType", or "level 3" where no name was given."""
        return self.level_names[level] if level < len(self.level_names) else f"level {level + 1}"

    def path(self, category_id: str) -> tuple[str, ...]:
        """Ids from the top to the category."""
        ids: list[str] = []
        while category_id != ROOT:
            ids.append(category_id)
            category_id = self[category_id].parent
        return tuple(reversed(ids))

    def path_names(self, category_id: str, language: str = "") -> tuple[str, ...]:
        """Names from the top to the category."""
        return tuple(self[node].name(language) for node in self.path(category_id))

    @cached_property
    def level_nodes(self) -> tuple[tuple[str, ...], ...]:
        """For each level, the ids of the nodes that the leaves fall under; a shallower leaf stands for itself."""
        return tuple(
            tuple(dict.fromkeys(self._ancestor(leaf, level) for leaf in self.leaves)) for level in range(self.depth)
        )

    @cached_property
    def ancestors(self) -> npt.NDArray[np.int64]:
        """int64 [levels, C]: for each level and leaf, the index of the leaf's node in `level_nodes[level]`."""
        table = np.zeros((self.depth, len(self.leaves)), dtype=np.int64)
        for level, nodes in enumerate(self.level_nodes):
            place = {node: index for index, node in enumerate(nodes)}
            table[level] = [place[self._ancestor(leaf, level)] for leaf in self.leaves]
        return table

    def branches(self, level: int) -> npt.NDArray[np.int64]:
        """int64 [nodes at `level`]: the node of the top level that each lies under."""
        found = np.zeros(len(self.level_nodes[level]), dtype=np.int64)
        found[self.ancestors[level]] = self.ancestors[0]
        return found

    def _ancestor(self, leaf: str, level: int) -> str:
        path = self.path(leaf)
        return path[min(level, len(path) - 1)]

    def level_probabilities(self, leaf_probabilities: npt.NDArray[np.floating], level: int) -> npt.NDArray[np.float64]:
        """float [N, C] over leaves -> float64 [N, nodes of the level]; a node's is the sum of its leaves'."""
        order, starts = self._leaves_by_node[level]
        if len(starts) == len(order):  # each leaf is a node of its own, in the order of the leaves
            return np.array(leaf_probabilities, dtype=np.float64)
        return np.add.reduceat(np.take(leaf_probabilities, order, axis=1), starts, axis=1, dtype=np.float64)

    @cached_property
    def _leaves_by_node(self) -> tuple[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]], ...]:
        """For each level: the leaves, int64 [C], those of one node together, and where each node's begin."""
        orders = [np.argsort(nodes, kind="stable") for nodes in self.ancestors]
        return tuple(
            (order, np.searchsorted(nodes[order], np.arange(len(self.level_nodes[level]))))
            for level, (order, nodes) in enumerate(zip(orders, self.ancestors, strict=True))
        )

    def subset(self, leaves: Iterable[str]) -> Taxonomy:
        """The tree over some of its leaves, in the same order; inner nodes left without leaves go."""
        wanted = set(leaves)
        missing = wanted - set(self.leaves)
        if missing:
            raise TaxonomyError(f"{min(missing)!r} is not a leaf of this taxonomy", key=min(missing))
        kept = {node for leaf in wanted for node in self.path(leaf)}
        return Taxonomy(tuple(c for c in self.categories if c.id in kept), self.level_names)

    def level(self, name: str) -> int:
        """The number of a level, 0 the top, by its name or its number.  Raises TaxonomyError listing the levels."""
        names = [self.level_name(level) for level in range(self.depth)]
        if name in names:
            return names.index(name)
        if name.isascii() and name.isdigit() and int(name) < self.depth:
            return int(name)
        there = ", ".join(f"{level} ({each})" for level, each in enumerate(names))
        raise TaxonomyError(f"the categories have no level {name!r}; there are {there}", key=name)

    def cut(self, level: int) -> Taxonomy:
        """The tree without what is below a level, 0 the top: its nodes there are leaves, with those that end above."""
        kept = tuple(category for category in self.categories if category.level <= level)
        return Taxonomy(kept, self.level_names[: level + 1])

    def lifted(self, other: Taxonomy) -> dict[str, str]:
        """Each category of this tree that is a leaf of `other` or below one -> that leaf, the nearest.

        By it, what is filed here is known to a model whose tree was cut at a level.
        """
        found: dict[str, str] = {}
        for category in self.categories:  # parents first
            above = category.id if category.id in other.leaf_index else found.get(category.parent)
            if above is not None:
                found[category.id] = above
        return found

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that names are there in, besides as delivered."""
        return tuple(sorted({language for category in self.categories for language in category.names} - {""}))

    def with_names(self, names: Mapping[str, Mapping[str, str]]) -> Taxonomy:
        """{category id: {language: name}} added to the tree; a name it has in that language is replaced.

        Raises TaxonomyError if there is no such category.
        """
        for category_id in names:
            _ = self[category_id]
        named = (replace(c, names={**c.names, **names.get(c.id, {})}) for c in self.categories)
        return Taxonomy(tuple(named), self.level_names)

    def speaking(self, language: str) -> Taxonomy:
        """The same tree for people who read `language`: its names in place of those delivered, where there are any.

        Ids and order are the same, so what a model says of one holds for the other.  Raises TaxonomyError if there is
        no name in that language.
        """
        if language not in self.languages:
            there = f"there are {', '.join(self.languages)}" if self.languages else "there are none but as delivered"
            raise TaxonomyError(f"has no names in language {language!r}; {there}", key=language)
        spoken = (replace(c, names={**c.names, "": c.name(language)}) for c in self.categories)
        return Taxonomy(tuple(spoken), self.level_names)

    @cached_property
    def digest(self) -> str:
        """sha256 over ids, parents, names and order."""
        rows = [[c.id, c.parent, sorted(c.names.items())] for c in self.categories]
        content = json.dumps([rows, list(self.level_names)], ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()

    def to_table(self) -> pa.Table:
        """id, parent, level, name, name.<language>...; level names are in the schema's metadata."""
        columns: dict[str, pa.Array] = {
            "id": pa.array([c.id for c in self.categories], pa.string()),
            "parent": pa.array([c.parent for c in self.categories], pa.string()),
            "level": pa.array([c.level for c in self.categories], pa.int32()),
            "name": pa.array([c.names.get("") for c in self.categories], pa.string()),
        }
        for language in self.languages:
            columns[f"name.{language}"] = pa.array([c.names.get(language) for c in self.categories], pa.string())
        names = json.dumps(list(self.level_names), ensure_ascii=False)
        return pa.table(columns).replace_schema_metadata({"level_names": names})

    @classmethod
    def from_table(cls, table: pa.Table) -> Taxonomy:
        """Raises TaxonomyError if columns are missing or of another type, or the rows do not form a tree."""
        table, level_names = checked(table)
        languages = [name.removeprefix("name.") for name in table.column_names if name.startswith("name.")]
        categories = []
        for row in table.to_pylist():
            names = {"": row["name"], **{language: row[f"name.{language}"] for language in languages}}
            given = {language: name for language, name in names.items() if name is not None}
            categories.append(Category(row["id"], row["parent"] or ROOT, row["level"], given))
        return cls(tuple(categories), level_names)

    def write(self, path: Path) -> None:
        pq.write_table(self.to_table(), path)

    @classmethod
    def read(cls, path: Path) -> Taxonomy:
        """Raises TaxonomyError."""
        try:
            return cls.from_table(pq.read_table(path))
        except TaxonomyError as error:
            raise TaxonomyError(error.message, source=str(path), key=error.key) from None
        # ValueError: names of columns that are not UTF-8
        except (OSError, ValueError, pa.ArrowException) as error:
            raise TaxonomyError(f"cannot be read as a Parquet table ({error})", source=str(path)) from None


def compose(names: Iterable[str]) -> tuple[str, ...]:
    """Names in composed form (NFC), in which an accent is written in one way only."""
    return tuple(unicodedata.normalize("NFC", name) for name in names)


def path_id(names: Sequence[str]) -> str:
    """The id of a node that came without one: its names from the top, "Fruit > Apple".

    A ">" within a name is written "\\>", so that no two paths have the same id.
    """
    return SEPARATOR.join(name.replace(">", "\\>") for name in compose(names))


def _place(names: Sequence[str]) -> tuple[tuple[bool, int, str, str], ...]:
    """What a path is ordered by, name by name: "2" before "10" before "Apple"."""
    place = []
    for name in names:
        number = name.isascii() and name.isdigit()
        digits = name.lstrip("0") if number else ""  # compared by length first: int() refuses very long ones
        place.append((not number, len(digits), digits, name))
    return tuple(place)

"""Categories with too few products: kept and told, dropped, or merged into their parent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pyarrow as pa

from catalens.core.errors import ConfigError
from catalens.core.taxonomy import ROOT, path_id
from catalens.curate.categories.draft import Draft
from catalens.curate.categories.filing import Filing
from catalens.curate.making.contents import FINDINGS

SMALL = "category below the minimum"
MERGED = "small category merged"
DROPPED = "small category dropped"

Counts = Mapping[str | None, int]
Notes = list[tuple[str, str, str]]  # category, cause, detail


def keep(filing: Filing, counts: Counts, minimum: int) -> tuple[Filing, pa.Table]:
    """Nothing changes; a finding names each category that has some products, but fewer than `minimum`."""
    return filing, _findings(_still_small(filing.taxonomy.leaves, counts, minimum))


def drop(filing: Filing, counts: Counts, minimum: int) -> tuple[Filing, pa.Table]:
    """Categories below the minimum leave the tree, those without any product too; their products are set aside.

    Raises ConfigError if no category reaches the minimum.
    """
    draft = Draft(filing.taxonomy)
    small = [leaf for leaf in filing.taxonomy.leaves if counts.get(leaf, 0) < minimum]
    if len(small) == len(filing.taxonomy.leaves):
        raise ConfigError(f"no category has {minimum:,} products", key="min_products")
    for leaf in small:
        draft.drop(leaf)
    notes = [(leaf, DROPPED, f"{counts[leaf]:,} products set aside") for leaf in small if counts.get(leaf, 0)]
    aside = dict.fromkeys(small, SMALL)
    return replace(filing, taxonomy=draft.taxonomy(counts), set_aside=aside), _findings(notes)


def merge(filing: Filing, counts: Counts, minimum: int, other_name: str) -> tuple[Filing, pa.Table]:
    """Small categories join their kin, from the deepest level up.

    Where all that is below a parent is small, the parent becomes the category.  Else the small ones among its children
    become one, called `other_name` ("Other {parent}"); a small one that is alone stays, and a finding says so.
    Categories without any product leave the tree.  Raises ConfigError if no category would reach the minimum.
    """
    filled = filing.taxonomy.subset(leaf for leaf in filing.taxonomy.leaves if counts.get(leaf, 0))
    draft = Draft(filled)
    for parent in [*_deepest_first(draft), ROOT]:
        _merge_children(draft, parent, counts, minimum, other_name)
    taxonomy, moves = draft.taxonomy(counts), draft.moves()
    notes = [(leaf, MERGED, f"{counts[leaf]:,} products, now in {moves[leaf]}") for leaf in moves]
    now: Counts = {leaf: _held(draft, leaf, counts) for leaf in taxonomy.leaves}
    filing = replace(filing, taxonomy=taxonomy, moves=moves)
    return filing, _findings([*notes, *_still_small(taxonomy.leaves, now, minimum)])


def _merge_children(draft: Draft, parent: str, counts: Counts, minimum: int, other_name: str) -> None:
    children = list(draft.children[parent])
    small = [child for child in children if not draft.children[child] and _held(draft, child, counts) < minimum]
    if len(small) == len(children):
        if parent == ROOT:
            raise ConfigError(f"no category has {minimum:,} products, whatever is merged", key="min_products")
        for child in small:
            draft.merge(child, parent)
        return
    name = other_name.replace("{parent}", "" if parent == ROOT else draft.name(parent)).strip()
    # a sibling that is called so already is where they belong
    other = next((child for child in children if draft.name(child) == name and not draft.children[child]), None)
    small = [child for child in small if child != other]
    if other is None and len(small) < 2:
        return
    if other is None:
        other = _free_id(draft, path_id([*map(draft.name, draft.path(parent)), name]))
        draft.add(other, parent, name)
    for child in small:
        draft.merge(child, other)


def _deepest_first(draft: Draft) -> list[str]:
    inner = [node for node in draft.parents if draft.children[node]]
    return sorted(inner, key=lambda node: -len(draft.path(node)))


def _held(draft: Draft, node: str, counts: Counts) -> int:
    return sum(counts.get(leaf, 0) for leaf in draft.held.get(node, ()))


def _free_id(draft: Draft, wanted: str) -> str:
    number, free = 1, wanted
    while free in draft.parents:
        number += 1
        free = f"{wanted} ({number})"
    return free


def _still_small(leaves: tuple[str, ...], counts: Counts, minimum: int) -> Iterator[tuple[str, str, str]]:
    for leaf in leaves:
        if 0 < counts.get(leaf, 0) < minimum:
            yield leaf, SMALL, f"{counts[leaf]:,} products"


def _findings(notes: Notes | Iterator[tuple[str, str, str]]) -> pa.Table:
    rows = [
        {"source": category, "product_id": None, "cause": cause, "detail": detail, "set_aside": False}
        for category, cause, detail in notes
    ]
    return pa.Table.from_pylist(rows, FINDINGS)

"""What a product says about itself besides its category: which values count as none, and what a head answers."""

from __future__ import annotations

PREFIX = "attribute."  # of a graph's outputs and a manifest's heads: "attribute.colour"
NOTHING = frozenset({"", "na", "n/a", "nan", "null"})  # how dumps write that a value is not known


def known(value: str | None) -> bool:
    """Does this text say anything?  "NA" does not."""
    return value is not None and value.strip().casefold() not in NOTHING


def head(name: str) -> str:
    """ "colour" -> "attribute.colour": the name of its output in the graph."""
    return PREFIX + name

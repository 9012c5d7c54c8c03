"""Parts in the order of time: what a model is measured on is newer than all it has learnt from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from catalens.core.catalog import Catalog
from catalens.core.errors import ConfigError
from catalens.curate.parts.bonds import ATTRIBUTE, attribute
from catalens.curate.parts.split_file import UNUSED
from catalens.curate.parts.stratify import Group

PRODUCT_ID = "product_id"  # ids that count up are a clock, too


@dataclass(frozen=True, slots=True)
class Times:
    """When each product was new: numbers that can be compared (None: not known), and the text each came from."""

    moments: tuple[float | None, ...]
    texts: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """Where the parts begin, in the words of the dump; the products `without_time`, which are unused; and those that
    are `older` than the part they are in begins, because a newer product of their group took them there."""

    begins: dict[str, str]
    without_time: int
    older: int


def read_times(catalog: Catalog, column: str) -> Times:
    """`attribute:NAME` or `product_id`, as numbers (2012, 20120531, 1338422400) or dates (2012-05, 2012-05-31T10:00).

    Any other value is no time.  Raises ConfigError if nothing is one, or if numbers and dates are mixed.
    """
    name = column.removeprefix(ATTRIBUTE)
    values = catalog.products[PRODUCT_ID] if column == PRODUCT_ID else attribute(catalog, name)
    texts = tuple(values.to_pylist())
    numbers, dates = [_number(text) for text in texts], [_date(text) for text in texts]
    if any(number is not None for number in numbers) and any(date is not None for date in dates):
        both = [next(t for t, v in zip(texts, found, strict=True) if v is not None) for found in (numbers, dates)]
        raise ConfigError(f"expected numbers or dates in {column}, got {both[0]!r} and {both[1]!r}", key="time")
    moments = numbers if any(number is not None for number in numbers) else dates
    if all(moment is None for moment in moments):
        example = next((text for text in texts if text), "")
        raise ConfigError(f"expected numbers or dates such as 2012-05-31 in {column}, got {example!r}", key="time")
    return Times(tuple(moments), texts)


def place(groups: Sequence[Group], times: Times, ratios: Mapping[str, float], parts: list[str]) -> Order:
    """Fill `parts`, the oldest groups first, as near the ratios as whole moments allow.

    A group is as new as its newest product, so that no part holds anything newer than the next one begins.  Groups
    of one moment stay together.  The first part gets the first moment at least.
    """
    dated = [(newest, group) for group in groups if (newest := _newest(group, times)) is not None]
    for group in groups:
        for member in group.members:
            parts[member] = UNUSED
    dated.sort(key=lambda pair: pair[0])
    blocks = [(moment, [group for _, group in pairs]) for moment, pairs in groupby(dated, key=lambda pair: pair[0])]
    sizes = [sum(len(group.members) for group in members) for _, members in blocks]
    begins: dict[str, str] = {}
    older = 0
    for (moment, members), part in zip(blocks, _cut(sizes, ratios), strict=True):
        positions = [member for group in members for member in group.members]
        if part not in begins:
            limit = moment
            begins[part] = next(str(times.texts[p]) for p in positions if times.moments[p] == moment)
        for position in positions:
            parts[position] = part
            known = times.moments[position]
            older += part != next(iter(ratios)) and known is not None and known < limit
    undated = sum(len(group.members) for group in groups) - sum(sizes)
    return Order(begins, undated, older)


def _cut(sizes: Sequence[int], ratios: Mapping[str, float]) -> list[str]:
    """The part of each block: every limit lies where the running total is nearest to what was asked."""
    running = [0]
    for size in sizes:
        running.append(running[-1] + size)
    names: list[str] = []
    asked = 0.0
    for part, ratio in ratios.items():
        if ratio == 0:
            continue
        asked += ratio
        end = min(range(len(running)), key=lambda cut: (abs(running[cut] - asked * running[-1]), -cut))
        end = max(end, min(1, len(sizes)))
        names += [part] * (end - len(names))
    return names


def _newest(group: Group, times: Times) -> float | None:
    return max((moment for member in group.members if (moment := times.moments[member]) is not None), default=None)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _date(text: str | None) -> float | None:
    """Seconds since 1970.  A month is its first day; a date without a zone is in UTC."""
    if text is None or _number(text) is not None:
        return None
    for whole in (text.strip(), f"{text.strip()}-01"):
        try:
            found = datetime.fromisoformat(whole)
        except ValueError:
            continue
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return None

"""What to do about an audit, the most important first: what was found, and which command deals with it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from catalens.core.tail import FEW_BELOW
from catalens.curate.audit.run import Audit, StrangeName

UNEVEN = 100  # times the smallest category: above this a cap is suggested
NAMED = 3  # categories of strange names, in words
CAP = 1000  # products of a category, for the suggestion
BAD_PHOTOS = ("cut short", "placeholder", "blank", "tiny", "blurred", "dark")  # a model learns nothing good from these


@dataclass(frozen=True, slots=True)
class Change:
    """A verb that writes another catalog: what that one is `called`, and the options."""

    verb: str
    called: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """`weight` is "bad" (figures or filings go wrong), "doubt" (worth a look) or "good" (nothing to do)."""

    weight: Literal["bad", "doubt", "good"]
    words: str
    change: Change | None = None


def steps(audit: Audit) -> tuple[Step, ...]:
    """Bad before doubtful; one good step where there is neither."""
    found = sorted((*_wrong(audit), *_worth_a_look(audit)), key=lambda step: step.weight)
    return tuple(found) or (Step("good", "Nothing was found that a person would have to look at."),)


def next_commands(audit: Audit, catalog: Path) -> tuple[str, ...]:
    """What the steps ask for and what comes after, in the order to type it: each goes on with what the last wrote."""
    lines, here = [], catalog
    for change in (step.change for step in steps(audit) if step.change):
        there = catalog.with_name(f"{catalog.stem}-{change.called}.catalog")
        lines.append(_type(*change.verb.split(), here, there, *change.options))
        here = there
    changed = here != catalog
    if not audit.sizes.filled:
        return tuple(lines)  # a model needs categories
    if changed:
        lines.append(_type("duplicates", here))  # of its own photos, for the split
    if changed or audit.leaks is None or audit.leaked:
        lines.append(_type("split", here, "--together", "near", *(["--anew"] if audit.leaked else [])))
    lines.append(_type("train", here, here.with_suffix(".run")))
    return tuple(lines)


def _wrong(audit: Audit) -> Iterator[Step]:
    """What makes figures or filings wrong."""
    copies = audit.copies
    if audit.strange:
        outermost = _outermost(audit)
        named = ", ".join(f"“{one.path}”" for one in outermost[:NAMED]) + (", ..." if len(outermost) > NAMED else "")
        products = sum(one.products for one in outermost)
        drops = tuple(word for one in outermost for word in ("--drop", one.id))
        yield Step(
            "bad",
            f"{_count(products, 'product is', 'products are')} filed where no kind of product is named: {named}.",
            Change("taxonomy edit", "edited", drops),
        )
    if copies.contradictory:
        pictures = _count(copies.contradictory, "picture stands", "pictures stand")
        yield Step("bad", f"{pictures} under several categories, so at least one of them is wrong.")
    if audit.leaked:
        leaked = _count(audit.leaked, "product outside train has", "products outside train have")
        yield Step("bad", f"{leaked} a copy in train, which makes figures measured there too good.")
    if copies.cross_seller:
        pictures = _count(copies.cross_seller, "picture is", "pictures are")
        yield Step("bad", f"{pictures} used by several sellers: copied or counterfeit listings?")


def _worth_a_look(audit: Audit) -> Iterator[Step]:
    """What a person should know before going on."""
    sizes = audit.sizes
    unread = sum(audit.dump.set_aside.values())
    if unread:
        yield Step("doubt", f"{unread:,} of {audit.rows_read:,} rows of the dump could not be used; see why below.")
    if sizes.unfiled:
        products = _count(sizes.unfiled, "product has", "products have")
        yield Step("doubt", f"{products} no category: nothing is learnt from them.")
    small = audit.verdicts["too few"] + audit.verdicts["no diversity"]
    if small:
        merge = ("--min-products", str(FEW_BELOW), "--small-categories", "merge")
        has = "has" if small == 1 else "have"
        yield Step(
            "doubt",
            f"{small:,} of {_count(len(sizes.filled), 'category', 'categories')} {has} too few different photos.",
            Change("clean", "clean", merge) if len(sizes.filled) > 1 else None,
        )
    if audit.doubtful:
        products = _count(audit.doubtful, "product seems", "products seem")
        yield Step("doubt", f"{products} to be filed in the wrong place; the likeliest are below.")
    bad = {flag: audit.quality.counts[flag] for flag in BAD_PHOTOS if audit.quality.counts.get(flag)}
    if bad:
        told = ", ".join(f"{flag} {count:,}" for flag, count in bad.items())
        yield Step("doubt", f"Photos that teach a model little: {told}.")
    if sizes.imbalance is not None and sizes.imbalance.ratio > UNEVEN and sizes.filled[0].products > CAP:
        yield Step(
            "doubt",
            f"The largest category has {sizes.imbalance.ratio:,.0f} times the products of the smallest.",
            Change("sample", "capped", ("--cap", str(CAP))),
        )


def _type(*words: object) -> str:
    """A command line as it is typed, whatever signs a category's id holds."""
    return shlex.join(["catalens", *map(str, words)])


def _count(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"


def _outermost(audit: Audit) -> list[StrangeName]:
    """The strange categories that lie in no other one: the products of those inside are counted with these."""
    strange = {one.id for one in audit.strange}
    return [one for one in audit.strange if strange.isdisjoint(one.above)]

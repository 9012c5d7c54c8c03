"""What to do about an audit, the most important first: what was found, and which command deals with it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from catalens.core.tail import FEW_BELOW
from catalens.curate.audit.run import Audit

UNEVEN = 100  # times the smallest category: above this a cap is suggested
CAP = 1000  # products of a category, for the suggestion
BAD_PHOTOS = ("cut short", "placeholder", "blank", "tiny", "blurred", "dark")  # a model learns nothing good from these


@dataclass(frozen=True, slots=True)
class Step:
    """`weight` is "bad" (figures or filings go wrong), "doubt" (worth a look) or "good" (nothing to do)."""

    weight: Literal["bad", "doubt", "good"]
    words: str
    command: str | None = None


def steps(audit: Audit, catalog: Path) -> tuple[Step, ...]:
    """Bad before doubtful; one good step where there is neither."""
    found = sorted(_steps(audit, catalog), key=lambda step: step.weight)
    return tuple(found) or (Step("good", "Nothing was found that a person would have to look at."),)


def next_commands(audit: Audit, catalog: Path) -> tuple[str, ...]:
    """The commands of the steps, then what comes next in any case; a model needs categories."""
    asked = [step.command for step in steps(audit, catalog) if step.command]
    if not audit.sizes.filled:
        return tuple(asked)
    divided = [] if audit.leaks is not None else [_type("split", catalog, "--together", "near")]
    model = _type("train", catalog, catalog.with_suffix(".run"))
    return tuple(dict.fromkeys([*asked, *divided, model]))


def _steps(audit: Audit, catalog: Path) -> Iterator[Step]:
    yield from _wrong(audit, catalog)
    yield from _worth_a_look(audit, catalog)


def _wrong(audit: Audit, catalog: Path) -> Iterator[Step]:
    """What makes figures or filings wrong."""
    copies = audit.copies
    if audit.strange:
        named = ", ".join(f"“{one.path}”" for one in audit.strange[:3])
        products = sum(one.products for one in audit.strange)
        drops = [word for one in audit.strange for word in ("--drop", one.id)]
        yield Step(
            "bad",
            f"{_count(products, 'product is', 'products are')} filed where no kind of product is named: {named}.",
            _type("taxonomy", "edit", catalog, _beside(catalog, "clean"), *drops),
        )
    if copies.contradictory:
        pictures = _count(copies.contradictory, "picture stands", "pictures stand")
        yield Step("bad", f"{pictures} under several categories, so at least one of them is wrong.")
    if audit.leaked:
        leaked = _count(audit.leaked, "product outside train has", "products outside train have")
        yield Step(
            "bad",
            f"{leaked} a copy in train: figures measured on them are too good.",
            _type("split", catalog, "--together", "near", "--anew"),
        )
    if copies.cross_seller:
        pictures = _count(copies.cross_seller, "picture is", "pictures are")
        yield Step("bad", f"{pictures} used by several sellers: copied or counterfeit listings?")


def _worth_a_look(audit: Audit, catalog: Path) -> Iterator[Step]:
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
        merge = ("--min-products", FEW_BELOW, "--small-categories", "merge")
        yield Step(
            "doubt",
            f"{_count(small, 'category has', 'categories have')} too few different photos, of {len(sizes.filled):,}.",
            _type("clean", catalog, _beside(catalog, "clean"), *merge),
        )
    if audit.doubtful:
        products = _count(audit.doubtful, "product looks", "products look")
        yield Step("doubt", f"{products} wrong where they are filed; the likeliest are below.")
    bad = {flag: audit.quality.counts[flag] for flag in BAD_PHOTOS if audit.quality.counts.get(flag)}
    if bad:
        told = ", ".join(f"{flag} {count:,}" for flag, count in bad.items())
        yield Step("doubt", f"Photos that teach a model little: {told}.")
    if sizes.imbalance is not None and sizes.imbalance.ratio > UNEVEN and sizes.filled[0].products > CAP:
        yield Step(
            "doubt",
            f"The largest category has {sizes.imbalance.ratio:,.0f} times the products of the smallest.",
            _type("sample", catalog, _beside(catalog, "capped"), "--cap", CAP),
        )


def _type(*words: object) -> str:
    """A command line as it is typed, whatever signs a category's id holds."""
    return shlex.join(["catalens", *map(str, words)])


def _count(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"


def _beside(catalog: Path, what: str) -> Path:
    return catalog.with_name(f"{catalog.stem}-{what}.catalog")

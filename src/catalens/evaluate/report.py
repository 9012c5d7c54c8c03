"""One page that a person can read, keep and send: figures, plots and photos in a single HTML file without scripts.

Values in, a file out: it reads no catalog, no bundle and no network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalens.core import page as core_page
from catalens.core.durable import replacing
from catalens.core.page import Shown
from catalens.evaluate import category_sections, sections, versus_sections, world_sections


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training photos; accuracies in [0, 1]."""

    number: int
    train_loss: float
    val_loss: float
    train_top1: float
    val_top1: float


@dataclass(frozen=True, slots=True)
class Confused:
    """A product that was taken for another category, beside one that really is of it."""

    photo: bytes
    other: bytes
    truth: str
    predicted: str
    count: int


@dataclass(frozen=True, slots=True)
class CategoryCard:
    """One category: the names of its path, its figures (None: not known) and small photos of its products.

    `filed` is the share of its products that file themselves in a leaf; cards of one `group`, a title or "", stand
    together.
    """

    path: tuple[str, ...]
    products: int
    recall: float | None
    precision: float | None
    filed: float | None
    train: int | None
    photos: tuple[Shown, ...] = ()
    group: str = ""


@dataclass(frozen=True, slots=True)
class ReportData:
    """What the page shows; a part that is empty is left out.

    `evaluation` is the object that `evaluate --json` prints, `set_aside` the causes and counts that `ingest --json`
    prints, `query` a product and `neighbours` the nearest to it, best first.  `cards_left_out` categories have no card.
    `losses` are products that a previous bundle got right, beside `evaluation["against"]`; `open_world` is what a
    bundle's manifest holds of it, `robustness` the object of `Robustness.to_json`.
    """

    title: str
    made_by: str
    evaluation: Mapping[str, Any]
    epochs: tuple[Epoch, ...] = ()
    confused: tuple[Confused, ...] = ()
    cards: tuple[CategoryCard, ...] = ()
    cards_left_out: int = 0
    losses: tuple[Shown, ...] = ()
    open_world: Mapping[str, Any] | None = None
    robustness: Mapping[str, Any] | None = None
    examples: tuple[Shown, ...] = ()
    query: Shown | None = None
    neighbours: tuple[Shown, ...] = ()
    set_aside: Mapping[str, int] | None = None
    strangers: tuple[Shown, ...] = ()
    commands: tuple[str, ...] = ()


def _risk(data: ReportData) -> Sequence[Mapping[str, float]] | None:
    found: Sequence[Mapping[str, float]] | None = data.evaluation.get("risk_coverage")
    return found


# title, and what fills the section from the data: "" where there is nothing to show
SECTIONS: tuple[tuple[str, Callable[[ReportData], str]], ...] = (
    ("How much files itself", lambda data: sections.coverage(data.evaluation["coverage"], _risk(data))),
    ("What it costs", lambda data: sections.cost(data.evaluation["coverage"])),
    ("Better than before?", lambda data: versus_sections.versus(data.evaluation.get("against"), data.losses)),
    ("What to do about it", lambda data: category_sections.advice(data.evaluation.get("advice"))),
    ("What it takes for something else", lambda data: sections.confused(data.confused)),
    ("Category by category", lambda data: category_sections.cards(data.cards, data.cards_left_out)),
    ("Level by level", lambda data: sections.levels(data.evaluation)),
    ("Can its probabilities be believed?", lambda data: sections.reliability(data.evaluation)),
    ("In each category, too?", lambda data: category_sections.trust(data.evaluation.get("category_trust"))),
    ("What it suggests where it does not file", lambda data: world_sections.sets(data.evaluation.get("sets"))),
    ("What the shop does not sell", lambda data: world_sections.open_world(data.open_world)),
    ("Photos worse than the catalog's", lambda data: world_sections.robustness(data.robustness)),
    ("How it learnt", lambda data: sections.training(data.epochs)),
    ("What it decided, in words", lambda data: core_page.photos(data.examples)),
    ("Products that look alike", lambda data: sections.neighbours(data.query, data.neighbours)),
    ("What was set aside, and why", lambda data: sections.set_aside(data.set_aside)),
    ("Strangers", lambda data: sections.strangers(data.strangers)),
    ("How to do this yourself", lambda data: core_page.commands(data.commands)),
)


def write(path: Path, data: ReportData) -> None:
    """Write the page, whole or not at all.  Raises ImageError if a photo does not decode."""
    with replacing(path) as partial:
        partial.write_text(page(data), encoding="utf-8")


def page(data: ReportData) -> str:
    """The page's HTML."""
    return core_page.page(
        data.title,
        heading=sections.promise_sentence(data.evaluation),
        lead=sections.depths(data.evaluation) + sections.tiles(data.evaluation),
        sections=((title, fill(data)) for title, fill in SECTIONS),
        footer=data.made_by,
    )

"""One page that a person can read, keep and send: figures, plots and photos in a single HTML file without scripts.

Values in, a file out: it reads no catalog, no bundle and no network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalens.core import page as core_page
from catalens.core.durable import replacing
from catalens.core.page import Shown
from catalens.evaluate import sections


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
class ReportData:
    """What the page shows; a part that is empty is left out.

    `evaluation` is the object that `evaluate --json` prints, `set_aside` the causes and counts that `ingest --json`
    prints, `best` and `worst` one photo a category, `query` a product and `neighbours` the nearest to it, best first.
    """

    title: str
    made_by: str
    evaluation: Mapping[str, Any]
    epochs: tuple[Epoch, ...] = ()
    confused: tuple[Confused, ...] = ()
    best: tuple[Shown, ...] = ()
    worst: tuple[Shown, ...] = ()
    examples: tuple[Shown, ...] = ()
    query: Shown | None = None
    neighbours: tuple[Shown, ...] = ()
    set_aside: Mapping[str, int] | None = None
    strangers: tuple[Shown, ...] = ()
    commands: tuple[str, ...] = ()


# title, and what fills the section from the data: "" where there is nothing to show
SECTIONS: tuple[tuple[str, Callable[[ReportData], str]], ...] = (
    ("How much files itself", lambda data: sections.coverage(data.evaluation["coverage"])),
    ("How it learnt", lambda data: sections.training(data.epochs)),
    ("Level by level", lambda data: sections.levels(data.evaluation)),
    ("Can its probabilities be believed?", lambda data: sections.reliability(data.evaluation)),
    ("What it takes for something else", lambda data: sections.confused(data.confused)),
    ("Its best categories", lambda data: core_page.photos(data.best)),
    ("Its weakest categories", lambda data: core_page.photos(data.worst)),
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
        lead=sections.tiles(data.evaluation),
        sections=((title, fill(data)) for title, fill in SECTIONS),
        footer=data.made_by,
    )

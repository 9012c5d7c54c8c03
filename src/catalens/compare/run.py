"""`catalens compare`: every member trained, exported and measured, then together.  `run` is the whole story."""

from __future__ import annotations

import gc
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalens.compare.ensemble import Voice, ensemble
from catalens.compare.measure import Parts, parts_of
from catalens.compare.member import ERROR, bundle_path, finish, kept_answers
from catalens.compare.plan import Member, RecipeValues, members, work
from catalens.compare.rows import Row, advise, ordered
from catalens.compare.settings import CompareSettings
from catalens.compare.soups import soups
from catalens.core.bundle import Bundle
from catalens.core.catalog import Catalog, write_json
from catalens.core.errors import CatalensError
from catalens.core.lock import alone_in
from catalens.core.progress import Progress, silent

JSON, PAGE = "compare.json", "compare.html"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The rows, best first, and what a reader must know besides.

    `products` of the part `test` were measured; `promise` is the one whose coverage is compared.
    """

    name: str
    catalog_digest: str
    folder: Path
    test: str
    products: int
    train_products: int
    promise: float
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    @property
    def failed(self) -> int:
        return sum(row.kind == "failed" for row in self.rows)

    def to_json(self) -> dict[str, Any]:
        """Plain values; the form of `compare --json`."""
        advice = advise(self.rows)
        return {
            "catalog": self.name,
            "digest": self.catalog_digest,
            "folder": str(self.folder),
            "part": self.test,
            "products": self.products,
            "train_products": self.train_products,
            "promise": self.promise,
            "rows": [row.to_json() for row in self.rows],
            "choose": advice.to_json() if advice else None,
            "notes": list(self.notes),
            "failed": self.failed,
        }


def run(
    catalog: Catalog,
    folder: Path,
    settings: CompareSettings,
    *,
    recipe_values: RecipeValues | None = None,
    say: Callable[[str], None] = lambda line: None,
    progress: Progress = silent,
) -> Comparison:
    """Compare the members in `folder`, which also gets compare.json and compare.html, anew after each member.

    Run again, it goes on where it was: what is finished is taken as it is, a training that was stopped is resumed,
    other settings are another member.  A member that fails becomes a row with its cause, and is tried again next time.
    Raises ConfigError or CatalogError for what concerns all members, and BlockingIOError where another process is at
    work in the folder.
    """
    from catalens.compare.page import write

    planned = members(settings, catalog, recipe_values or values_of_recipe)
    parts = parts_of(catalog, settings)
    folder.mkdir(parents=True, exist_ok=True)

    def keep(rows: Sequence[Row], notes: Sequence[str]) -> Comparison:
        found = _comparison(catalog, folder, settings, parts, rows, notes)
        write_json(found.to_json(), folder / JSON)
        write(folder / PAGE, found)
        return found

    with alone_in(folder):
        clock = Clock([work(member) for member in planned], progress)
        rows: list[Row] = []
        for place, member in enumerate(planned):
            say(f"\n{member.name} ({place + 1} of {len(planned)})")
            rows.append(_row(catalog, folder, member, parts, settings, say=say, progress=clock.of(place, member.name)))
            clock.done(place)
            keep(rows, ())
        more, notes = _together(catalog, folder, planned, rows, parts, settings, say=say)
        return keep([*rows, *more], notes)


def values_of_recipe(name: str) -> Mapping[str, Any]:
    """The settings that a recipe stands for.  Raises ConfigError if there is no such recipe."""
    from catalens.train import recipe

    return recipe.values(name)


def _row(
    catalog: Catalog,
    folder: Path,
    member: Member,
    parts: Parts,
    settings: CompareSettings,
    *,
    say: Callable[[str], None],
    progress: Progress,
) -> Row:
    """The member's row; that of a failure where it cannot be trained, exported or measured."""
    own = folder / member.folder
    try:
        return finish(catalog, own, member, parts, settings, say=say, progress=progress)
    except Exception as error:  # whatever it is, the others go on
        cause = _cause(error)
        own.mkdir(parents=True, exist_ok=True)
        if not isinstance(error, CatalensError):
            (own / ERROR).write_text("".join(traceback.format_exception(error)), encoding="utf-8")
            cause += f" (all of it is in {own / ERROR})"
        say(f"{member.name} failed: {cause}")
        return Row(
            name=member.name,
            kind="failed",
            model=member.settings.model,
            size=member.settings.size,
            folder=own.name,
            cause=cause,
        )
    finally:
        gc.collect()  # a trainer and its network refer to each other


def _cause(error: Exception) -> str:
    if isinstance(error, CatalensError):
        return str(error)
    first = (str(error).strip() or "no message").splitlines()[0]
    return f"{type(error).__name__}: {first[:300]}"


def _together(
    catalog: Catalog,
    folder: Path,
    planned: Sequence[Member],
    rows: Sequence[Row],
    parts: Parts,
    settings: CompareSettings,
    *,
    say: Callable[[str], None],
) -> tuple[list[Row], list[str]]:
    """The rows of what is made of several members, and in words why there are no more of them."""
    pairs = [(member, row) for member, row in zip(planned, rows, strict=True) if row.measured]
    more, notes = soups(catalog, folder, pairs, parts, settings, say=say)
    together, why = ensemble([_voice(folder, row) for _, row in pairs], catalog, parts, settings)
    return [*more, *([together] if together else [])], [note for note in (parts.note, *notes, why) if note]


def _voice(folder: Path, row: Row) -> Voice:
    own = folder / row.folder
    bundle = Bundle(bundle_path(own))
    counts = bundle.manifest.training.get("train_counts")
    return Voice(row, kept_answers(own), bundle.calibrator, bundle.taxonomy, counts)


def _comparison(
    catalog: Catalog,
    folder: Path,
    settings: CompareSettings,
    parts: Parts,
    rows: Sequence[Row],
    notes: Sequence[str],
) -> Comparison:
    return Comparison(
        name=catalog.info.name,
        catalog_digest=catalog.digest,
        folder=folder,
        test=parts.test,
        products=len(set(parts.images[parts.test]["product_id"].to_pylist())),
        train_products=parts.train_products,
        promise=settings.promise,
        rows=tuple(ordered(rows)),
        notes=tuple(notes),
    )


class Clock:
    """One progress over all members: `shares` says about how much work each is beside the others."""

    STEPS = 1000  # of the whole

    def __init__(self, shares: Sequence[float], progress: Progress, now: Callable[[], float] = time.monotonic) -> None:
        whole = sum(shares) or 1.0
        self._shares = [share / whole for share in shares]
        self._progress = progress
        self._now = now
        self._began = now()
        self._finished = 0.0  # share that is behind us
        self._worked = 0.0  # share that took time in this run: what was there already tells nothing
        self._busy = 0.0  # the same, of the member at work

    def of(self, place: int, name: str) -> Progress:
        """What the member at `place` reports to."""
        first: float | None = None

        def report(done: int, total: int | None = None, note: str = "") -> None:
            nonlocal first
            share = self._shares[place] * (min(done / total, 1.0) if total else 0.0)
            first = share if first is None else min(first, share)  # where a resumed training began
            self._busy = max(self._busy, share - first)
            self._say(self._finished + share, f"{name}{f', {note}' if note else ''}")

        return report

    def done(self, place: int) -> None:
        self._finished += self._shares[place]
        self._worked, self._busy = self._worked + self._busy, 0.0
        self._progress(round(self.STEPS * min(self._finished, 1.0)), self.STEPS, "")

    def _say(self, finished: float, note: str) -> None:
        worked = self._worked + self._busy
        if worked > 0.01:
            minutes = (self._now() - self._began) / worked * max(1 - finished, 0.0) / 60
            note += f", {minutes:,.0f} min left of all"
        self._progress(round(self.STEPS * min(finished, 1.0)), self.STEPS, note)

"""Change a catalog's categories: rename, merge, drop, move, roll up to a level, name the levels, take another tree.

Edits are done one after another on a draft of the tree; a new catalog with its products filed anew comes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from catalens.core.catalog import Catalog
from catalens.core.config import Settings
from catalens.core.errors import ConfigError, SourceError, TaxonomyError
from catalens.core.progress import Progress, silent
from catalens.core.registry import hint
from catalens.core.taxonomy import ROOT, Taxonomy
from catalens.curate.categories.draft import Draft, level_of
from catalens.curate.categories.filing import Filing
from catalens.curate.categories.tree import count_products
from catalens.curate.derive import DeriveReport, derive, refuse
from catalens.curate.sources.listed import read_taxonomy
from catalens.curate.sources.records import header, records, text

DROPPED = "category dropped"


class EditSettings(Settings):
    """What to change, in the order of the fields.

    A category is named by its id; by its name, or its path of names, where only one has it.
    """

    taxonomy: Path | None = Field(
        default=None, description="this tree instead: a CSV of ids and names, or a taxonomy.parquet"
    )
    edits: Path | None = Field(default=None, description="a table with columns action, category and target")
    rename: tuple[str, ...] = Field(default=(), description='"ID=NAME"')
    merge: tuple[str, ...] = Field(default=(), description='"A,B=C": the products of A and B go to C')
    drop: tuple[str, ...] = Field(default=(), description="ids")
    move: tuple[str, ...] = Field(default=(), description='"ID=PARENT", nothing behind the "=" for the top')
    roll_up: str | None = Field(
        default=None, description="the level to be the deepest: its number from 1 at the top, or name"
    )
    level_names: tuple[str, ...] = Field(default=(), description="from the top")
    dropped: Literal["unfile", "set_aside"] = Field(
        default="unfile", description="products that lose their category are kept without one, or set aside"
    )

    @field_validator("rename", "merge", "drop", "move", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("level_names", mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else value

    @field_validator("roll_up", mode="before")
    @classmethod
    def _from_number(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value


@dataclass(frozen=True, slots=True)
class Edit:
    """One change.  `place` says where it was asked for: "edits.csv: row 3"."""

    action: str
    category: str
    target: str
    place: str


@dataclass(frozen=True, slots=True)
class EditReport:
    """How many edits were done, the levels of the tree now, and the catalog that came of it."""

    edits: int
    levels: tuple[str, ...]
    catalog: DeriveReport

    def to_json(self) -> dict[str, Any]:
        return {"edits": self.edits, "levels": list(self.levels), **self.catalog.to_json()}


def run(
    catalog: Catalog, out: Path, settings: EditSettings, *, overwrite: bool = False, progress: Progress = silent
) -> EditReport:
    """Write a catalog with other categories.  Raises TaxonomyError, SourceError, ConfigError, CatalogError."""
    refuse(catalog, out, overwrite=overwrite)
    edits = [*_from_file(settings.edits), *_from_settings(settings)]
    if not (edits or settings.roll_up or settings.level_names or settings.taxonomy):
        raise ConfigError("nothing to change: no edit, level or taxonomy was given")
    tree = read_taxonomy(settings.taxonomy) if settings.taxonomy else catalog.delivered_taxonomy
    counts = count_products(catalog.product_slices(["category_id"]))
    filing = file_anew(tree, edits, counts, settings)
    how = {
        "verb": "taxonomy edit",
        "settings": settings.model_dump(mode="json", include={"taxonomy", "roll_up", "level_names", "dropped"}),
        "edits": [asdict(edit) for edit in edits],
    }
    refiled = sum(counts[leaf] for leaf in filing.moves)
    made = derive(catalog, out, how, filing=filing, refiled=refiled, overwrite=overwrite, progress=progress)
    levels = tuple(filing.taxonomy.level_name(level) for level in range(filing.taxonomy.depth))
    return EditReport(len(edits), levels, made)


def file_anew(tree: Taxonomy, edits: Sequence[Edit], counts: dict[str | None, int], settings: EditSettings) -> Filing:
    """The tree after the edits, and where the products of its former leaves go; `counts` has how many they are.

    Raises TaxonomyError naming the edit that cannot be done.
    """
    draft = Draft(tree)
    for edit in edits:
        try:
            _DO[edit.action](draft, edit)
        except TaxonomyError as error:
            raise TaxonomyError(f"{edit.action}: {error.message}", source=edit.place, key=error.key) from None
    if settings.roll_up:
        # levels are counted in the tree as it is now, which edits may have made deeper
        draft.roll_up(level_of(draft.taxonomy(counts), settings.roll_up))
    if settings.level_names:
        draft.level_names = settings.level_names
    taxonomy = draft.taxonomy(counts)
    if settings.level_names and len(settings.level_names) != taxonomy.depth:
        raise TaxonomyError(f"expected {taxonomy.depth} level names, got {', '.join(settings.level_names)}")
    causes = dict.fromkeys(draft.dropped, DROPPED)
    aside = settings.dropped == "set_aside"
    return Filing(
        taxonomy,
        moves=draft.moves(),
        unfiled={} if aside else causes,
        set_aside=causes if aside else {},
        unknown_aside=aside,
    )


def _rename(draft: Draft, edit: Edit) -> None:
    draft.rename(draft.find(edit.category), edit.target)


def _merge(draft: Draft, edit: Edit) -> None:
    draft.merge(draft.find(edit.category), draft.find(edit.target))


def _drop(draft: Draft, edit: Edit) -> None:
    draft.drop(draft.find(edit.category))


def _move(draft: Draft, edit: Edit) -> None:
    draft.move(draft.find(edit.category), draft.find(edit.target) if edit.target else ROOT)


_DO: dict[str, Callable[[Draft, Edit], None]] = {"rename": _rename, "merge": _merge, "drop": _drop, "move": _move}


def _from_file(path: Path | None) -> Iterator[Edit]:
    """The rows of a table with columns action, category and target.  Raises SourceError naming the row."""
    if path is None:
        return
    columns = header(path) if path.is_file() else []
    if not {"action", "category"} <= set(columns):
        found = f"got {', '.join(columns)}" if columns else "there is no such table"
        raise SourceError(f"expected columns action, category and target, {found}", source=str(path))
    for number, row in records(path):
        if isinstance(row, str):
            raise SourceError(row, source=str(path), row=number)
        action, category, target = (text(row.get(name)) for name in ("action", "category", "target"))
        if action not in _DO:
            raise SourceError(f"unknown action {action!r}{hint(action, _DO)}", source=str(path), row=number)
        if not category or (not target and action in ("rename", "merge")):
            raise SourceError(f"{action} needs a category and a target", source=str(path), row=number)
        yield Edit(action, category, target, f"{path.name}: row {number:,}")


def _from_settings(settings: EditSettings) -> Iterator[Edit]:
    """The edits given one by one.  Raises ConfigError."""
    for rename in settings.rename:
        yield Edit("rename", *_halves("rename", rename, "ID=NAME"), f"--rename {rename}")
    for merge in settings.merge:
        sources, target = _halves("merge", merge, "A,B=C")
        yield from (Edit("merge", source.strip(), target, f"--merge {merge}") for source in sources.split(","))
    for category in settings.drop:
        yield Edit("drop", category, "", f"--drop {category}")
    for move in settings.move:
        yield Edit("move", *_halves("move", move, "ID=PARENT"), f"--move {move}")


def _halves(name: str, value: str, form: str) -> tuple[str, str]:
    left, equals, right = value.rpartition("=")
    if not equals or not left.strip() or (not right.strip() and name != "move"):
        raise ConfigError(f"expected {form}, got {value!r}", key=name)
    return left.strip(), right.strip()

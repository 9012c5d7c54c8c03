"""The audit as one page that a category manager reads, keeps and sends."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from catalens import __version__
from catalens.core import page as core_page
from catalens.core.catalog import Catalog
from catalens.core.durable import replacing
from catalens.core.page import commands, counted, tiles
from catalens.curate.audit import copies, photo_sections, photos, sections
from catalens.curate.audit.pictures import Pictures
from catalens.curate.audit.run import Audit
from catalens.curate.audit.steps import Step, next_commands, steps


def write(path: Path, audit: Audit, catalog: Catalog) -> None:
    """Write the page, whole or not at all.  Raises CatalogError if a photo's shard is damaged."""
    with replacing(path) as partial:
        partial.write_text(page(audit, catalog), encoding="utf-8")


def page(audit: Audit, catalog: Catalog) -> str:
    """The page's HTML; one file without scripts, with all its photos in it."""
    pictures = Pictures(catalog)
    strange = {one.id for one in audit.strange}
    parts = (
        ("What there is", sections.sizes(audit.sizes)),
        ("How the products are spread", sections.spread(audit.sizes)),
        ("Which categories are ready", sections.readiness(audit.readiness)),
        ("Categories that are no product", photo_sections.strange_names(audit.strange)),
        ("Copies", copies.section(audit.copies, pictures)),
        ("Leaks between the parts", photo_sections.leaks(audit.leaks, pictures)),
        ("Labels that look wrong", photo_sections.labels(audit.labels, catalog, pictures, strange=strange)),
        ("Easy and hard", photo_sections.examples(catalog, pictures)),
        ("Photos", photos.section(audit.quality, pictures)),
        (
            "What the dump had that could not be used",
            sections.set_aside(audit.dump.set_aside, audit.dump.noted, audit.dump.examples, audit.rows_read),
        ),
        ("What to type next", commands(next_commands(audit, catalog.path))),
    )
    footer = (
        f"Made by catalens {__version__} audit; catalog {audit.digest[:12]}. Labels were judged by {audit.judged_by}. "
        "All figures are in the JSON file beside this page and in the catalog's side tables."
    )
    return core_page.page(
        f"Audit of {audit.name}",
        heading=heading(audit),
        lead=tiles(_figures(audit)) + _list(steps(audit)),
        sections=parts,
        footer=footer,
    )


def heading(audit: Audit) -> str:
    """ "61 of 142 categories are ready to be learnt." """
    ready = audit.verdicts["enough"] + audit.verdicts["excellent"]
    filled = len(audit.sizes.filled)
    if not filled:
        return "No product has a category: there is nothing to learn yet."
    if filled == 1:
        return f"The only category is {'' if ready else 'not '}ready to be learnt."
    if ready == filled:
        return f"All {filled:,} categories are ready to be learnt."
    return f"{ready:,} of {filled:,} categories {'is' if ready == 1 else 'are'} ready to be learnt."


def _figures(audit: Audit) -> list[tuple[str, str]]:
    leak = (f"{audit.leaked:,}", "products with a copy in train") if audit.leaks else ("–", "not divided yet")
    wrong = audit.doubtful
    labels = ("–", "no judge of labels") if wrong is None else (f"{wrong:,}", "labels that look wrong")
    return [
        (f"{audit.sizes.products:,}", f"products, with {counted(audit.sizes.photos, 'photo')}"),
        (f"{len(audit.sizes.filled):,}", "categories with products"),
        (f"{audit.copied:,}", "photos that have a copy"),
        leak,
        labels,
        (f"{audit.quality.flagged:,}", "photos with a finding"),
        (f"{sum(audit.dump.set_aside.values()):,}", "rows set aside"),
    ]


def _list(found: Sequence[Step]) -> str:
    items = "".join(f'<li class="{step.weight}">{escape(step.words)}</li>' for step in found)
    return f'<ul class="todo">{items}</ul>'

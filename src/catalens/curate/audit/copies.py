"""The part of the audit's page on copies: how many, and the groups that matter most side by side."""

from __future__ import annotations

from html import escape

from catalens.core.page import card, photos, reading, table
from catalens.curate.audit.pictures import Pictures
from catalens.curate.copies.duplicates_report import CopyGroup, DuplicatesReport

GROUPS, PHOTOS = 10, 6  # groups of a kind that are shown, photos of a group
HALF_ROW = 3  # photos that fit into half the page


def section(found: DuplicatesReport, pictures: Pictures) -> str:
    """The counts, then contradictory groups, those of several sellers, and a few of the others."""
    counts = [
        ["the same file", f"{found.exact.groups:,}", f"{found.exact.photos:,}"],
        ["other files of the same pixels", f"{found.pixel.groups:,}", f"{found.pixel.photos:,}"],
        ["the same picture, in other size, crop or quality", f"{found.near.groups:,}", f"{found.near.photos:,}"],
    ]
    troubles = [
        ["under several categories", f"{found.contradictory:,}"],
        ["used by several products", f"{found.cross_product:,}"],
        ["used by several sellers", f"{found.cross_seller:,}"],
    ]
    kinds = (
        ("categories", "One picture, several categories", "At least one of these categories is wrong."),
        ("sellers", "One picture, several sellers", "A copied listing, a shared catalog picture, or a counterfeit."),
        ("products", "One picture, several products", "The same thing listed twice, or a picture that was reused."),
        ("", "One picture twice in a product", "Harmless, and useless."),
    )
    by_trouble = {name: [group for group in found.groups if _trouble(group) == name] for name, _, _ in kinds}
    shown = "".join(_groups(title, words, by_trouble[name], pictures) for name, title, words in kinds)
    return (
        card(table(["copies", "groups", "photos"], counts) + table(["groups of one picture", ""], troubles))
        + reading("A copy counts once in training and must not stand on both sides of a split.")
        + shown
    )


def _trouble(group: CopyGroup) -> str:
    """The worst that the photos of a group disagree about; "" where they are of one product."""
    for name in ("categories", "sellers", "products"):
        if len(getattr(group, name)) > 1:
            return name
    return ""


def _groups(title: str, words: str, groups: list[CopyGroup], pictures: Pictures) -> str:
    if not groups:
        return ""
    shown = _grid(groups[:GROUPS], pictures)
    more = f" Shown: {GROUPS} of {len(groups):,}." if len(groups) > GROUPS else ""
    return f"<h3>{escape(title)}</h3>{reading(words + more)}{shown}"


def _grid(groups: list[CopyGroup], pictures: Pictures) -> str:
    """Groups of a few photos two in a row, larger ones in a row of their own."""
    frames = "".join(
        f'<div class="{"" if len(group.images) <= HALF_ROW else "row"}">{_group(group, pictures)}</div>'
        for group in groups
    )
    return f'<div class="two">{frames}</div>'


def _group(group: CopyGroup, pictures: Pictures) -> str:
    """The photos of one group in a frame, under what they disagree about."""
    said = [
        f"{name}: {', '.join(values)}"
        for name, values in (("sellers", group.sellers), ("brands", group.brands), ("prices", group.prices))
        if len(values) > 1
    ]
    tie = {"exact": "the same file", "pixel": "the same pixels", "near": "most likely the same picture"}[group.kind]
    more = f"{len(group.images) - PHOTOS:,} more not shown" if len(group.images) > PHOTOS else ""
    line = "; ".join(part for part in (tie, *said, more) if part)
    return card(reading(line) + photos(pictures.show(image, product) for image, product in group.images[:PHOTOS]))

"""`catalens gallery list`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from catalens.cli.console import BUNDLE, emit, json_option, say

if TYPE_CHECKING:
    from catalens.core.bundle import Bundle


@click.command()
@click.argument("bundle", type=BUNDLE)
@json_option
def command(bundle: Path, as_json: bool) -> None:
    """List the categories that were added to a bundle.

    \b
    Example:
      catalens gallery list new.bundle
    """
    from catalens.core.bundle import Bundle

    opened = Bundle(bundle)
    if as_json:
        emit(described(opened))
    else:
        show(opened)


def described(bundle: Bundle) -> dict[str, Any]:
    """The bundle and what was added to it, as JSON; `alike` is the trained category that one looks most like."""
    gallery, made = bundle.gallery, bundle.manifest.gallery or {}
    categories = []
    for category, alike in zip(gallery.categories, gallery.alike(), strict=True) if gallery else ():
        categories.append(
            {
                "id": category.id,
                "path": list(bundle.taxonomy.path_names(category.id)),
                "parent": category.parent,
                "photos": category.photos,
                "promised": category.promised,
                "calibrated": category.calibrated,
                "alike": {"id": bundle.taxonomy.leaves[alike.leaf], "score": alike.cosine},
            }
        )
    return {
        "bundle": str(bundle.path),
        "name": bundle.name,
        "digest": bundle.digest,
        "made_from": made.get("made_from"),
        "categories": categories,
        "fitted": made.get("fitted"),
    }


def show(bundle: Bundle) -> None:
    """The same for people."""
    from catalens.core.taxonomy import SEPARATOR

    found = described(bundle)
    for category in found["categories"]:
        promised = "promises hold" if category["promised"] else "no promise yet"
        like = SEPARATOR.join(bundle.taxonomy.path_names(category["alike"]["id"]))
        click.echo(
            f"{SEPARATOR.join(category['path'])}  {category['photos']} photos, {promised}; "
            f"most like {like} ({category['alike']['score']:.2f})  [{category['id']}]"
        )
    added = len(found["categories"])
    what = "category" if added == 1 else "categories"
    say(f"{bundle.path}: {bundle.name}, {added:,} {what} added to {bundle.manifest.classes:,} trained ones")
    if found["fitted"] and added:
        first = found["fitted"]["trials"][0]
        say(
            f"Simulated with {first['hidden']} trained categories of {first['photos']} photos: "
            f"{first['measured']['new_right']:.1%} of their products found."
        )
        if actual := found["fitted"]["actual"]:
            say(
                f"On {actual['old']:,} calibration products of trained categories, accuracy was "
                f"{actual['old_before']:.1%} before and is {actual['old_after']:.1%}."
            )
        else:
            say("What they cost the trained categories was not counted; pass --catalog to `gallery add` for that.")

"""`catalens cache`."""

from __future__ import annotations

from pathlib import Path

import click

from catalens.cli.console import FOLDER, emit, json_option, say
from catalens.cli.exits import ERROR
from catalens.core.cache import FROZEN, KINDS, SQUARES, Kept, kept, remove
from catalens.core.folders import user_cache


@click.command()
@click.option("--clear", multiple=True, type=click.Choice([*KINDS, "all"]), help="Delete these; may be repeated.")
@click.option("--unused", type=click.FloatRange(min=0), metavar="DAYS", help="Only what nobody used for so long.")
@click.option("--folder", type=FOLDER, help="A train.cache_dir, where squares and frozen lie.  [default: the user's]")
@json_option
def command(clear: tuple[str, ...], unused: float | None, folder: Path | None, as_json: bool) -> int | None:
    """Show what Catalens keeps to be faster next time, and delete it.

    All of it can be made or fetched again. Do not delete what a running training or service uses.

    \b
    Example:
      catalens cache
      catalens cache --clear frozen --clear squares --unused 30
    """
    kinds = tuple(KINDS) if folder is None else (SQUARES, FROZEN)
    if clear and "all" not in clear:
        kinds = tuple(kind for kind in kinds if kind in clear)
    root = folder or user_cache()
    found = [thing for thing in kept(root, kinds) if unused is None or thing.idle_days >= unused]
    deleted = _removed(found) if clear else []
    if as_json:
        emit({"folder": str(root), "things": [_plain(thing, deleted=thing in deleted) for thing in found]})
    else:
        _show(root, found)
    if clear:
        say(f"deleted: {len(deleted):,}, {_megabytes(sum(thing.size for thing in deleted))}")
    return ERROR if clear and len(deleted) < len(found) else None


def _removed(found: list[Kept]) -> list[Kept]:
    """Those that were deleted; of the others it says why not."""
    deleted = []
    for thing in found:
        try:
            remove(thing)
        except OSError as error:
            say(f"cannot be deleted: {error}")
        else:
            deleted.append(thing)
    return deleted


def _show(root: Path, found: list[Kept]) -> None:
    for thing in found:
        name = str(thing.path.relative_to(root / thing.kind))
        click.echo(f"{thing.kind:<9} {_megabytes(thing.size):>12}  used {thing.idle_days:5.0f} days ago  {name}")
    for kind in dict.fromkeys(thing.kind for thing in found):
        of_kind = [thing.size for thing in found if thing.kind == kind]
        say(f"{kind}: {KINDS[kind]}, {len(of_kind):,} with {_megabytes(sum(of_kind))}")
    say(f"{root}: {_megabytes(sum(thing.size for thing in found))}" if found else f"{root}: nothing")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _plain(thing: Kept, *, deleted: bool) -> dict[str, object]:
    return {
        "kind": thing.kind,
        "path": str(thing.path),
        "bytes": thing.size,
        "idle_days": round(thing.idle_days, 2),
        "deleted": deleted,
    }

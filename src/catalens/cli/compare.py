"""`catalens compare`: models trained and measured the same way, one table, one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from catalens.cli.console import FOLDER, configurable, emit, json_option, progress_bar, say
from catalens.cli.exits import ERROR
from catalens.core.errors import MissingExtra


@click.command()
@click.argument("catalog", type=FOLDER)
@click.option(
    "--models", metavar="A,B,C", help="Ours or any timm name, with commas between; may be repeated.", multiple=True
)
@click.option("--recipes", metavar="R1,R2", help="Names or TOML files: each model with each of them.", multiple=True)
@click.option(
    "--vary",
    metavar="train.KEY=V1,V2",
    multiple=True,
    help="Train each with each of these values; repeated, every combination.",
)
@click.option(
    "--for",
    "own",
    nargs=2,
    metavar="MODEL train.KEY=VALUE",
    multiple=True,
    help="A setting of one model alone, such as its size; may be repeated.",
)
@click.option("--out", type=FOLDER, help="The folder of runs, bundles and the page.  [default: CATALOG.compare]")
@click.option("--split", metavar="PART", help="The part to measure on.  [default: test]")
@configurable
@json_option
def command(
    catalog: Path,
    models: tuple[str, ...],
    recipes: tuple[str, ...],
    vary: tuple[str, ...],
    own: tuple[tuple[str, str], ...],
    out: Path | None,
    split: str | None,
    config: Path | None,
    assignments: tuple[str, ...],
    as_json: bool,
) -> int | None:
    """Train several models on a catalog, and set them beside each other.

    Each is trained, exported and measured the same way; then the best together, and weights averaged where they can
    be. What was done stays in the folder: run again, after a stop or with more models, it goes on from there. A model
    that fails is a row with its cause; the exit code is then 1.

    \b
    Example:
      catalens compare shop.catalog --models residual_cnn,resnet50 --set train.epochs=10
      catalens compare shop.catalog --models resnet18 --vary train.class_weights=none,balanced
      catalens compare shop.catalog --models resnet50,inception_v3 --for inception_v3 train.size=96
    """
    try:
        from catalens.compare.run import run
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("catalens"):
            raise
        raise MissingExtra("Comparing", "train") from None
    from catalens.compare.rows import table
    from catalens.compare.settings import CompareSettings
    from catalens.core.catalog import Catalog
    from catalens.core.config import load

    flags = {
        "split": split,
        "models": _listed(models),
        "recipes": _listed(recipes),
        "vary": _varied(vary) or None,
        "own": _own(own) or None,
    }
    chosen = load(config, CompareSettings, {**flags, **_assigned(assignments)}, section="compare")
    folder = out if out is not None else catalog.with_name(f"{catalog.resolve().stem}.compare")
    with progress_bar(f"comparing on {catalog.name}") as progress:
        found = run(Catalog(catalog), folder, chosen, say=say, progress=progress)
    say()
    say(table(found.rows, promise=found.promise))
    for note in found.notes:
        say(note)
    say(f"page: {folder / 'compare.html'}")
    if as_json:
        emit(found.to_json())
    return ERROR if found.failed else None


def _listed(given: Sequence[str]) -> tuple[str, ...] | None:
    """("a,b", "c") -> ("a", "b", "c"); None where nothing was given."""
    names = tuple(name.strip() for text in given for name in text.split(",") if name.strip())
    return names or None


def _varied(vary: Sequence[str]) -> dict[str, list[Any]]:
    """("train.sampling=natural,sqrt",) -> {"sampling": ["natural", "sqrt"]}; a TOML list is taken as it is."""
    from catalens.core.config import parse_assignments

    found: dict[str, list[Any]] = {}
    for text in vary:
        key, equals, values = text.partition("=")
        if not equals or not key.startswith("train."):
            raise click.BadParameter(f"expected train.KEY=VALUE,VALUE, got {text!r}", param_hint="--vary")
        if values.strip().startswith("["):
            found.update(parse_assignments((text,), section="train"))
            continue
        each = [parse_assignments((f"{key}={value}",), section="train") for value in values.split(",")]
        found[key.removeprefix("train.")] = [value for one in each for value in one.values()]
    return found


def _own(own: Sequence[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """(("vgg16", "train.size=64"),) -> {"vgg16": {"size": 64}}."""
    from catalens.core.config import parse_assignments

    found: dict[str, dict[str, Any]] = {}
    for model, text in own:
        found.setdefault(model, {}).update(parse_assignments((text,), section="train"))
    return found


def _assigned(assignments: tuple[str, ...]) -> dict[str, Any]:
    """`--set compare.KEY=VALUE`, and `--set train.KEY=VALUE` for all members."""
    from catalens.core.config import parse_assignments

    train = tuple(text for text in assignments if text.strip().startswith("train."))
    mine = tuple(text for text in assignments if text not in train)
    for_all = {f"train.{key}": value for key, value in parse_assignments(train, section="train").items()}
    return {**for_all, **parse_assignments(mine, section="compare")}

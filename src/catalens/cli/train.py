"""`catalens train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from catalens.cli.console import FILE, FOLDER, configurable, emit, json_option, progress_bar, say, settings

if TYPE_CHECKING:
    from catalens.train.settings import TrainSettings


class _Batch(click.ParamType):  # type: ignore[type-arg]  # not generic in click below 8.3
    """A number of photos, or "auto"."""

    name = "number|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        try:
            return "auto" if value == "auto" else int(value)
        except ValueError:
            self.fail(f"expected a number of photos or 'auto', got {value!r}", param, ctx)


@click.command()
@click.argument("catalog", type=FOLDER, required=False)
@click.argument("run", type=FOLDER, required=False)
@click.option("--recipe", help="classic, probe, last, full, progressive, strong, or a TOML file of your own.")
@click.option("--model", help="One of ours or any timm name.")
@click.option("--weights", help="scratch, timm, a file, or the folder of an earlier run of the same network.")
@click.option(
    "--mode", type=click.Choice(["probe", "last", "full"]), help="Train the classifier, the last stages, or all."
)
@click.option("--size", type=int, help="Side of the square the model sees, in pixels.")
@click.option("--epochs", type=int, help="How often every photo is seen.")
@click.option("--batch", type=_Batch(), help="Photos a step; auto: the most that memory holds.")
@click.option("--lr", type=float, help="Peak learning rate.")
@click.option("--views", type=int, help="probe and last: augmented views whose frozen part is computed once; 0: none.")
@click.option(
    "--tail",
    type=click.Choice(["none", "auto", "adjust", "tau_norm", "crt"]),
    help="What is done for rare categories after training; auto picks by validation.",
)
@click.option("--level", help="Train at this level of the taxonomy: its name or number, 0 the top.")
@click.option("--attribute", "attributes", multiple=True, help="Train a head for this attribute too; may be repeated.")
@click.option("--devices", type=int, help="Processes that train together: one a GPU, or a share of the CPU.")
@click.option("--seed", type=int, help="Another number, another run; the same number, the same run.")
@click.option("--resume", is_flag=True, help="Go on where RUN was stopped.")
@click.option("--preview", type=FILE, help="Write a sheet of augmented photos (.png, .jpg, .webp, .html), and stop.")
@click.option("--recipes", is_flag=True, help="List the recipes, and stop.")
@click.option("--models", is_flag=True, help="List the models that can be trained, and stop.")
@configurable
@json_option
def command(
    catalog: Path | None,
    run: Path | None,
    resume: bool,
    preview: Path | None,
    recipes: bool,
    models: bool,
    config: Path | None,
    assignments: tuple[str, ...],
    as_json: bool,
    **flags: Any,
) -> None:
    """Train a model on a catalog.

    CATALOG has to be split.  RUN becomes a folder with checkpoints, metrics.csv and curves.png;
    `catalens export` turns it into a bundle.

    \b
    Example:
      catalens train shop.catalog runs/first --model residual_cnn --epochs 20
      catalens train shop.catalog runs/tuned --model resnet50 --weights timm --recipe last
      catalens train shop.catalog --recipe strong --preview strong.png
    """
    from catalens.core.errors import MissingExtra

    try:
        import catalens.train  # noqa: F401
    except ModuleNotFoundError:
        raise MissingExtra("training", "train") from None
    if models:
        from catalens.cli.models_table import show

        return show(as_json)
    if recipes:
        return _list_recipes(as_json)
    if catalog is None or (run is None and preview is None):
        raise click.UsageError("expected CATALOG and RUN")
    from catalens.train.recipe import PRESETS, advice
    from catalens.train.settings import TrainSettings

    flags["attributes"] = flags["attributes"] or None
    chosen = settings(TrainSettings, "train", config, assignments, flags, presets=PRESETS)
    for line in advice(chosen):
        say(f"note: {line}")
    if preview is not None:
        return _preview(catalog, chosen, preview, as_json)
    assert run is not None
    return _train(catalog, run, chosen, resume, as_json)


def _train(catalog: Path, run: Path, chosen: TrainSettings, resume: bool, as_json: bool) -> None:
    from catalens.core.catalog import Catalog
    from catalens.train.run import run as train
    from catalens.train.trainer import process_rank

    with progress_bar(f"training {chosen.model}") as progress:
        info = train(Catalog(catalog), run, chosen, resume=resume, say=say, progress=progress)
    if process_rank():  # one of several processes: the first one speaks
        return
    best, tail = info["best"], info.get("tail")
    found = f"best val top-1 {best['val_top1']:.4f} in epoch {best['epoch']}" if best else "nothing to validate on"
    say(f"\n{run}: {found}, {info['seconds']:,.0f} s in all")
    for line in tail["lines"] if tail else ():
        say(line)
    say(f"next: catalens export {run} {run.name}.bundle")
    if as_json:
        said = {"run": str(run), "epochs": info["epochs"], "best": best, "seconds": info["seconds"]}
        emit(said | {"recipe": chosen.recipe, "tail": tail})


def _preview(catalog: Path, chosen: TrainSettings, path: Path, as_json: bool) -> None:
    from catalens.core.catalog import Catalog
    from catalens.train.preview import write

    write(Catalog(catalog), chosen, path)
    say(f"{path}: what training shows the model")
    if as_json:
        emit({"preview": str(path), "augment": chosen.augment, "recipe": chosen.recipe})


def _list_recipes(as_json: bool) -> None:
    from catalens.train import recipe

    if as_json:
        found = recipe.describe()
        return emit([{"name": name, "about": about, "values": recipe.values(name)} for name, about in found])
    for name, about in recipe.describe():
        say(f"{name:14}{about}")
    return say(f"\nThe files are in {recipe.FOLDER}; copy one to change it, and pass its path as --recipe")

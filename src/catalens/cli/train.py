"""`catalens train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from catalens.cli.console import FOLDER, configurable, emit, json_option, progress_bar, say, settings


@click.command()
@click.argument("catalog", type=FOLDER, required=False)
@click.argument("run", type=FOLDER, required=False)
@click.option("--model", help="One of ours or any timm name.")
@click.option("--weights", help="scratch, timm, or a safetensors file.")
@click.option(
    "--mode", type=click.Choice(["probe", "last", "full"]), help="Train the classifier, the last stages, or all."
)
@click.option("--size", type=int, help="Side of the square the model sees, in pixels.")
@click.option("--epochs", type=int, help="How often every photo is seen.")
@click.option("--batch", type=int, help="Photos a step.")
@click.option("--lr", type=float, help="Peak learning rate.")
@click.option("--seed", type=int, help="Another number, another run; the same number, the same run.")
@click.option("--resume", is_flag=True, help="Go on after the last finished epoch of RUN.")
@click.option("--models", is_flag=True, help="List the models that can be trained, and stop.")
@configurable
@json_option
def command(
    catalog: Path | None,
    run: Path | None,
    resume: bool,
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
      catalens train shop.catalog runs/tuned --model resnet50 --weights timm --mode last
    """
    from catalens.core.errors import MissingExtra

    try:
        import catalens.train  # noqa: F401
    except ModuleNotFoundError:
        raise MissingExtra("training", "train") from None
    if models:
        return _list_models(as_json)
    if catalog is None or run is None:
        raise click.UsageError("expected CATALOG and RUN")
    from catalens.core.catalog import Catalog
    from catalens.train.run import run as train
    from catalens.train.settings import TrainSettings

    chosen = settings(TrainSettings, "train", config, assignments, flags)
    with progress_bar(f"training {chosen.model}") as progress:
        info = train(Catalog(catalog), run, chosen, resume=resume, say=say, progress=progress)
    best = info["best"]
    found = f"best val top-1 {best['val_top1']:.4f} in epoch {best['epoch']}" if best else "nothing to validate on"
    say(f"\n{run}: {found}, {info['seconds']:,.0f} s in all")
    say(f"next: catalens export {run} {run.name}.bundle")
    if as_json:
        emit({"run": str(run), "epochs": info["epochs"], "best": best, "seconds": info["seconds"]})
    return None


def _list_models(as_json: bool) -> None:
    from dataclasses import asdict

    from catalens.train.zoo import cost, listed

    costs = [cost(name) for name in listed()]
    if as_json:
        return emit([asdict(each) for each in costs])
    say(f"{'model':24} {'parameters':>12} {'size':>5} {'GMACs':>8}")
    for each in costs:
        say(f"{each.name:24} {each.params:12,} {each.size:5} {each.gmacs:8.2f}")
    return say("and any other name of timm: https://huggingface.co/docs/timm")

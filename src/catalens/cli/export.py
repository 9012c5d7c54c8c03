"""`catalens export`: a run in, a bundle out, and in words what it promises."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from catalens.cli.console import FOLDER, configurable, emit, json_option, progress_bar, say, settings
from catalens.cli.promises import show_calibration
from catalens.core.errors import MissingExtra

if TYPE_CHECKING:
    from catalens.core.bundle import Bundle


@click.command()
@click.argument("run", type=FOLDER)
@click.argument("bundle", type=FOLDER)
@click.option("--catalog", type=FOLDER, help="Calibrate on this catalog; the run's own where not given.")
@click.option("--name", help="The bundle's name; its folder's where not given.")
@click.option("--weights", type=click.Choice(["best", "last"]), help="The epoch; the one the run kept where not given.")
@click.option(
    "--calibrate-on", metavar="PART", help="The part to calibrate on; val where the catalog has no such part."
)
@click.option("--strangers", type=FOLDER, help="A folder or catalog of pictures of what the shop does not sell.")
@click.option("--delta", type=float, help="Each promise holds with confidence 1 - delta.")
@click.option(
    "--with",
    "members",
    type=FOLDER,
    multiple=True,
    metavar="RUN",
    help="Average the answers of this run too, in the same graph; may be repeated.",
)
@click.option("--flip", is_flag=True, default=None, help="Average each photo with its mirror image.")
@click.option("--overwrite", is_flag=True, default=None, help="Replace a bundle that is there.")
@configurable
@json_option
def command(
    run: Path,
    bundle: Path,
    catalog: Path | None,
    config: Path | None,
    assignments: tuple[str, ...],
    as_json: bool,
    members: tuple[Path, ...],
    **flags: Any,
) -> None:
    """Turn a run into a bundle that is calibrated, checked and ready to serve.

    The graph has to answer as the checkpoint does on a set of hostile photos, or nothing is written.

    \b
    Example:
      catalens export runs/shirts shirts.bundle
      catalens export runs/shirts shirts.bundle --set export.promises=[0.95,0.99] --json
      catalens export runs/shirts shirts.bundle --with runs/other --flip
    """
    from catalens.core.catalog import Catalog

    try:
        from catalens.export import run as export
        from catalens.export.speed import alone_ms, measure
        from catalens.train.checkpoint import load_run
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("catalens"):
            raise
        raise MissingExtra("Export", "train") from None

    flags["members"] = members or None
    chosen = settings(export.ExportSettings, "export", config, assignments, flags)
    started = perf_counter()
    with progress_bar("calibrate") as progress:
        written = export.run(run, bundle, chosen, catalog=Catalog(catalog) if catalog else None, progress=progress)
    speed = measure(written)
    averaging = written.manifest.training["export"].get("averaging")
    alone = alone_ms(load_run(run, chosen.weights)) if averaging else None
    seconds = round(perf_counter() - started, 1)
    if as_json:
        manifest = written.manifest
        emit(
            {
                "bundle": str(bundle),
                "name": written.name,
                "digest": written.digest,
                "classes": manifest.classes,
                "embedding_dim": manifest.embedding_dim,
                "temperature": manifest.temperature,
                "calibration": manifest.calibration,
                "promises": manifest.promises,
                "parity": manifest.training["export"]["parity"],
                "speed": asdict(speed) | ({"alone_ms": alone} if averaging else {}),
                "seconds": seconds,
            }
        )
    else:
        _show(written)
        if averaging:
            say(f"Averages {averaging['passes']} passes a photo ({_views(averaging)}); one alone takes {alone:.1f} ms.")
        say(
            f"{speed.bytes / 1e6:.1f} MB; a photo takes {speed.decode_ms:.1f} ms to decode and "
            f"{speed.model_ms:.1f} ms in the model here. {seconds:g} s in all."
        )


def _show(bundle: Bundle) -> None:
    manifest = bundle.manifest
    calibration, parity = manifest.calibration, manifest.training["export"]["parity"]
    say(f"{bundle.path}: {bundle.name}, {manifest.classes} categories")
    say(
        f"Parity: {parity['images']} hostile photos, logits within {parity['logit_delta']:.1e} of the checkpoint's, "
        f"alone and among 32 within {parity['batch_delta']:.1e}"
    )
    together = calibration["fusion"]
    if together["note"]:
        click.secho(f"Photos of a product: {together['note']}.", fg="yellow", err=True)
    if together["table"]:
        figures = ", ".join(f"{kind} {row['top1']:.1%}" for kind, row in together["table"].items())
        say(
            f"Photos of a product: {together['kind']} ({together['several']:,} products with several, top-1: {figures})"
        )
    show_calibration(bundle)


def _views(averaging: dict[str, Any]) -> str:
    """ "2 networks, each photo and its mirror image, scales 1, 1.15"."""
    networks, scales = averaging["networks"], averaging["scales"]
    parts = [f"{networks} networks" if networks > 1 else "1 network"]
    parts += ["each photo and its mirror image"] if averaging["flip"] else []
    parts += [f"scales {', '.join(f'{scale:g}' for scale in scales)}"] if scales != [1.0] else []
    return ", ".join(parts)

"""`catalens calibrate`: a bundle calibrated on new labelled products, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from catalens.cli.console import BUNDLE, FOLDER, configurable, emit, json_option, progress_bar, settings
from catalens.cli.promises import show_calibration


@click.command()
@click.argument("bundle", type=BUNDLE)
@click.argument("catalog", type=FOLDER)
@click.argument("calibrated", type=FOLDER)
@click.option(
    "--on", "calibrate_on", metavar="PART", help="The part to calibrate on; val where the catalog has no such part."
)
@click.option("--delta", type=float, help="Each promise holds with confidence 1 - delta.")
@click.option("--by-branch", is_flag=True, default=None, help="Promise in each branch of the top level.")
@click.option("--sets", type=float, metavar="SHARE", help="How often the truth is among the suggestions; 0: no sets.")
@click.option("--strangers", type=FOLDER, help="A folder or catalog of pictures of what the shop does not sell.")
@click.option("--mix-of", type=FOLDER, help="A catalog without labels: correct for its mix of categories.")
@click.option("--mix-part", metavar="PART", help="The part of that catalog; all of it where not given.")
@click.option("--mix-method", type=click.Choice(["em", "bbse"]), help="How the mix is estimated.  [default: em]")
@click.option("--name", help="The new bundle's name; the old one's where not given.")
@click.option("--overwrite", is_flag=True, default=None, help="Replace a bundle that is there, BUNDLE itself included.")
@configurable
@json_option
def command(
    bundle: Path,
    catalog: Path,
    calibrated: Path,
    config: Path | None,
    assignments: tuple[str, ...],
    as_json: bool,
    **flags: Any,
) -> None:
    """Fit a bundle's probabilities and promises to other labelled products.

    For a new shop, new cameras, another mix.  Nothing is trained: the network stays as it is, and CALIBRATED is a
    bundle with new thresholds.

    \b
    Example:
      catalens calibrate shirts.bundle newshop.catalog newshop.bundle
      catalens calibrate shirts.bundle shop.catalog shirts.bundle --by-branch --overwrite
      catalens calibrate shirts.bundle shop.catalog winter.bundle --mix-of winter.catalog
    """
    from catalens.core.bundle import Bundle
    from catalens.core.catalog import Catalog
    from catalens.export import recalibrate

    chosen = settings(recalibrate.RecalibrateSettings, "calibrate", config, assignments, flags)
    with progress_bar("calibrate") as progress:
        written = recalibrate.run(Bundle(bundle), Catalog(catalog), calibrated, chosen, progress=progress)
    manifest = written.manifest
    if as_json:
        emit(
            {
                "bundle": str(calibrated),
                "name": written.name,
                "digest": written.digest,
                "temperature": manifest.temperature,
                "calibration": manifest.calibration,
                "promises": manifest.promises,
                "sets": manifest.sets,
                "open_world": manifest.open_world,
                "mix": manifest.mix,
            }
        )
    else:
        show_calibration(written)

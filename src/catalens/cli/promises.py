"""What a bundle's calibration says, in words: for `export` and `calibrate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from catalens.cli.console import say

if TYPE_CHECKING:
    from catalens.core.bundle import Bundle


def show_calibration(bundle: Bundle) -> None:
    """On what it was calibrated, what that changed, what is promised."""
    manifest, calibration = bundle.manifest, bundle.manifest.calibration
    if calibration["note"]:
        click.secho(calibration["note"], fg="yellow", err=True)
    say(
        f"Calibrated on {calibration['products']:,} products of {calibration['part']!r}: temperature "
        f"{manifest.temperature:.3f}, calibration error {calibration['before']['ece']:.3f} -> "
        f"{calibration['after']['ece']:.3f}"
    )
    for promise in bundle.promises:
        levels = [
            f"{bundle.taxonomy.level_name(rule.level)}{_branch(bundle, rule.branch)} from {rule.threshold:.3f} "
            f"({rule.accepted:,} products)"
            for rule in promise.rules
            if rule.threshold is not None
        ]
        say(f"  {promise.precision * 100:g} % right: {', '.join(levels) or 'no promise at any level'}")
    if bundle.sets is not None:
        say(f"  suggestions hold the right category {bundle.sets.coverage:.0%} of the time")


def _branch(bundle: Bundle, branch: str | None) -> str:
    return f" in {bundle.taxonomy[branch].name()}" if branch is not None else ""

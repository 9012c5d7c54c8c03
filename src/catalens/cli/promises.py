"""What a bundle's calibration says, in words: for `export` and `calibrate`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

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
    for line in (*_strangers(manifest.open_world), *_mix(manifest.mix)):
        say(line)


def _strangers(values: dict[str, Any] | None) -> Iterator[str]:
    """What the limits of strangers let pass."""
    if not values or not values.get("near"):
        return
    rule, own = values["rule"], values["products"]
    lost = own["far"] + own["near"]
    yield f"  strangers: {lost:.1%} of its own products are taken for one"
    kinds = {"near": "of no known category", "far": "far"}
    for role, group in (("near", "unknown"), ("far", "strangers")):
        if rule[role] and values[role]:
            found = 1 - values[group]["known"]
            best = next(one for one in values[role]["measures"] if one["scorer"] == rule[role]["scorer"])
            yield f"    {kinds[role]}: {found:.0%} found, by {best['scorer']} (AUROC {best['auroc']:.3f})"


def _mix(values: dict[str, Any] | None) -> Iterator[str]:
    if not values:
        return
    yield f"  {values['sentence']}"
    if gain := values["before_after"]:
        before, after = gain["before"]["top1"], gain["after"]["top1"]
        yield f"    of its {gain['products']:,} labelled products, {before:.1%} right before and {after:.1%} after"


def _branch(bundle: Bundle, branch: str | None) -> str:
    return f" in {bundle.taxonomy[branch].name()}" if branch is not None else ""

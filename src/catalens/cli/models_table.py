"""`catalens train --models`: what can be trained, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from catalens.cli.console import emit, progress_bar, say


def show(as_json: bool, *, names: Sequence[str] = (), measure: bool = True) -> None:
    """Print the table of `names`, of all that are listed where none is given; as JSON if asked for.

    With `measure`, one photo is run through each.  Raises ConfigError for an unknown name.
    """
    from dataclasses import asdict

    import torch

    from catalens.train.zoo import table

    with progress_bar("measuring" if measure else "counting") as progress:
        costs = table(names, measured=measure, progress=progress)
    if as_json:
        return emit([asdict(each) for each in costs])
    say(f"{'model':24} {'parameters':>12} {'size':>5} {'GMACs':>8} {'ms':>8}  pretrained")
    for each in costs:
        ms = "-" if each.ms is None else f"{each.ms:.1f}"
        say(f"{each.name:24} {each.params:12,} {each.size:5} {each.gmacs:8.2f} {ms:>8}  {each.weights}")
    if measure:
        say(f"ms: one photo by torch, {torch.get_num_threads()} threads here; a bundle's graph is often faster")
    return say("and any other name of timm: https://huggingface.co/docs/timm")

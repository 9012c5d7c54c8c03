"""What does `train.tail` buy?  Each family, chosen on val and measured on parts that took no part, for one trained run.

    catalens train fashion.catalog run --weights mobilenetv2_100.safetensors --set train.tail=none
    python benchmarks/long_tail.py run fashion.catalog --part test --part calib

The run is not changed: the classifiers are made, measured and forgotten.  Figures are per photo.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from catalens.cli.console import progress_bar
from catalens.core.catalog import Catalog
from catalens.train.checkpoint import load_run
from catalens.train.dataset import PhotoDataset, photos_of
from catalens.train.rebalance import PLAIN, Change, Linear, changes, retrained
from catalens.train.settings import TrainSettings
from catalens.train.tail import Candidate, choose, features_of, measured, temperature

FAMILIES = ("adjust", "tau_norm", "crt", "auto")


def main() -> None:
    arguments = parse()
    run, catalog = load_run(arguments.run), Catalog(arguments.catalog)
    settings = TrainSettings.model_validate(run.info["settings"])
    seen = {}
    with progress_bar("features") as progress:
        for part in ("train", "val", *arguments.part):
            photos = PhotoDataset(photos_of(catalog, part, run.taxonomy), run.preprocess)
            seen[part] = features_of(run.model, photos, settings, device=arguments.device, progress=progress)
    counts = np.bincount(seen["train"][1], minlength=len(run.taxonomy.leaves))
    plain = Linear(run.model.head.weight.detach(), run.model.head.bias.detach())
    other = retrained(plain, *seen["train"], smoothing=settings.label_smoothing, seed=settings.seed)

    def tried(changes: tuple[Change, ...], part: str) -> tuple[Candidate, ...]:
        return measured(changes, plain, other, *seen[part], counts, counts)

    print(f"{'tail':<10}{'chosen on val':<48}" + "".join(f"{part:>28}" for part in ("val", *arguments.part)))
    unit = temperature(plain, *seen["val"])
    chosen = {name: choose(tried(changes(name, unit), "val"), settings.tail_cost).change for name in FAMILIES}
    for name, change in {"none": PLAIN, **chosen}.items():
        columns = []
        for part in ("val", *arguments.part):
            before, after = tried((PLAIN, change), part)
            few = "-" if after.few is None else f"{after.few:.3f} ({100 * (after.few - before.few):+.1f})"
            columns.append(f"{after.top1:.3f} ({100 * (after.top1 - before.top1):+.1f}) {few}")
        print(
            f"{name:<10}{change.name} {change.strength:<{47 - len(change.name)}}" + "".join(f"{c:>28}" for c in columns)
        )
    print("each: top-1, mean recall of the few-shot categories (points against none)")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a folder that `catalens train` wrote, with train.tail=none")
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--part", action="append", default=[], help="measured on this part; may be repeated")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    arguments.part = arguments.part or ["test"]
    return arguments


if __name__ == "__main__":
    main()

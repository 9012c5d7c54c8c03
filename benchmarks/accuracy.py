"""How right is it on real data?  Each benchmark is ingest, split, train, export and evaluate, as a user types them.

    python benchmarks/accuracy.py grocery|clothing|fashion [--data FOLDER] [--weights FILE] [--work FOLDER]

Data: GroceryStoreDataset (official train and val), clothing-dataset-small (its train and validation), Fashion Product
Images small (our grouped 70/10/10/10 split, leaves of 10 products or more, native 60x80 photos).  No epoch is chosen
on the validation parts of grocery and clothing: the last one is taken.  Their promises are calibrated there, for want
of another part, which the bundle says.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
RECIPE = ["--model", "mobilenetv2_100", "--set", "train.keep=last"]


@dataclass(frozen=True)
class Benchmark:
    """`asked` are the least top-1 figures: of the leaves, and of the top level where one is asked for."""

    source: str
    ingest: list[str]
    split: list[str]
    train: list[str]
    part: str
    asked: dict[str, float]


BENCHMARKS = {
    "grocery": Benchmark(
        source="grocery",
        ingest=[],
        split=[],
        train=["--size", "192", "--epochs", "12", "--set", "train.backbone_lr=0.25", "--set", "train.augment=strong"],
        part="val",
        asked={"top1": 0.80},
    ),
    "clothing": Benchmark(
        source="clothing/images.csv",
        ingest=["--split-column", "benchmark_split"],
        split=["--given-only"],
        train=["--size", "192", "--epochs", "8", "--set", "train.backbone_lr=0.25", "--set", "train.augment=strong"],
        part="val",
        asked={"top1": 0.85},
    ),
    "fashion": Benchmark(
        source="fashion",
        ingest=[],
        split=["--min-products", "10"],
        train=["--size", "96", "--epochs", "8", "--batch", "64", "--set", "train.backbone_lr=0.5"],
        part="test",
        asked={"top1": 0.82, "top1@masterCategory": 0.98, "precision@0.95": 0.94, "precision@0.98": 0.97},
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=BENCHMARKS)
    parser.add_argument("--data", type=Path, default=SHARED / "data")
    parser.add_argument("--weights", type=Path, default=SHARED / "weights" / "mobilenetv2_100.safetensors")
    parser.add_argument("--work", type=Path, default=ROOT / "bench")
    given = parser.parse_args()
    benchmark = BENCHMARKS[given.name]
    work = given.work / given.name
    work.mkdir(parents=True, exist_ok=True)
    catalog, run, bundle = (str(work / name) for name in (f"{given.name}.catalog", "run", f"{given.name}.bundle"))

    catalens("ingest", str(given.data / benchmark.source), catalog, *benchmark.ingest)
    catalens("split", catalog, *benchmark.split)
    resume = ["--resume"] if (work / "run" / "run.json").exists() else []
    catalens("train", catalog, run, *RECIPE, "--weights", str(given.weights), *benchmark.train, *resume)
    catalens("export", run, bundle, "--overwrite")
    gates = [f"--require={key}={least}" for key, least in benchmark.asked.items()]
    figures = catalens("evaluate", bundle, catalog, "--split", benchmark.part, *gates)
    print(
        json.dumps({key: value for key, value in figures.items() if key not in ("per_class", "confusions")}, indent=1)
    )


def catalens(verb: str, *arguments: str) -> dict[str, Any]:
    """Run one verb as a user would; its JSON.  Ends the benchmark with the verb's exit code if that is not 0."""
    print("catalens", verb, *arguments, file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "catalens", verb, *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        print(done.stdout)
        raise SystemExit(done.returncode)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


if __name__ == "__main__":
    main()

"""What does computing the frozen trunk once save, and what does it cost?  Mode `last` with views against without.

    python benchmarks/frozen_trunk.py CATALOG --weights FILE_OR_RUN [--model mobilenetv2_100] [--size 224] [--epochs 20]
        [--views 4] [--lr 1e-3] [--mode last] [--out FOLDER] [--set train.KEY=VALUE ...]

Two runs of `catalens train` that differ in `train.views` only, the one with views first and with an empty cache, so
that its time holds the computing of the trunk.  Seconds are of the whole `run`.  Prints JSON; targets: 5 times as fast,
val top-1 within 1 point.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from catalens.core.catalog import Catalog
from catalens.core.config import parse_assignments
from catalens.train.run import run
from catalens.train.settings import TrainSettings

TARGET_RATIO, TARGET_POINTS = 5.0, 1.0


def timed(catalog: Catalog, folder: Path, settings: TrainSettings) -> dict[str, Any]:
    """Seconds and best val top-1 of one run."""
    started = time.perf_counter()
    info = run(catalog, folder, settings, say=lambda line: print(line, file=sys.stderr))
    return {
        "views": settings.views,
        "seconds": round(time.perf_counter() - started, 1),
        "epochs": info["epochs"],
        "val_top1": info["best"]["val_top1"] if info["best"] else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--model", default="mobilenetv2_100")
    parser.add_argument("--weights", required=True, help="a file, or the folder of a run")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--mode", default="last", choices=["last", "probe"])
    parser.add_argument("--out", type=Path, default=None, help="where the runs are kept")
    parser.add_argument("--set", action="append", default=[], metavar="train.KEY=VALUE", help="of both runs")
    given = parser.parse_args()
    catalog = Catalog(given.catalog)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.out or Path(temporary)
        results = []
        for views in (given.views, 0):
            values: dict[str, Any] = {
                "model": given.model,
                "weights": given.weights,
                "size": given.size,
                "epochs": given.epochs,
                "lr": given.lr,
                "mode": given.mode,
                "views": views,
                "cache_dir": str(Path(temporary) / f"cache-{views}"),
            }
            values |= parse_assignments(given.set, section="train")
            results.append(timed(catalog, folder / f"views-{views}", TrainSettings.model_validate(values)))
    cached, anew = results
    points = 100 * (cached["val_top1"] - anew["val_top1"]) if cached["val_top1"] is not None else None
    result = {
        "question": "frozen trunk computed once against anew in each epoch",
        "model": given.model,
        "mode": given.mode,
        "size": given.size,
        "runs": results,
        "ratio": round(anew["seconds"] / cached["seconds"], 2),
        "points": round(points, 2) if points is not None else None,
        "targets": {"ratio": TARGET_RATIO, "points": TARGET_POINTS},
        "threads": torch.get_num_threads(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}",
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
